"""Nothing bad is ever published: what may happen to three directories overnight, and what becomes of it.

On Monday the company is published. On Tuesday something strikes. A directory that cannot be read stays
as it was; a day beyond the limits is held, says why, and can be let through; a day within them is
published. On Wednesday all is right.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
import pytest

from opensense_okta.publishing.approval import numbers, record_approval, require_approvable
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import published
from opensense_okta.resolution.changes import Difference
from opensense_okta.simulator.entra.faults import make_fault as entra_fault
from opensense_okta.simulator.okta.faults import make_fault as okta_fault
from opensense_okta.storage.lake import Lake
from tests.support.events import keep_events_in_memory
from tests.support.lakes import copied
from tests.support.place import Place
from tests.support.three_directories import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Company,
    Monday,
    Rows,
    Synced,
    content,
    digest,
    working,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Strike:
    """What happens overnight, and which directories tell something else then."""

    happens: Callable[[Company], object]
    struck: tuple[str, ...]

    def __call__(self, company: Company) -> None:
        self.happens(company)


UNCHANGED = Difference()


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Monday:
    """The first day of all, which every story begins with."""
    return Monday.begin(tmp_path_factory.mktemp("monday"))


@dataclass(frozen=True)
class Tuesday:
    """A Tuesday that was synced: the lake, the published database of before, and how the sync ended."""

    monday: Monday
    lake: Lake
    before: str
    synced: Synced


@pytest.fixture(scope="module")
def tuesdays(monday: Monday) -> Callable[[str, Strike], Tuesday]:
    """Syncs the Tuesday of a strike once; nobody changes its lake."""

    @cache
    def tuesday(name: str, strike: Strike) -> Tuesday:
        lake = monday.lake(name, struck=strike.struck)
        before = digest(lake)
        with working(monday.place) as company:
            strike(company)
            synced = company.sync(lake, TUESDAY)
        return Tuesday(monday, lake, before, synced)

    return tuesday


# What strikes.

EVERYWHERE = ("okta", "entra", "hr")


def everywhere(happens: Callable[[Company], object]) -> Strike:
    """A strike that each directory may tell of."""
    return Strike(happens, struck=EVERYWHERE)


def okta_says(fault: str, **options: object) -> Strike:
    """Okta answers wrongly, again and again."""
    return Strike(
        lambda company: company.okta.faults.append(okta_fault(fault, times=None, **options)),
        struck=("okta",),
    )


def entra_says(fault: str, **options: object) -> Strike:
    """Microsoft Graph answers wrongly, again and again."""
    return Strike(
        lambda company: company.entra.faults.append(entra_fault(fault, times=None, **options)),
        struck=("entra",),
    )


def hr_sends(rewrite: Callable[[Rows], Rows]) -> Strike:
    """HR's file arrives otherwise than it should."""

    def rewritten(company: Company) -> None:
        company.rewrite_hr = rewrite

    return Strike(rewritten, struck=("hr",))


def each_row(rewrite: Callable[[list[str]], list[str]]) -> Strike:
    """HR's file arrives with another order of cells under the same header."""
    return hr_sends(lambda rows: [rows[0], *map(rewrite, rows[1:])])


def a_nested_group_is_gone(place: int) -> Strike:
    """A group within Entra's group All Departments is deleted; they are placed by their size."""

    def gone(company: Company) -> None:
        tenant = company.tenant
        nested = [member.id for member in tenant.members(tenant.group("All Departments")["id"])]
        tenant.remove_group(sorted(nested, key=lambda one: len(tenant.members(one)))[place])

    return Strike(gone, struck=("entra",))


@everywhere
def no_titles(company: Company) -> None:
    """Nobody has a title any more, in any directory."""
    each_row(lambda row: [*row[:4], "", *row[5:]])(company)
    for user_id in company.org.user_ids:
        company.org.update_profile(user_id, {"title": None})


@everywhere
def another_domain(company: Company) -> None:
    """The company takes another name, and so do all its addresses."""
    for user_id in company.org.user_ids:
        profile = company.org.users[user_id]["profile"]
        renamed = {name: profile[name].replace("@acme.", "@apex.") for name in ("login", "email")}
        company.org.update_profile(user_id, renamed)


def the_rules_lose(directory: str) -> Strike:
    """Somebody takes a directory out of the organization file."""
    return Strike(lambda company: company.settings["directories"].pop(directory), struck=())


@everywhere
def hr_titles_from_departments(company: Company) -> None:
    """Somebody maps HR's title to the wrong column."""
    company.settings["directories"]["hr"]["attributes"]["title"] = "Department"


def leaving(percent: int) -> Strike:
    """So many really leave, of all directories."""

    def left(company: Company) -> None:
        staff = company.staff
        for user_id in staff[-round(percent / 100 * len(staff)) :]:
            company.org.set_status(user_id, "DEPROVISIONED")

    return Strike(left, struck=EVERYWHERE)


# What cannot be read is as it was.


@dataclass(frozen=True)
class Unread:
    """A directory that cannot be read, and the error's words."""

    strike: Strike
    directory: str
    what: str
    remedy: str


UNREAD = {
    "Okta answers []": Unread(
        okta_says("empty"),
        "okta",
        "Okta answered, but listed no users at all.",
        "An organization always has users: the credentials lack a role.",
    ),
    "Okta lists no groups": Unread(
        okta_says("empty", match=r"GET /api/v1/groups(\?|$)"),
        "okta",
        "Okta answered, but listed no groups at all, not even Everyone.",
        "The credentials lack a role.",
    ),
    "Entra lists nobody": Unread(
        entra_says("empty"),
        "entra",
        "Microsoft Graph answered, but listed no users at all.",
        "A tenant always has users: the app lacks a permission.",
    ),
    "HR's file is empty": Unread(
        hr_sends(lambda _rows: []), "hr", "people.csv is empty.", "An export is never empty."
    ),
    "HR's file has a header alone": Unread(
        hr_sends(lambda rows: rows[:1]),
        "hr",
        "people.csv has a header line, but no rows.",
        "A directory is never empty, so this is no deletion.",
    ),
    "HR's file ends in the middle of a row": Unread(
        hr_sends(lambda rows: [*rows[:40], rows[40][:6]]),
        "hr",
        "people.csv, line 41: the last row has 6 of 10 columns, so the file is only half there.",
        "If it is being written at the moment, the next try finds it whole",
    ),
    "HR's rows come twice": Unread(
        hr_sends(lambda rows: [*rows, *rows[1:]]),
        "hr",
        "people.csv, lines 2, 79: the column `employee_number` has the same value. Number of such"
        " values: 77.",
        "A value must identify one row.",
    ),
    "HR's columns are shifted, the number with them": Unread(
        each_row(lambda row: [*row[1:], row[0]]),
        "hr",
        "the column `employee_number` has the same value",
        "A value must identify one row.",
    ),
    "HR's rows lack the first column": Unread(
        each_row(lambda row: row[1:]),
        "hr",
        "people.csv, line 2: the row has 9 columns where the header has 10.",
        "A cell that contains the delimiter or a line break must be quoted.",
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_says_why(monday: Monday, name: str) -> None:
    case = UNREAD[name]
    lake = monday.lake(name, struck=case.strike.struck)
    with working(monday.place) as company:
        case.strike(company)
        ((directory, error),) = company.read(lake, TUESDAY).items()
    assert directory == case.directory
    assert case.what in error.message
    assert case.remedy in error.remedy
    assert lake.snapshot_days(directory) == [MONDAY]


@pytest.mark.parametrize("name", ["Okta answers []", "Entra lists nobody", "HR's file is empty"])
def test_nobody_is_lost_by_a_directory_that_cannot_be_read(
    tuesdays: Callable[[str, Strike], Tuesday], name: str
) -> None:
    case = UNREAD[name]
    tuesday = tuesdays(f"{name}, published", case.strike)
    assert set(tuesday.synced.errors) == {case.directory}
    assert tuesday.synced.publication.difference == UNCHANGED
    assert content(tuesday.lake) == tuesday.monday.content


# What is beyond the limits is held.

Key = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Bad:
    """A day that is held.

    Attributes:
        numbers: of each guard that holds it, as whoever approves it must have seen them.
        causes: of some of the verdicts, by guard, directory and attribute: a part of what they say.
        query: put to the database once the day has been let through, and to that of the day after.
        answer: what it gives.
        says: more words of the explanation.
        again: the numbers that hold the next day too, as it is no better.
        goes_on: whether the day after is synced as well: one of each kind is.
    """

    strike: Strike
    numbers: Mapping[str, int]
    causes: Mapping[Key, str]
    query: str
    answer: int
    says: str = ""
    again: Mapping[str, int] = field(default_factory=dict)
    goes_on: bool = False


ACTIVE_IN = "select count(*) from accounts where active and directory = "
CHANGED_THERE = (
    "the field was changed for everybody in the directory, or another field is read now."
)
COLUMN_CHANGED = "the column was changed for everybody in the file, or another column is read now."
EMPTIED_THERE = "the field was emptied or renamed in the directory, or may no longer be read."
COLUMN_EMPTIED = "the column was emptied in the file, or renamed."
LEFT = "people really left, or only a part of them was listed, as to an administrator with a restricted role."
FILE_IS_SHORT = "people really left, or the file has only a part of them."
BAD = {
    "Okta shows a third to a restricted administrator": Bad(
        okta_says("restricted-admin"),
        {"removed": 45, "removed_memberships": 233, "blanked": 120, "rewritten": 84, "unproven": 1},
        {
            ("removed", "okta", None): LEFT,
            (
                "removed_memberships",
                None,
                None,
            ): "45 of 75 active accounts of okta (60.0 %) are gone",
            (
                "blanked",
                None,
                "division",
            ): "45 of 75 active accounts of okta (60.0 %) are gone (45) or"
            " inactive (0): what only these accounts had is gone, too.",
        },
        f"{ACTIVE_IN}'okta'",
        30,
        says="Built-in groups named Everyone: 0. An administrator who cannot see it has a restricted role.",
        again={"unproven": 1},
        goes_on=True,
    ),
    "Entra no longer says which groups are in others": Bad(
        entra_says("lost-members"),
        {"removed_memberships": 66},
        {("removed_memberships", None, None): "memberships of entra"},
        "select count(*) from memberships where not direct",
        0,
        says="66 of 405 memberships (16.3 %) are gone",
    ),
    "Entra loses a large nested group": Bad(
        a_nested_group_is_gone(-1),
        {"removed_memberships": 82},
        {
            ("removed_memberships", None, None): "memberships of entra",
            (
                "removed_memberships",
                "entra",
                None,
            ): "a large group was deleted or emptied, or its members can no longer be read.",
        },
        "select count(*) from memberships",
        405 - 82,
        says="82 of 405 memberships (20.2 %) are gone",
        goes_on=True,
    ),
    "half of HR's file arrives": Bad(
        hr_sends(lambda rows: rows[: len(rows) // 2]),
        {"removed": 35},
        {("removed", "hr", None): FILE_IS_SHORT},
        f"{ACTIVE_IN}'hr'",
        36,
        says="35 of 71 active accounts of hr (49.3 %) are gone (35) or inactive (0)",
        goes_on=True,
    ),
    "HR's columns are shifted, but for the number": Bad(
        each_row(lambda row: [row[0], *row[2:-1], "", row[-1]]),
        {"blanked": 89, "rewritten": 417},
        {
            (
                "rewritten",
                None,
                "title",
            ): "title: 67 of 67 values of active accounts of hr (100.0 %) became"
            " other values: the cause is there.",
            ("rewritten", "hr", "title"): COLUMN_CHANGED,
            ("rewritten", "hr", "email"): COLUMN_CHANGED,
            ("blanked", "hr", "manager"): COLUMN_EMPTIED,
        },
        "select count(distinct title) from accounts where directory = 'hr'",
        10,
        says="title: 67 of 79 values of active people (84.8 %) became other values",
    ),
    "HR blanks every title": Bad(
        each_row(lambda row: [*row[:4], "", *row[5:]]),
        {"blanked": 67},
        {("blanked", "hr", "title"): COLUMN_EMPTIED},
        "select count(title) from accounts where directory = 'hr'",
        0,
        says="title: 67 of 67 values of active accounts of hr (100.0 %) became blank: all of them.",
    ),
    "every title is blank everywhere": Bad(
        no_titles,
        {"blanked": 75},
        {
            (
                "blanked",
                None,
                "title",
            ): "title: 69 of 69 values of active accounts of okta (100.0 %) became"
            " blank: the cause is there.",
            ("blanked", "okta", "title"): EMPTIED_THERE,
        },
        "select count(title) from people where list_contains(directories, 'okta')",
        0,
        says="title: 75 of 79 values of active people (94.9 %) became blank",
    ),
    "every e-mail domain is renamed": Bad(
        another_domain,
        {"rewritten": 152},
        {
            (
                "rewritten",
                None,
                "email",
            ): "email: 75 of 75 values of active accounts of okta (100.0 %) became"
            " other values: the cause is there.",
            ("rewritten", "hr", "email"): COLUMN_CHANGED,
            ("rewritten", "okta", "user_name"): CHANGED_THERE,
        },
        "select count(*) from people where active and email like '%@apex.%'",
        77,
        says="email: 77 of 88 values of active people (87.5 %) became other values",
        goes_on=True,
    ),
    "the rules lose HR": Bad(
        the_rules_lose("hr"),
        {"removed": 71, "missing": 1},
        {
            ("removed", "hr", None): "the organization file no longer has hr.",
            (
                "directory_missing",
                "hr",
                None,
            ): "hr is in the published directory, and no longer in the organization file.",
        },
        f"{ACTIVE_IN}'hr'",
        0,
        goes_on=True,
    ),
    "the rules lose Okta": Bad(
        the_rules_lose("okta"),
        {"removed": 75, "removed_memberships": 237, "blanked": 203, "rewritten": 140, "missing": 1},
        dict.fromkeys(
            (
                ("removed", "okta", None),
                ("removed_memberships", None, None),
                ("blanked", None, "division"),
                ("rewritten", None, "user_type"),
            ),
            "the organization file no longer has okta.",
        ),
        f"{ACTIVE_IN}'okta'",
        0,
    ),
    "HR's title is mapped to the wrong column": Bad(
        hr_titles_from_departments,
        {"rewritten": 67},
        dict.fromkeys(
            [("rewritten", None, "title"), ("rewritten", "hr", "title")],
            "the rules were changed since 2026-11-23; `opensense-okta preview` shows what they do.",
        ),
        "select count(*) from accounts where directory = 'hr' and active and title = department",
        71,
        says="title: 67 of 79 values of active people (84.8 %) became other values",
    ),
    "30 % of the people really leave": Bad(
        leaving(30),
        {"removed": 22, "removed_memberships": 55},
        {
            (
                "removed",
                None,
                None,
            ): "22 of 75 active accounts of okta (29.3 %) are gone (0) or inactive"
            " (22): the cause is there.",
            ("removed", "okta", None): LEFT,
        },
        f"{ACTIVE_IN}'okta'",
        75 - 22,
    ),
}


@dataclass(frozen=True)
class BadTuesday:
    """A bad Tuesday that was held, and why."""

    case: Bad
    tuesday: Tuesday

    @property
    def held(self) -> Held:
        """Why it was held."""
        return self.tuesday.synced.held

    @property
    def judgement(self) -> Judgement:
        """What was found of the day."""
        return self.held.judgement


@pytest.fixture(scope="module", params=BAD)
def bad(tuesdays: Callable[[str, Strike], Tuesday], request: pytest.FixtureRequest) -> BadTuesday:
    """A Tuesday that is held."""
    case = BAD[request.param]
    tuesday = tuesdays(request.param, case.strike)
    assert tuesday.synced.errors == {}
    return BadTuesday(case, tuesday)


def test_a_bad_day_is_held_and_says_why(bad: BadTuesday) -> None:
    case, held = bad.case, bad.held
    assert digest(bad.tuesday.lake) == bad.tuesday.before
    assert numbers(bad.judgement) == case.numbers
    found: dict[tuple[str, str | None, str | None], Verdict] = {
        (one.name, one.directory, one.attribute): one for one in bad.judgement.tripped
    }
    for key, words in case.causes.items():
        assert words in found[key].message
    assert case.says in held.message
    losses = re.findall(r"(?:\w+: )?\d+ of \d+ (?:memberships|values|active \w+)", held.message)
    assert len(losses) == len(set(losses)), "a number is said twice"
    assert len(str(held).splitlines()) <= 5
    assert (
        held.impact == "The directory of 2026-11-23, which it was compared with, stays published."
    )
    assert "opensense-okta approve acme --date 2026-11-24 --by YOUR_NAME" in held.remedy


def test_a_bad_day_can_be_let_through_and_the_day_after_is_right(
    bad: BadTuesday, tmp_path: Path
) -> None:
    case, lake = bad.case, copied(bad.tuesday.lake, tmp_path / "data")
    with working(bad.tuesday.monday.place) as company:
        case.strike(company)
        require_approvable(bad.judgement)
        record_approval(lake, bad.judgement, "Eve")
        publication = publish(company.organization, lake, TUESDAY)
        assert publication.approved_by == "Eve"
        assert publication.difference == bad.judgement.difference
        assert answer(lake, case.query) == case.answer
        if not case.goes_on:
            return
        approved = content(lake)
        wednesday = company.sync(lake, WEDNESDAY)
    assert answer(lake, case.query) == case.answer
    assert content(lake) == approved
    assert wednesday.errors == {}
    if case.again:
        assert numbers(wednesday.held.judgement) == case.again
    else:
        assert wednesday.publication.difference == UNCHANGED
        assert wednesday.publication.approved_by is None


MISTAKES: Mapping[str, Strike] = {
    "Okta answers [], published": UNREAD["Okta answers []"].strike,
    "half of HR's file arrives": BAD["half of HR's file arrives"].strike,
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_bad_day_that_was_a_mistake_leaves_no_trace(
    tuesdays: Callable[[str, Strike], Tuesday], tmp_path: Path, name: str
) -> None:
    tuesday = tuesdays(name, MISTAKES[name])
    lake = copied(tuesday.lake, tmp_path / "data")
    with working(tuesday.monday.place) as company:
        wednesday = company.sync(lake, WEDNESDAY)
    assert wednesday.errors == {}
    assert wednesday.publication.difference == UNCHANGED
    assert content(lake) == tuesday.monday.content


# What is within the limits is published.


@dataclass(frozen=True)
class Ordinary:
    """A day that is published, and how it differs from the day before."""

    strike: Strike
    difference: Difference


ORDINARY = {
    "Entra loses a small nested group": Ordinary(
        a_nested_group_is_gone(0), Difference(groups_removed=1, memberships_removed=8)
    ),
    "4 % of the people leave": Ordinary(
        leaving(4),
        Difference(
            changed=3,
            attributes={"active": 3, "accounts": 1, "aliases": 1},
            memberships_removed=5,
        ),
    ),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_within_the_limits_is_published(monday: Monday, name: str) -> None:
    case = ORDINARY[name]
    lake = monday.lake(name, struck=case.strike.struck)
    with working(monday.place) as company:
        case.strike(company)
        assert company.sync(lake, TUESDAY).publication.difference == case.difference
        published_then = content(lake)
        assert company.sync(lake, WEDNESDAY).publication.difference == UNCHANGED
    assert content(lake) == published_then


# The same by command.


def test_a_company_that_really_shrinks_is_held_and_let_through_by_command(
    monday: Monday, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with working(monday.place) as company, company.evening_of(TUESDAY):
        place = Place(tmp_path, company.okta)
        keep_events_in_memory(place.home)
        settings = {name: value for name, value in company.settings.items() if name != "name"}
        file = place.home / "organizations" / "acme.yaml"
        file.write_text(json.dumps(settings))  # which is YAML, too
        copied(Lake(monday.root / "monday", "acme"), place.lake.scratch.parent)
        before = digest(place.lake)
        leaving(30)(company)
        company.org.advance(TUESDAY)
        company.export_hr()

        held = place.run_here(capfd, "sync", "acme")
        assert held.status == 3, held.out + held.err
        assert "22 of 88 active people (25.0 %) are gone" in held.out
        assert f"opensense-okta approve acme --date {TUESDAY} --by YOUR_NAME" in held.out
        assert digest(place.lake) == before

        seen = ["--yes", "--removed", "22", "--removed-memberships", "55"]
        approved = place.run_here(
            capfd, "approve", "acme", "--date", str(TUESDAY), "--by", "Eve", *seen
        )
        assert approved.status == 0, approved.out + approved.err
    now = published(place.lake)
    assert now is not None
    assert (now.day, now.approved_by) == (TUESDAY, "Eve")
    assert answer(place.lake, f"{ACTIVE_IN}'okta'") == 75 - 22


def answer(lake: Lake, query: str) -> object:
    """What the published database says."""
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0]
