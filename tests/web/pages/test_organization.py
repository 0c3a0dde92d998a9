"""The page of one organization: its days, and its rules in words."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.publishing.approval import record_approval
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.web.pages import organization as organization_page
from opensense_okta.web.pages.rules import guards_in_words, people_in_words, values_in_words
from tests.support.pages import FILE, Pages, Shown, hold_day, pages, publish_day
from tests.support.run_records import record_run
from tests.support.stored import DAY, OKTA, company

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
YESTERDAY = DAY - timedelta(days=1)
MANY = {str(number): {"email": f"{number}@acme.test"} for number in range(40)}
FEW = dict(list(MANY.items())[:20])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Pages]:
    with time_machine.travel(NOON, tick=False), pages(tmp_path) as home:
        yield home


def hold(home: Pages) -> Organization:
    """Half of the people are gone today."""
    publish_day(home.lake, YESTERDAY, MANY)
    return hold_day(home.lake, DAY, FEW)


def test_each_day_has_its_state_and_what_it_changes(home: Pages) -> None:
    hold(home)
    shown = Shown(home.get("/acme/").text)
    assert f"{DAY} ✕ held back 20 0 added, 20 removed, 0 changed" in shown.words
    assert f"{YESTERDAY} ✓ published 40 40 added, 0 removed, 0 changed" in shown.words
    assert f"/acme/days/{DAY}" in shown.links
    assert f"/acme/days/{YESTERDAY}" not in shown.links


def test_an_approved_day_says_who_approved_it(home: Pages) -> None:
    acme = hold(home)
    record_approval(home.lake, judge_day(acme, home.lake, resolved_day(home.lake, DAY)), "Eve <b>")
    assert f"{DAY} resolved, not published" in Shown(home.get("/acme/").text).words
    publish(acme, home.lake, DAY)
    shown = Shown(home.get("/acme/").text)
    assert f"{DAY} ✓ published approved by Eve <b> 20 0 added, 20 removed" in shown.words
    assert f"{YESTERDAY} published before" in shown.words
    assert "b" not in shown.elements


def test_runs_lead_to_dagster_also_those_of_which_nothing_is_stored(home: Pages) -> None:
    held = record_run(
        home.instance,
        "acme",
        status=dg.DagsterRunStatus.FAILURE,
        day=str(YESTERDAY),
        more_tags={names.FAILURE: names.HELD},
    )
    failed = record_run(home.instance, "acme", status=dg.DagsterRunStatus.FAILURE)
    record_run(home.instance, "other", status=dg.DagsterRunStatus.FAILURE)
    shown = Shown(home.get("/acme/").text)
    assert f"{DAY} nothing is stored sync, failed" in shown.words
    assert f"{YESTERDAY} nothing is stored sync, held back" in shown.words
    runs = {link for link in shown.links if link.startswith("/runs/")}
    assert runs == {f"/runs/{held.run_id}", f"/runs/{failed.run_id}"}


def test_older_days_are_on_pages_of_their_own(home: Pages) -> None:
    hold(home)
    with mock.patch.object(organization_page, "DAYS", 1):
        first = Shown(home.get("/acme/").text)
        assert f"/acme/?before={DAY}" in first.links
        second = Shown(home.get(f"/acme/?before={DAY}").text)
    assert f"{YESTERDAY} ✓ published" in second.words
    assert f"{DAY} ✕" not in second.words
    assert not [link for link in second.links if "before" in link]


@pytest.mark.parametrize("day", ["x", "20261123", "2026-W48-1", "2026-11-31", "../2026-11-23"])
def test_a_day_that_is_none_is_not_found(home: Pages, day: str) -> None:
    answer = home.get("/acme/", params={"before": day})
    assert answer.status_code == 404
    assert f"“{day}” is no day." in Shown(answer.text).words


def test_an_unknown_organization_is_not_found(home: Pages) -> None:
    answer = home.get("/<b>nix/")
    assert answer.status_code == 404
    assert "There is no organization “<b>nix”." in Shown(answer.text).words
    (home.organizations / "bad.yaml").write_text("timezone: Nowhere\n")
    answer = home.get("/bad/")
    assert answer.status_code == 404
    assert "What to do: correct bad.yaml." in Shown(answer.text).words


def test_an_address_without_its_slash_leads_to_the_page(home: Pages) -> None:
    answer = home.get("/acme")
    assert (answer.status_code, answer.headers["location"]) == (307, "acme/")
    assert home.get("/nix").status_code == 404


def test_the_rules_are_on_the_page(home: Pages) -> None:
    (home.organizations / "acme.yaml").write_text(
        f"{FILE}resolution: {{match: [employee_number, email]}}\n"
    )
    words = Shown(home.get("/acme/").text).words
    assert "Accounts with the same employee number or else the same email are one person." in words
    assert "A value is the one of hr, else that of shop." in words


def test_the_rules_are_true_sentences() -> None:
    acme = company(
        {"okta": OKTA, "hr": {"kind": "csv", "users": "/srv/hr.csv"}},
        resolution={
            "match": ["employee_number", "email"],
            "always_same": [["okta/1", "hr/1"]],
            "never_same": [["okta/2", "hr/2"], ["okta/3", "hr/3"]],
            "groups": {"merge_by": "name"},
            "inactive_accounts": "ignore",
            "stale_after_days": 1,
            "when_stale": "lowest",
            "attributes": {
                "title": {"precedence": ["hr"]},
                "mobile_phone": {"precedence": ["hr"], "blank": "wins"},
                "aliases": {"merge": "union"},
            },
        },
        guards={"removed": {"count": 1200}, "directories": {"hr": {"blanked": {"percent": 2.5}}}},
    )
    assert people_in_words(acme) == [
        "Accounts with the same employee number or else the same email are one person.",
        "By hand: accounts are always one person in 1 list of accounts.",
        "By hand: no two accounts are one person in 2 lists of accounts.",
        "Groups with the same name are one group.",
    ]
    assert values_in_words(acme) == [
        "A value is the one of okta, else that of hr.",
        "title: that of hr, else that of okta.",
        "mobile phone: that of hr, else that of okta; if hr has none, it is blank.",
        "aliases: the values of all directories, as a list.",
        "Values of inactive accounts do not count.",
        "A snapshot is stale after 1 day: its values count last.",
    ]
    removed, *others = guards_in_words(acme.guards)
    assert removed.startswith("active people, or active accounts of a directory, are gone")
    assert removed.endswith(": more than 1,200 and more than 5 %, or more than 500")
    assert others[:4] == [
        "memberships are gone: more than 1,200 and more than 5 %",
        "values of an attribute become blank: more than 10 and more than 10 %",
        "values of an attribute become other values: more than 10 and more than 30 %",
        "of hr, values become blank: more than 10 and more than 2.5 %",
    ]
