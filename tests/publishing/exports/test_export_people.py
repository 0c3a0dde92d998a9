"""Who is exported, day after day: what the files have, and what the guard holds back."""

import json
from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.approval import numbers, record_approval
from opensense_okta.publishing.days import examples_of
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.state import people_left_out
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.resolution.rule_advice import advise
from opensense_okta.storage.lake import Lake
from tests.support.exporting import rows
from tests.support.stored import DAY, OKTA, company, group, store, user

TOMORROW = DAY + timedelta(days=1)
LATER = DAY + timedelta(days=2)
NAMES = ("ada", "bob", "cyd", "dag")
CSV: Mapping[str, object] = {
    "path": "out/people.csv",
    "columns": ["given_name", "manager.given_name"],
    "groups": True,
}
STAFF: Mapping[str, object] = {"groups": ["Staff"]}
MANAGERS = {"b": "a@acme.test", "a": "d@acme.test"}


def acme(people: Mapping[str, object] | None = None, **csv: object) -> Organization:
    publish = {"csv": {**CSV, **csv}} | ({"people": people} if people else {})
    okta = {**OKTA, "attributes": {"end_date": "lastDay"}}
    return company({"okta": okta}, publish=publish)


def resolved(
    lake: Lake,
    organization: Organization,
    day: date = DAY,
    *,
    staff: str = "ab",
    name: str = "Staff",
    people: str = "abcd",
    guests: str = "",
    ended: str = "",
) -> None:
    """Resolves a day with these people, of whom some are in the group `name`."""
    store(
        lake,
        [
            user(
                who[0],
                {
                    "firstName": who.title(),
                    "email": f"{who}@acme.test",
                    "login": f"{who[0]}@acme.test",
                    "managerId": MANAGERS.get(who[0]),
                    "lastDay": str(DAY) if who[0] in ended else None,
                    "title": "guest" if who[0] in guests else "Clerk",
                },
            )
            for who in NAMES
            if who[0] in people
        ],
        [group("g0", "Everyone"), group("g1", name)],
        [*(("g0", who) for who in people), *(("g1", who) for who in staff)],
        day=day,
        evidence={"everyone": len(people)},
    )
    resolve(organization, day, lake)


def exported(lake: Lake, organization: Organization, day: date = DAY, **changes: str) -> list[str]:
    """The exported people after a day that passes."""
    resolved(lake, organization, day, **changes)
    publish(organization, lake, day)
    assert export_published(organization, lake, day)
    return sorted(row[0] for row in written(lake, "people.csv"))


def held(lake: Lake, organization: Organization, day: date = TOMORROW, **changes: str) -> Judgement:
    """The judgement of a day that is held back; the exported files are as they were."""
    before = files(lake)
    resolved(lake, organization, day, **changes)
    with pytest.raises(Held) as refused:
        publish(organization, lake, day)
    assert export_published(organization, lake, day) == []
    assert files(lake) == before
    return refused.value.judgement


def files(lake: Lake) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (lake.scratch / "out").iterdir()}


def written(lake: Lake, file: str) -> list[list[str]]:
    return rows((lake.scratch / "out" / file).read_bytes())[1:]


def test_only_those_whom_the_rules_choose_are_in_any_file(lake: Lake) -> None:
    assert exported(lake, acme(STAFF)) == ["Ada", "Bob"]
    # Ada's manager is Dag, who is not exported.
    assert sorted(written(lake, "people.csv")) == [["Ada", ""], ["Bob", "Ada"]]
    assert written(lake, "groups.csv") == [
        ["okta/g0", "Everyone", "okta", "2"],
        ["okta/g1", "Staff", "okta", "2"],
    ]
    assert {row[0] for row in written(lake, "memberships.csv")} == {
        "ada@acme.test",
        "bob@acme.test",
    }
    for content in files(lake).values():
        assert b"cyd" not in content.lower()
        assert b"dag" not in content.lower()
    left_out, before = people_left_out(lake)
    assert (left_out.count, left_out.by_rule, before) == (2, {"groups": 2}, None)


def test_who_leaves_the_export_is_removed_there(lake: Lake) -> None:
    exported(lake, acme(STAFF), staff="abc")
    assert exported(lake, acme(STAFF), TOMORROW, staff="abd") == ["Ada", "Bob", "Dag"]
    assert sorted(written(lake, "people.changes.csv")) == [
        ["added", "Dag", ""],
        ["changed", "Ada", "Dag"],
        ["removed", "Cyd", ""],
    ]
    changed = {(row[0], row[1], row[4]) for row in written(lake, "memberships.changes.csv")}
    assert ("removed", "cyd@acme.test", "Everyone") in changed
    left_out, before = people_left_out(lake)
    assert before is not None
    assert (left_out.by_rule, before.by_rule) == ({"groups": 1}, {"groups": 1})


def test_a_renamed_group_never_delivers_an_empty_file(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    judgement = held(lake, acme(STAFF), name="Team")
    (reason,) = judgement.reasons
    assert reason == (
        "2 of 2 people of the export (100.0 %) are gone (0), inactive (0) or left out by publish.people (2):"
        ' all of them. Likely cause: the group "Staff" of publish.people matches nobody now.'
    )
    assert numbers(judgement) == {"removed": 2}
    _, (examples,) = examples_of(lake, judgement, judgement.tripped, 5)
    assert [(row["email"], row["now"]) for row in examples.rows] == [
        ("ada@acme.test", "publish.people.groups"),
        ("bob@acme.test", "publish.people.groups"),
    ]


def test_a_last_day_that_is_over_is_named_as_the_cause(lake: Lake) -> None:
    exported(lake, acme(STAFF), staff="a")
    (reason,) = held(lake, acme(STAFF), staff="a", ended="a").reasons
    assert reason == (
        "1 of 1 people of the export (100.0 %) are gone (0), inactive (1) or left out by publish.people (0):"
        " all of them. Likely cause: 1 ended by end_date: their last day is over."
    )


def test_a_held_export_is_delivered_when_a_person_approves_the_day(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    judgement = held(lake, acme(STAFF), staff="")
    record_approval(lake, judgement, "Kim")
    assert publish(acme(STAFF), lake, TOMORROW).approved_by == "Kim"
    assert export_published(acme(STAFF), lake, TOMORROW)
    assert written(lake, "people.csv") == []
    assert sorted(row[:2] for row in written(lake, "people.changes.csv")) == [
        ["removed", "Ada"],
        ["removed", "Bob"],
    ]
    # Nobody was exported before: there is nothing to lose.
    assert exported(lake, acme(STAFF), LATER, staff="") == []


def test_an_approved_export_that_was_not_delivered_needs_no_second_approval(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    record_approval(lake, held(lake, acme(STAFF), staff=""), "Kim")
    publish(acme(STAFF), lake, TOMORROW)
    assert exported(lake, acme(STAFF), LATER, staff="") == []


@pytest.mark.parametrize(
    ("people", "cause"),
    [
        ({"groups": ["Stuff"]}, "publish.people was changed since the export of 2026-11-23."),
        (None, "left out now: 3 by publish.people.exclude.title."),
    ],
)
def test_the_likely_cause_names_the_rule(
    lake: Lake, people: Mapping[str, object] | None, cause: str
) -> None:
    before = {"exclude": {"title": ["Guest"]}}
    exported(lake, acme(before))
    judgement = held(lake, acme(people or before), guests="abc")
    assert cause in judgement.reasons[0]


def test_people_who_are_gone_are_reported_once(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    (reason,) = held(lake, acme(STAFF), people="cd", staff="").reasons
    assert "2 of 4 active people (50.0 %) are gone (2) or inactive (0)" in reason
    assert "export" not in reason


def test_without_the_last_export_the_published_people_are_compared(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    state = lake.scratch / "exported.json"
    state.write_text("{")
    assert held(lake, acme(STAFF), name="Team").held
    state.unlink()
    assert held(lake, acme({"groups": ["Stuff"]}), LATER).held


def test_an_export_that_an_older_version_recorded_is_compared(lake: Lake) -> None:
    """It had everyone who was active, and no word of rules."""
    exported(lake, acme())
    state, mark = lake.scratch / "exported.json", lake.scratch / "published.json"
    recorded, publications = json.loads(state.read_text()), json.loads(mark.read_text())
    for added in ("people_file", "people_left_out"):
        del recorded["delivered"][added]
    for publication in publications["newest_first"]:
        del publication["exported"]
    state.write_text(json.dumps(recorded))
    mark.write_text(json.dumps(publications))
    judgement = held(lake, acme(STAFF))
    assert "2 of 4 people of the export (50.0 %)" in judgement.reasons[0]
    assert "publish.people was changed" in judgement.reasons[0]


def test_a_rule_for_the_first_export_holds_nothing_back(lake: Lake) -> None:
    silent = company({"okta": OKTA})
    resolved(lake, silent)
    publish(silent, lake, DAY)
    assert exported(lake, acme(STAFF), TOMORROW) == ["Ada", "Bob"]


def test_a_day_that_is_published_is_not_exported_under_rules_that_nobody_judged(lake: Lake) -> None:
    exported(lake, acme(STAFF))
    before = files(lake)
    mistyped = acme({"groups": ["Stuff"]})
    with pytest.raises(ExportFailed, match=r"2 of 2 people of the export .* all of them") as failed:
        export_published(mistyped, lake, DAY)
    assert "`opensense-okta sync acme`" in (failed.value.remedy or "")
    assert files(lake) == before
    # Resolved again, it is held back, and can be approved.
    resolved(lake, mistyped)
    with pytest.raises(Held) as refused:
        publish(mistyped, lake, DAY)
    record_approval(lake, refused.value.judgement, "Kim")
    publish(mistyped, lake, DAY)
    assert export_published(mistyped, lake, DAY)
    assert written(lake, "people.csv") == []


def test_a_loss_within_the_limits_passes(lake: Lake) -> None:
    generous = {"removed": {"count": 3, "percent": 60}}
    organization = company(
        {"okta": OKTA}, publish={"csv": dict(CSV), "people": STAFF}, guards=generous
    )
    exported(lake, organization, staff="abcd")
    assert exported(lake, organization, TOMORROW, staff="abc") == ["Ada", "Bob", "Cyd"]


def test_a_rule_that_matches_nobody_is_an_advice(lake: Lake) -> None:
    organization = acme({"groups": ["Staff", "Stuff"], "exclude": {"email": ["svc-*"]}})
    resolved(lake, organization)
    found = [
        item
        for item in advise(organization, lake, resolved_day(lake, DAY))
        if item.name == "rule_matches_nobody"
    ]
    assert [item.message for item in found] == [
        "Pattern 1 of publish.people.exclude.email matches nobody: it has no effect.",
        'The group "Stuff" of publish.people.groups matches nobody: it has no effect.',
    ]
