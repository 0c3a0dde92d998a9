"""The groups of people in the export."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.approval import numbers
from opensense_okta.publishing.exports.dated import dated_exports
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.state import LeftOutAddresses, LeftOutGroups, last_export
from opensense_okta.publishing.exports.warnings import export_warnings, last_warnings
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.exporting import rows
from tests.support.stored import DAY, OKTA, company, group, store, user

TOMORROW = DAY + timedelta(days=1)
CSV: Mapping[str, object] = {"path": "out/people.csv", "columns": ["given_name", "groups"]}

STAFF = {"g0": "Everyone", "g1": "Sales", "g2": "Größe & Ops"}
ADA = {"g0": "ab", "g1": "a", "g2": "a"}


def exporting(**csv: object) -> Organization:
    return company({"okta": OKTA}, publish={"csv": {**CSV, **csv}})


def resolved(
    lake: Lake, groups: Mapping[str, str | None], members: Mapping[str, str], day: date = DAY
) -> None:
    """Resolves a day with the users a and b, groups by id, and the members of each."""
    store(
        lake,
        [
            user(name[0], {"firstName": name.title(), "email": f"{name}@acme.test", "login": login})
            for name, login in (("ada", "a@acme.test"), ("bob", "b@acme.test"))
        ],
        [group(group_id, name) for group_id, name in groups.items()],
        [(group_id, user_id) for group_id, users in members.items() for user_id in users],
        day=day,
        evidence={"everyone": 2},
    )
    resolve(exporting(), day, lake)


def published(
    lake: Lake, groups: Mapping[str, str | None], members: Mapping[str, str], day: date = DAY
) -> None:
    """Publishes such a day; an export would have all groups."""
    resolved(lake, groups, members, day)
    publish_approved(exporting(), lake, day)


def exported(lake: Lake, organization: Organization, day: date = DAY) -> dict[str, str]:
    """The groups of each person after an export."""
    assert export_published(organization, lake, day)
    return {row[0]: row[1] for row in written(lake, "people.csv")}


def groups_left_out(lake: Lake) -> LeftOutGroups:
    last = last_export(lake)
    assert last is not None
    return last.delivered.left_out


def written(lake: Lake, file: str) -> list[list[str]]:
    return rows((lake.scratch / "out" / file).read_bytes())[1:]


def test_groups_are_a_column_with_their_names_in_order(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    assert exported(lake, exporting()) == {"Ada": "Everyone;Größe & Ops;Sales", "Bob": "Everyone"}
    table = duckdb.read_parquet(str(lake.scratch / "out" / "people.parquet"))
    assert sorted(table.select("groups").fetchall()) == [
        (["Everyone"],),
        (["Everyone", "Größe & Ops", "Sales"],),
    ]


def test_names_can_be_those_of_opensense(lake: Lake) -> None:
    names = {"g1": "Größe & Ops", "g2": "Łódź-Ærø", "g3": "人事", "g4": "team_7", "g5": "Straße"}
    published(lake, {"g0": "Everyone", **names}, {"g0": "ab", **dict.fromkeys(names, "a")})
    assert exported(lake, exporting(group_names="opensense"))["Ada"].split(";") == [
        "everyone",
        "grosse___ops",
        "lodz_aero",
        "strasse",
        "team_7",
    ]
    # A name that has none of these letters and digits is empty.
    assert groups_left_out(lake).examples == ("okta/g3",)


def test_a_group_whose_name_identifies_no_group_is_left_out_and_counted(lake: Lake) -> None:
    names = {"g1": "Sales", "g2": "Sales", "g3": None, "g4": "A;B", "g5": "sales"}
    published(lake, {"g0": "Everyone", **names}, {"g0": "ab", **dict.fromkeys(names, "a")})
    assert exported(lake, exporting())["Ada"] == "Everyone;sales"
    left_out = groups_left_out(lake)
    assert (left_out.count, left_out.examples) == (4, ("okta/g1", "okta/g2", "okta/g3", "okta/g4"))
    # In Opensense's names, case does not count, and a semicolon is an underscore.
    assert exported(lake, exporting(group_names="opensense"))["Ada"] == "a_b;everyone"
    assert groups_left_out(lake).examples == ("okta/g1", "okta/g2", "okta/g3", "okta/g5")


def test_a_name_of_underscores_is_empty_in_opensense_only(lake: Lake) -> None:
    published(lake, {"g0": "Everyone", "g1": "__"}, {"g0": "ab", "g1": "a"})
    assert exported(lake, exporting())["Ada"] == "Everyone;__"
    assert groups_left_out(lake).count == 0
    assert exported(lake, exporting(group_names="opensense"))["Ada"] == "everyone"
    assert groups_left_out(lake).examples == ("okta/g1",)


def test_nobody_in_a_group_has_an_empty_cell(lake: Lake) -> None:
    published(lake, {"g0": "Everyone"}, {})
    assert exported(lake, exporting()) == {"Ada": "", "Bob": ""}


def test_the_changes_have_everybody_whose_groups_changed(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    exported(lake, exporting())
    published(lake, STAFF, {**ADA, "g1": "b"}, TOMORROW)
    exported(lake, exporting(), TOMORROW)
    assert sorted(written(lake, "people.changes.csv")) == [
        ["changed", "Ada", "Everyone;Größe & Ops"],
        ["changed", "Bob", "Everyone;Sales"],
    ]


def test_the_changes_refer_to_the_names_that_were_delivered(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    exported(lake, exporting())
    published(lake, STAFF, ADA, TOMORROW)
    exported(lake, exporting(group_names="opensense"), TOMORROW)
    assert sorted(written(lake, "people.changes.csv")) == [
        ["changed", "Ada", "everyone;grosse___ops;sales"],
        ["changed", "Bob", "everyone"],
    ]


def test_an_export_recorded_without_groups_lists_everybody_who_is_in_one(lake: Lake) -> None:
    """As a version before groups recorded it, with headers only."""
    published(lake, STAFF, {"g0": "a"})
    export_published(exporting(columns=["given_name"]), lake, DAY)
    state = lake.scratch / "exported.json"
    recorded = json.loads(state.read_text())
    for added in ("columns", "memberships", "left_out"):
        del recorded["delivered"][added]
    state.write_text(json.dumps(recorded))
    published(lake, STAFF, {"g0": "a"}, TOMORROW)
    exported(lake, exporting(), TOMORROW)
    assert written(lake, "people.changes.csv") == [["changed", "Ada", "Everyone"]]


def test_what_readers_know_of_groups_is_kept_although_the_day_is_not(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    exported(lake, exporting())
    published(lake, STAFF, ADA, TOMORROW)
    shutil.rmtree(lake.resolved(DAY).folder)
    exported(lake, exporting(), TOMORROW)
    assert written(lake, "people.changes.csv") == []
    stored = sorted(path.name.partition("-")[0] for path in lake.scratch.glob("exported/*/*"))
    assert stored == 2 * ["groups"] + 2 * ["memberships"] + 2 * ["people.parquet"]


FILES: Mapping[str, object] = {"columns": ["given_name"], "groups": True}
ADA_A, BOB_B = ["ada@acme.test", "a@acme.test"], ["bob@acme.test", "b@acme.test"]


def test_groups_and_memberships_are_files_beside_the_people(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    made = export_published(exporting(**FILES), lake, DAY)
    out = lake.scratch / "out"
    assert (out / "groups.csv").read_bytes() == (
        "group_id,name,directory,members_count\r\n"
        "okta/g0,Everyone,okta,2\r\n"
        "okta/g1,Sales,okta,1\r\n"
        "okta/g2,Größe & Ops,okta,1\r\n"
    ).encode()
    assert (out / "memberships.csv").read_text().splitlines()[0] == (
        "email,user_name,group_id,group,direct"
    )
    assert sorted(written(lake, "memberships.csv")) == [
        [*ADA_A, "okta/g0", "Everyone", "true"],
        [*ADA_A, "okta/g1", "Sales", "true"],
        [*ADA_A, "okta/g2", "Größe & Ops", "true"],
        [*BOB_B, "okta/g0", "Everyone", "true"],
    ]
    assert {(file.what, file.rows) for file in made} == {
        ("people", 2), ("changes", 2), ("parquet", 2), ("groups", 3), ("group_changes", 3),
        ("memberships", 4), ("membership_changes", 4), ("checksums", 7),
    }  # fmt: skip
    assert made[-1].what == "checksums"
    subprocess.run(["sha256sum", "--check", "--strict", "people.csv.sha256"], cwd=out, check=True)
    names = {Path(file.url).name for file in made}
    assert names == {path.name for path in out.iterdir()}


def test_patterns_and_ids_choose_the_groups_of_files_and_column(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    acme = exporting(groups=["Sal*", "okta/g2"])
    assert exported(lake, acme) == {"Ada": "Größe & Ops;Sales", "Bob": ""}
    assert [row[1] for row in written(lake, "groups.csv")] == ["Sales", "Größe & Ops"]
    assert {row[3] for row in written(lake, "memberships.csv")} == {"Sales", "Größe & Ops"}


@pytest.mark.parametrize("of_merged", ["okta/g1", "g1", "ad/s9", "s9"])
def test_a_merged_group_is_chosen_by_the_id_of_each_of_its_groups(
    lake: Lake, of_merged: str
) -> None:
    ada = {"firstName": "Ada", "email": "ada@acme.test", "login": "a@acme.test"}
    store(lake, [user("a", ada)], [group("g1", "Sales"), group("g2", "Ops")], [("g2", "a")])
    store(lake, [user("b", ada)], [group("s9", "sales")], [("s9", "b")], directory="ad")
    acme = company(
        {"okta": OKTA, "ad": OKTA},
        resolution={"groups": {"merge_by": "name"}},
        publish={"csv": {**CSV, "groups": [of_merged]}},
    )
    resolve(acme, DAY, lake)
    publish_approved(acme, lake, DAY)
    assert exported(lake, acme) == {"Ada": "Sales"}
    assert written(lake, "groups.csv") == [["okta/g1", "Sales", "okta", "1"]]


def test_a_renamed_group_never_delivers_empty_files(lake: Lake) -> None:
    acme = exporting(groups=["Sales*"])
    published(lake, STAFF, ADA)
    exported(lake, acme)
    before = {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()}
    published(lake, {**STAFF, "g1": "Commerce"}, ADA, TOMORROW)
    with pytest.raises(ExportFailed, match="no group of the day has such a name or id") as failed:
        export_published(acme, lake, TOMORROW)
    assert failed.value.subject == "acme"
    assert {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()} == before
    assert exported(lake, exporting(groups=["Commerce"]), TOMORROW)["Ada"] == "Commerce"


def test_a_name_that_all_groups_share_never_delivers_empty_files(lake: Lake) -> None:
    acme = exporting(groups=["Sales*"], group_names="opensense")
    published(lake, {**STAFF, "g2": "Sales Berlin"}, ADA)
    exported(lake, acme)
    before = {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()}
    published(lake, {**STAFF, "g2": "Sales"}, ADA, TOMORROW)
    with pytest.raises(ExportFailed, match="each group with members is left out") as failed:
        export_published(acme, lake, TOMORROW)
    assert "2 groups left out (okta/g1, okta/g2): " in failed.value.message
    assert {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()} == before
    chosen = exporting(groups=["okta/g1"], group_names="opensense")
    assert exported(lake, chosen, TOMORROW)["Ada"] == "sales"


EMPTIED: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "renamed": ({**STAFF, "g1": "Commerce"}, ADA, "publish.csv.groups is Sales*, but no group of"),
    "all share a name": (
        {**STAFF, "g2": "Sales"},
        ADA,
        "because each group with members is left out. 2 groups left out (",
    ),
    "without members": (STAFF, {**ADA, "g1": ""}, "No group to export has a member, so the export"),
}


@pytest.mark.parametrize(("groups", "members", "words"), EMPTIED.values(), ids=EMPTIED)
def test_a_day_that_would_empty_the_groups_of_the_export_is_held_back_before_it_is_published(
    lake: Lake, groups: Mapping[str, str], members: Mapping[str, str], words: str
) -> None:
    acme = exporting(groups=["Sales*"])
    published(lake, STAFF, ADA)
    exported(lake, acme)
    resolved(lake, groups, members, TOMORROW)
    with pytest.raises(Held) as held:
        publish(acme, lake, TOMORROW)
    judgement = held.value.judgement
    (reason,) = (reason for reason in judgement.reasons if words in reason)
    assert "What to do:" in reason
    fails = "If the day is approved, it is published and its export fails; the files before stay."
    assert (fails in reason) == (words[:8] != "No group")
    assert numbers(judgement)["removed_memberships"] == 1
    # Nobody is held back for groups that are not exported.
    alone = exporting(columns=["given_name"])
    judged = judge_day(alone, lake, resolved_day(lake, TOMORROW))
    assert not any("export" in reason for reason in judged.reasons)


def test_a_first_day_whose_export_would_fail_is_held_back_until_the_file_is_corrected(
    lake: Lake,
) -> None:
    resolved(lake, STAFF, ADA)
    with pytest.raises(Held) as held:
        publish(exporting(groups=["Nowhere"]), lake, DAY)
    assert "publish.csv.groups is Nowhere" in held.value.judgement.reasons[0]
    assert numbers(held.value.judgement) == {"removed_memberships": 0}
    publish(exporting(groups=["Sales"]), lake, DAY)
    assert exported(lake, exporting(groups=["Sales"])) == {"Ada": "Sales", "Bob": ""}


def test_a_pattern_that_matches_nothing_is_named_while_others_match(lake: Lake) -> None:
    acme = exporting(groups=["Sales*", "okta/g2", "Board"])
    published(lake, {**STAFF, "g3": "Board"}, {**ADA, "g3": "b"})
    assert exported(lake, acme) == {"Ada": "Größe & Ops;Sales", "Bob": "Board"}
    assert last_warnings(lake) == {}
    published(lake, {**STAFF, "g1": "Commerce"}, ADA, TOMORROW)
    # The groups that are still there go out: one group may be deleted for good.
    assert exported(lake, acme, TOMORROW) == {"Ada": "Größe & Ops", "Bob": ""}
    warning = last_warnings(lake)["unmatched_patterns"]
    assert warning.startswith(
        "No group of the day matches these entries of publish.csv.groups: Sales*, Board."
    )
    assert exported(lake, exporting(groups=True), TOMORROW)["Bob"] == "Everyone"
    assert last_warnings(lake) == {}


def test_a_group_that_is_left_out_is_in_no_file(lake: Lake) -> None:
    published(lake, {"g0": "Everyone", "g1": "Sales", "g2": "sales"}, {"g0": "a", "g1": "b"})
    export_published(exporting(**FILES, group_names="opensense"), lake, DAY)
    assert [row[1] for row in written(lake, "groups.csv")] == ["everyone"]
    assert [row[3] for row in written(lake, "memberships.csv")] == ["everyone"]
    # It clashes only with groups that are exported.
    export_published(
        exporting(columns=["email"], groups=["Sales"], group_names="opensense"), lake, DAY
    )
    assert [row[1] for row in written(lake, "groups.csv")] == ["sales"]
    assert groups_left_out(lake).count == 0


def test_the_changes_of_groups_turn_the_files_before_into_these(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    export_published(exporting(**FILES), lake, DAY)
    changed = {"g0": "Everyone", "g1": "Sales & Service", "g3": "Board"}
    published(lake, changed, {"g0": "ab", "g1": "a", "g3": "b"}, TOMORROW)
    export_published(exporting(**FILES), lake, TOMORROW)
    assert written(lake, "groups.changes.csv") == [
        ["changed", "okta/g1", "Sales & Service", "okta", "1"],
        ["removed", "okta/g2", "Größe & Ops", "okta", "1"],
        ["added", "okta/g3", "Board", "okta", "1"],
    ]
    assert written(lake, "memberships.changes.csv") == [
        ["changed", *ADA_A, "okta/g1", "Sales & Service", "true"],
        ["removed", *ADA_A, "okta/g2", "Größe & Ops", "true"],
        ["added", *BOB_B, "okta/g3", "Board", "true"],
    ]
    # The same day again is the same, byte for byte.
    files = {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()}
    export_published(exporting(**FILES), lake, TOMORROW)
    assert {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()} == files


def test_readers_who_had_no_files_of_groups_get_all_as_added(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    exported(lake, exporting())  # with a column of groups
    published(lake, STAFF, ADA, TOMORROW)
    export_published(exporting(**FILES), lake, TOMORROW)
    assert [row[0] for row in written(lake, "groups.changes.csv")] == 3 * ["added"]
    assert [row[0] for row in written(lake, "memberships.changes.csv")] == 4 * ["added"]


def test_files_of_another_name_give_it_to_those_of_groups(lake: Lake) -> None:
    published(lake, STAFF, ADA)
    acme = exporting(**FILES, path="out/{date}-staff.csv")
    made = export_published(acme, lake, DAY)
    names = {Path(file.url).name for file in made}
    assert {f"{DAY}-staff.groups.csv", f"{DAY}-staff.memberships.changes.csv"} < names
    # Retention finds them by the day.
    kept = dated_exports(acme, lake)[DAY]
    assert {Path(name).name for name in kept} == names


def test_an_attribute_named_groups_is_exported_as_before(lake: Lake) -> None:
    okta = {**OKTA, "attributes": {"groups": "teams"}}
    acme = company({"okta": okta}, publish={"csv": CSV})
    store(
        lake,
        [user("a", {"firstName": "Ada", "teams": "Blue"})],
        [group("g0", "Everyone")],
        [("g0", "a")],
    )
    resolve(acme, DAY, lake)
    publish_approved(acme, lake, DAY)
    assert exported(lake, acme) == {"Ada": "Blue"}


def test_a_warning_names_three_groups_and_counts_all() -> None:
    ids = tuple(f"okta/00g{number:033}" for number in range(10))
    words = export_warnings(LeftOutGroups(count=12, examples=ids), LeftOutAddresses())
    few = ", ".join(ids[:3])
    assert words["groups_left_out"].startswith(
        f"12 groups left out of the export ({few}, …): the name"
    )
    three = LeftOutGroups(count=3, examples=ids[:3])
    assert f"({few}):" in export_warnings(three, LeftOutAddresses())["groups_left_out"]
