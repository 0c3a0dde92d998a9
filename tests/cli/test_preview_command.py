"""What the command `preview` shows: hand-written days, the real commands, and a lake that stays as it is."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import time_machine

from opensense_okta.cli.main import main
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.preview import preview
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, NOON
from tests.support.home import make_home
from tests.support.lakes import copied
from tests.support.stored import OKTA, company, group, organization, store, user

YESTERDAY = DAY - timedelta(days=1)
BEFORE: Mapping[str, dict[str, str]] = {
    "Ada": {"title": "Clerk", "department": "Sales", "employeeNumber": "1"},
    "Bob": {"title": "Clerk", "mobilePhone": "+1 212 555 0101"},
    "Cid": {"title": "Clerk", "desk": "A1"},
    "Dan": {"title": "Clerk"},
    "Eli": {"title": "Clerk"},
    "Fay": {"title": "Clerk"},
}
AFTER: Mapping[str, dict[str, str]] = {
    "Ada": {"title": "Chief", "department": "Board", "employeeNumber": "1"},
    "Bob": {"title": "Clerk"},
    "Cid": {"title": "Clerk", "desk": "B2", "employeeNumber": "3"},
    "Dan": {"title": "Clerk", "costCenter": "9"},
    "Eli": {"title": "Clerk"},
    "Gus": {"title": "Clerk"},
}
INACTIVE = ("Eli",)  # today
CSV: Mapping[str, object] = {
    "path": "exports/people.csv",
    "columns": {"display_name": "name", "title": "title", "mobile_phone": "mobile"},
    "groups": ["Everyone", "Nowhere"],
}


class Ended(NamedTuple):
    """How the command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever the JSON is
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """What it said, however it was laid out."""
        return " ".join(self.out.split())


class Desk(NamedTuple):
    """Where somebody types the command."""

    home: Path
    lake: Lake
    type: Callable[..., Ended]

    def preview(self, *options: str) -> Ended:
        """Types `preview`."""
        return self.type("preview", "acme", *options)

    def document(self, *options: str) -> Any:  # noqa: ANN401 - whatever the JSON is
        """Types `preview --json`."""
        ended = self.preview(*options, "--json")
        assert ended.status == 0, ended.err
        return ended.document

    def rules(self, attributes: str = "{desk: desk}", more: str = "") -> str:
        """A file of acme's with other rules, under a name that is no organization's."""
        own = (self.home / "organizations" / "acme.yaml").read_text()
        path = self.home / "New rules.yaml"
        path.write_text(own.replace("{desk: desk}", attributes) + more)
        return str(path)

    def contents(self) -> dict[str, tuple[int, str]]:
        """Everything in the lake, and when it was changed last."""
        return {
            str(path): (
                path.stat().st_mtime_ns,
                sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            )
            for path in (self.lake.scratch, *self.lake.scratch.rglob("*"))
        }


def read(lake: Lake, day: date, profiles: Mapping[str, dict[str, str]], *inactive: str) -> None:
    """A snapshot of these people."""
    store(
        lake,
        [
            user(
                name,
                {"displayName": name, **profile},
                "DEPROVISIONED" if name in inactive else "ACTIVE",
            )
            for name, profile in profiles.items()
        ],
        [group("g1", "Everyone")],
        [("g1", name) for name in profiles],
        day=day,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yesterday is published and exported, and today is only read."""
    root = tmp_path_factory.mktemp("place")
    home = make_home(root, "http://127.0.0.1:1")
    with (home / "organizations" / "acme.yaml").open("a") as file:
        file.write(f"    attributes: {{desk: desk}}\npublish: {{csv: {json.dumps(CSV)}}}\n")
    acme = company({"okta": {**OKTA, "attributes": {"desk": "desk"}}}, publish={"csv": CSV})
    lake = Lake(root / "data", "acme")
    read(lake, YESTERDAY, BEFORE)
    resolve(acme, YESTERDAY, lake)
    publish(acme, lake, YESTERDAY)
    export_published(acme, lake, YESTERDAY)
    read(lake, DAY, AFTER, *INACTIVE)
    return root


@pytest.fixture
def desk(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    umask = os.umask(0o077)
    monkeypatch.setenv("DAGSTER_HOME", str(place / "dagster_home"))
    monkeypatch.delenv("OPENSENSE_DATA", raising=False)
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)

    def typed(*arguments: str) -> Ended:
        capfd.readouterr()
        try:
            main(list(arguments))
        except SystemExit as ended:
            return Ended(int(ended.code or 0), *capfd.readouterr())
        raise AssertionError("click always exits")

    with time_machine.travel(NOON):
        yield Desk(place / "dagster_home", Lake(place / "data", "acme"), typed)
    os.umask(umask)


def people(document: Any) -> list[tuple[str, str, list[tuple[str, str | None, str | None]]]]:  # noqa: ANN401
    """Who changes how, in the order of the document."""
    return [
        (one["kind"], one["name"], [tuple(edit.values()) for edit in one["attributes"]])
        for one in document["people"]
    ]


# What publishing would change now.


def test_people_come_by_impact_with_what_their_signatures_show(desk: Desk) -> None:
    document = desk.document()
    assert people(document) == [
        ("added", "Gus", []),
        ("changed", "Ada", [("department", "Sales", "Board"), ("title", "Clerk", "Chief")]),
        ("changed", "Bob", [("mobile_phone", "+1 212 555 0101", None)]),
        ("changed", "Cid", [("desk", "A1", "B2")]),
        ("inactive", "Eli", []),
        ("removed", "Fay", []),
    ]
    assert document["attributes"] == [
        {"attribute": name, "changed": 1, "filled": 0, "blanked": blanked, "rewritten": 1 - blanked}
        for name, blanked in (("department", 0), ("desk", 0), ("mobile_phone", 1), ("title", 0))
    ]
    assert document["people_counted"] == {"added": 1, "changed": 3, "inactive": 1, "removed": 1}
    assert document["compared_with"] == {"day": "2026-11-22", "what": "published"}
    assert document["sources"] == {"okta": "2026-11-23"}
    assert (document["difference"]["added"], document["difference"]["removed"]) == (1, 1)


def test_everything_is_shown_to_whoever_asks_for_it(desk: Desk) -> None:
    document = desk.document("--all")
    assert ("changed", "Dan", [("cost_center", None, "9")]) in people(document)
    assert {one["attribute"] for one in document["attributes"]} > {"cost_center", "employee_number"}


def test_only_so_many_of_each_kind_are_named_and_all_are_counted(desk: Desk) -> None:
    document = desk.document("--people", "1")
    assert [name for _, name, _ in people(document)] == ["Gus", "Ada", "Eli", "Fay"]
    assert document["people_counted"]["changed"] == 3


def test_what_the_guards_would_say_is_said(desk: Desk) -> None:
    document = desk.document()
    assert (document["held"], document["guards_compared_with"]) == (False, "2026-11-22")
    assert {one["guard"] for one in document["guards"]} >= {"removed", "blanked", "rewritten"}


def test_the_export_is_compared_with_the_last_one_that_was_delivered(desk: Desk) -> None:
    export = desk.document("--people", "1")["export"]
    assert (export["path"], export["compared_with"]) == ("exports/people.csv", "2026-11-22")
    assert (export["added"], export["changed"], export["removed"]) == (1, 2, 2)
    assert export["counts"] == {"people": 5, "groups": 1, "memberships": 5}
    rows = [(row["change"], *row["cells"].values()) for row in export["rows"]]
    assert sorted(rows, key=str) == [
        ("added", "Gus", "Clerk", None),
        ("changed", "Ada", "Chief", None),
        ("changed", "Bob", "Clerk", None),
        ("removed", "Eli", "Clerk", None),
        ("removed", "Fay", "Clerk", None),
        (None, "Cid", "Clerk", None),
        (None, "Dan", "Clerk", None),
    ]
    assert [row[0] is None for row in rows] == 5 * [False] + 2 * [True]
    assert [words.partition(". ")[0] for words in export["warnings"]] == [
        "No group of the day matches these entries of publish.csv.groups: Nowhere"
    ]
    shown = desk.preview("--people", "2")
    assert (
        "The export to exports/people.csv: 5 rows; compared with the export of 2026-11-22, 1 added,"
        " 2 changed, 2 removed. 1 group and 5 memberships beside them. Look at: No group of the day matches"
    ) in shown.words
    assert "2 of 7 rows, changed ones first: change row" in shown.words
    assert shown.words.count("name: ") == 2


def test_an_export_that_would_fail_says_why(desk: Desk) -> None:
    rules = Path(desk.rules())
    rules.write_text(rules.read_text().replace('"Everyone", ', ""))
    words = "publish.csv.groups is Nowhere, but no group of the day has such a name or id"
    assert f"It would fail. {words}" in desk.preview("--rules", str(rules)).words
    assert desk.document("--rules", str(rules))["export"]["failure"].startswith(words)


def test_the_lake_stays_as_it_is(desk: Desk) -> None:
    before = desk.contents()
    assert desk.preview().status == 0
    other = desk.rules("{desk: title}", "resolution: {attributes: {aliases: {merge: union}}}\n")
    for options in (["--rules", other], ["--rules", other, "--date", str(YESTERDAY)]):
        assert desk.preview(*options).status == 0
    assert desk.contents() == before


def test_people_read_it_as_tables(desk: Desk) -> None:
    ended = desk.preview()
    assert ended.status == 0
    assert (
        "acme, 2026-11-23: the directory would differ from the published directory of 2026-11-22."
        " Sources: okta of 2026-11-23."
    ) in ended.words
    assert "3 people changed: person e-mail change Ada department: Sales → Board" in ended.words
    assert "Bob mobile_phone: +1 212 555 0101 → (blank)" in ended.words
    assert "1 person gone:" in ended.words
    assert (
        "No guard would hold it back, compared with the published directory of 2026-11-22."
        " Nothing was written."
    ) in ended.words


# Other rules.


def test_other_rules_are_compared_with_what_the_own_ones_make_of_the_day(desk: Desk) -> None:
    document = desk.document("--rules", desk.rules("{desk: desk, title: department}"))
    assert people(document)[:2] == [
        ("changed", "Ada", [("title", "Chief", "Board")]),
        ("changed", "Bob", [("title", "Clerk", None)]),
    ]
    assert document["compared_with"] == {"day": "2026-11-23", "what": "rules"}


def test_fields_of_other_rules_that_nobody_has_are_named(desk: Desk) -> None:
    (desk.home / "offices.csv").write_text("city,phone\nBonn,+49 228 1\n")
    lookup = "{lookup: offices.csv, by: nowhere, take: phone}"
    rules = desk.rules(f"{{desk: desk, work_phone: {lookup}, title: [rank, title]}}")
    fields = ["title (rank)", "work_phone (nowhere)"]
    assert desk.document("--rules", rules)["unknown_fields"] == {"okta": fields}
    words = f"Look at: mapped, but no user of okta has them: {', '.join(fields)}."
    assert words in desk.preview("--rules", rules).words
    assert desk.document()["unknown_fields"] == {}


def test_the_guards_say_what_they_would_of_the_other_rules(desk: Desk) -> None:
    ended = desk.preview("--rules", desk.rules("{desk: desk, title: department}"))
    assert ended.status == 0
    assert (
        "It would be held back, compared with the published directory of 2026-11-22:"
        " title: 3 of 4 values of active people"
    ) in ended.words


def test_on_the_published_day_other_rules_are_compared_with_what_is_published(desk: Desk) -> None:
    document = desk.document(
        "--date", "2026-11-22", "--rules", desk.rules("{desk: desk, title: department}")
    )
    assert document["compared_with"] == {"day": "2026-11-22", "what": "published"}
    assert ("changed", "Ada", [("title", "Clerk", "Sales")]) in people(document)


@pytest.mark.parametrize("since", ["read again", "rules changed"])
def test_on_the_published_day_the_same_rules_change_nothing_whatever_was_done_since(
    place: Path, tmp_path: Path, since: str
) -> None:
    lake, rules = copied(Lake(place / "data", "acme"), tmp_path), organization()
    if since == "read again":
        rules = organization(attributes={"desk": "desk"})
        read(lake, YESTERDAY, {"Ada": BEFORE["Ada"]})
    found = preview(rules, lake, YESTERDAY, rules=rules)
    assert (found.rules, found.difference) == (True, Difference())
    assert found.replaces == YESTERDAY
    removed = next(one for one in found.verdicts if one.name == "removed")
    assert removed.count == (
        5 if since == "read again" else 0
    )  # it would replace what is published


def test_an_attribute_that_other_rules_declare_is_shown(desk: Desk) -> None:
    document = desk.document("--rules", desk.rules("{seat: desk}"))
    assert people(document) == [("changed", "Cid", [("desk", "B2", None), ("seat", None, "B2")])]


def test_the_same_rules_change_nothing(desk: Desk) -> None:
    ended = desk.preview("--rules", desk.rules())
    assert ended.status == 0
    assert "No signature would change." in ended.words


# What cannot be previewed.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--date", "2026-11-21"], "there is no snapshot of 2026-11-21 or of an earlier day"),
        (["--date", "2026-11-24"], "that day is in the future"),
        (["--rules", "/nowhere/rules.yaml"], "rules.yaml:1: the file cannot be read"),
    ],
)
def test_a_usage_error_is_reported_in_words(desk: Desk, options: list[str], words: str) -> None:
    ended = desk.preview(*options)
    assert ended.status == 2
    assert words in ended.err
    assert ended.out == ""


def test_mistakes_in_the_other_rules_are_named_with_their_line(desk: Desk) -> None:
    ended = desk.preview("--rules", desk.rules(more="resolutoin: {}\n"))
    assert ended.status == 2
    assert "New rules.yaml" in ended.err
    assert "resolutoin" in ended.err


def test_an_organization_of_which_nothing_is_published_is_all_new(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path))
    read(Lake(tmp_path, "acme"), DAY, AFTER)
    document = desk.document()
    assert document["compared_with"] == {"day": None, "what": None}
    assert document["people_counted"] == {"added": 6}
