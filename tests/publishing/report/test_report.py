"""What the page of a published day says, and what it never contains."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import JUDGEMENT, Judgement
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import Published, PublishedRef
from opensense_okta.publishing.report.counts import COMBINATIONS, DEPARTMENTS
from opensense_okta.publishing.report.report import DAYS, NoReport, nearness, write_report
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest, Source, resolve
from opensense_okta.storage.files import atomic_write, make_private_dir
from opensense_okta.storage.lake import Lake
from tests.support.scratch import scratch
from tests.support.stored import DAY, group, record, store, user
from tests.support.stored import organization as acme

ACME: Organization = acme()
EVERYONE = group("g1", "Everyone")
PEOPLE = (
    "person_id varchar, active boolean, department varchar, email varchar, aliases varchar[],"
    " directories varchar[], accounts varchar[]"
)


@dataclass(frozen=True)
class Person:
    department: str | None = "Sales"
    active: bool = True
    email: str | None = "somebody@acme.test"
    aliases: tuple[str, ...] = ()
    directories: tuple[str, ...] = ("okta",)


def day(number: int) -> date:
    """Of November 2026."""
    return date(2026, 11, number)


def put_out(
    lake: Lake,
    people: Sequence[Person] = (Person(),),
    *,
    conflicts: Sequence[tuple[str, str, str]] = (),
    of: date = DAY,
    sources: Mapping[str, Source] | None = None,
    before: Published | None = None,
    difference: Difference | None = None,
    approved_by: str | None = None,
) -> Published:
    """Stores the tables of a day, and that they have been published.

    Args:
        conflicts: person, kind and attribute of each.
    """
    shelf = lake.resolved(of)
    draft = shelf.draft()
    with scratch() as connection:
        connection.execute(f"create table people ({PEOPLE})")
        connection.execute("create table accounts (directory varchar, active boolean)")
        connection.execute(
            "create table conflicts (person_id varchar, kind varchar, attribute varchar)"
        )
        for number, one in enumerate(people):
            row = [f"p{number}", one.active, one.department, one.email, [*one.aliases]]
            owned = [f"{directory}/{number}" for directory in one.directories]
            connection.execute(
                "insert into people values (?, ?, ?, ?, ?, ?, ?)", [*row, [*one.directories], owned]
            )
        connection.execute("insert into accounts select unnest(directories), active from people")
        for conflict in conflicts:
            connection.execute("insert into conflicts values (?, ?, ?)", list(conflict))
        for table in ("people", "accounts", "conflicts"):
            connection.table(table).write_parquet(str(draft.table(table)))
    resolved = ResolvedManifest(
        id=draft.id,
        organization="acme",
        day=of,
        sources=sources or {"okta": Source(day=of, id="none", as_of=of, stale=False)},
        rules="rules",
        ledger=None,
        rows={"groups": 4, "memberships": 5_678},
        evidence={
            "people_active": sum(one.active for one in people),
            "people_in_conflict": len({person for person, _, _ in conflicts}),
        },
    )
    shelf.commit(draft, resolved)
    published = Published(
        id=draft.id,
        day=of,
        file="0",
        resolved=resolved,
        base=PublishedRef(day=before.day, id=before.id) if before else None,
        difference=difference,
        approved_by=approved_by,
    )
    record(lake, published)
    return published


def judge(lake: Lake, one: Published, *verdicts: Verdict, of: str | None = None) -> None:
    """Stores the guards' verdicts of a day."""
    judgement = Judgement(
        day=one.day,
        resolved=of or one.id,
        base=one.base,
        digest="digest",
        difference=Difference(),
        unproven=(),
        verdicts=verdicts,
    )
    atomic_write(lake.resolved(one.day).folder / JUDGEMENT, judgement.model_dump_json().encode())


# Reading the page.

UNKNOWN = "\N{EN DASH}"

VOID = {"meta"}


class _Reader(HTMLParser):
    """Makes a tree of a page whose elements are all closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = ElementTree.TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice"
        self.tree.start(tag, {name: value or "" for name, value in attributes})
        self.open.append(tag)
        if tag in VOID:
            self.handle_endtag(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.tree.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.tree.data(data)
        else:
            assert not data.strip()


def read(path: Path) -> ElementTree.Element:
    """The page as a tree, which it must be."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader.tree.close()


def page_of(lake: Lake, of: date = DAY) -> ElementTree.Element:
    return read(write_report(ACME, lake, of))


def text(element: ElementTree.Element) -> str:
    """What is read, with single blanks."""
    return " ".join("".join(element.itertext()).split())


def section(page: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = page.findall(f".//section[@aria-labelledby='{name}']")
    return found


def rows(element: ElementTree.Element) -> list[list[str]]:
    """The cells of all tables' bodies, without those that only hold a bar."""
    return [[text(cell) for cell in row if text(cell)] for row in element.findall(".//tbody/tr")]


def tiles(page: ElementTree.Element) -> dict[str, str]:
    """The headline numbers by what they count."""
    found = page.findall(".//dl[@class='tiles']/div")
    return {text(tile[0]): text(tile[1]) for tile in found}


def facts(element: ElementTree.Element) -> dict[str, str]:
    (found,) = element.findall(".//dl")
    cells = [text(cell) for cell in found]
    return dict(zip(cells[::2], cells[1::2], strict=True))


# What it never contains.

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script src=//evil.test/x.js></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</title></svg><svg onload=alert(1)>",
    "<!-- & &lt;b&gt; ]]>",
    "\u202eright to left",
    "a\x00b\x1bc\x85d",
    "研究開発部 / Größe",
    "https://evil.test/?a=1&b=2",
)


def test_the_page_loads_nothing_and_runs_nothing(lake: Lake) -> None:
    put_out(lake, [Person(name) for name in HOSTILE])
    page = page_of(lake)
    tags = {element.tag for element in page.iter()}
    assert not tags & {"script", "link", "img", "image", "use", "iframe", "object", "base", "form"}
    attributes = {
        (name, value) for element in page.iter() for name, value in element.attrib.items()
    }
    assert not [name for name, _ in attributes if name.startswith("on") or name == "src"]
    places = {f"#{value}" for name, value in attributes if name == "id"}
    assert {value for name, value in attributes if name == "href"} <= places
    style = "".join(text(element) for element in page.iter("style"))
    inline = "".join(value for name, value in attributes if name == "style")
    assert not [word for word in ("url(", "@import", "http", "<") if word in style + inline]
    (policy,) = page.findall(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content") == ("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_markup_in_names_is_shown_and_never_obeyed(lake: Lake) -> None:
    put_out(lake, [Person(name) for name in HOSTILE])
    hostile = page_of(lake)
    put_out(lake, [Person(f"Department {number}") for number in range(len(HOSTILE))])
    harmless = page_of(lake)
    assert [(e.tag, sorted(e.attrib)) for e in hostile.iter()] == [
        (e.tag, sorted(e.attrib)) for e in harmless.iter()
    ]
    shown = {name for name, _ in rows(section(hostile, "departments"))}
    assert shown == {*HOSTILE} - {"a\x00b\x1bc\x85d"} | {"a b c d"}


def test_markup_in_what_guards_say_is_shown_and_never_obeyed(lake: Lake) -> None:
    judge(lake, put_out(lake), Verdict(name="removed", directory="okta", message=HOSTILE[0]))
    guards = section(page_of(lake), "guards")
    assert HOSTILE[0] in text(guards)
    assert not guards.findall(".//script")


def test_a_name_that_is_far_too_long_is_cut(lake: Lake) -> None:
    put_out(lake, [Person("x" * 10_000)])
    ((name, _),) = rows(section(page_of(lake), "departments"))
    assert name == "x" * 80 + "…"


def test_nobodys_name_is_on_the_page_of_a_day_that_was_really_published(lake: Lake) -> None:
    ada = {"firstName": "Ada", "lastName": "Lovelace", "login": "ada@acme.test", "department": "IT"}
    for number in (22, 23):
        users = [user("00u1", ada | {"title": f"Countess {number}"})]
        store(lake, users, [EVERYONE], [("g1", "00u1")], day=day(number))
        resolve(ACME, day(number), lake)
        publish(ACME, lake, day(number))
    page = write_report(ACME, lake, DAY).read_text()
    secrets = ("Ada", "Lovelace", "ada@acme.test", "Countess", "00u1")
    assert not [word for word in secrets if word in page]
    assert rows(section(read(write_report(ACME, lake, DAY)), "departments")) == [["IT", "1"]]


def test_the_person_who_approved_a_day_is_not_named(lake: Lake) -> None:
    put_out(lake, approved_by="Grace Hopper")
    page = page_of(lake)
    assert "published because a person approved it" in text(page)
    assert "Grace" not in text(page)


# What it says.

FIVE = (
    Person("Sales", directories=("okta", "hr"), aliases=("a", "b")),
    Person("Sales", directories=("okta", "hr")),
    Person("Legal", directories=("okta",)),
    Person(None, directories=("hr",), email=None),
    Person("Sales", active=False),
)
BOTH = {name: Source(day=DAY, id="none", as_of=DAY, stale=False) for name in ("okta", "hr")}
DISPUTES = (
    ("p0", "value", "title"),
    ("p1", "value", "title"),
    ("p1", "value", "work_phone"),
    ("p3", "ambiguous_match", "email"),
)


def test_the_headline_numbers(lake: Lake) -> None:
    before = put_out(lake, FIVE[:2], of=day(22))
    difference = Difference(added=1_234, removed=2, changed=3)
    put_out(lake, FIVE, conflicts=DISPUTES, sources=BOTH, before=before, difference=difference)
    assert tiles(page_of(lake)) == {
        "Active people": "4 2 more than before",
        "Added and removed": "+1,234 \N{MINUS SIGN}2 3 changed",
        "In two or more directories": "50.0 % 2 active people",
        "People in conflict": "3 3 more than before",
        "Groups": "4 5,678 memberships",
        "Checks and guards": "✓ nothing to look at",
    }


def test_people_by_status_department_and_directories(lake: Lake) -> None:
    put_out(lake, FIVE, sources=BOTH)
    page = page_of(lake)
    assert "active 4 (80.0 %) inactive 1 (20.0 %)" in text(section(page, "status"))
    assert rows(section(page, "departments")) == [
        ["Sales", "2"],
        ["Legal", "1"],
        ["no department", "1"],
    ]
    assert rows(section(page, "membership")) == [
        ["in okta", "in hr", "2 50.0 %"],
        ["not in okta", "in hr", "1 25.0 %"],
        ["in okta", "not in hr", "1 25.0 %"],
    ]


def test_small_departments_are_counted_together(lake: Lake) -> None:
    large = [Person(f"{number:02}") for number in range(DEPARTMENTS) for _ in range(2)]
    put_out(lake, [*large, Person("tiny"), Person("tinier"), Person(None)])
    found = rows(section(page_of(lake), "departments"))
    assert found[:DEPARTMENTS] == [[f"{number:02}", "2"] for number in range(DEPARTMENTS)]
    assert found[DEPARTMENTS:] == [["2 more", "2"], ["no department", "1"]]


def bars(element: ElementTree.Element) -> list[str]:
    """How long the bar of each row is; a row without a track has none."""
    fills = [row.find(".//span/span[@style]") for row in element.findall(".//tbody/tr")]
    return ["" if fill is None else fill.attrib["style"].removeprefix("width:") for fill in fills]


def test_bars_can_be_compared_however_many_stand_together_in_one_row(lake: Lake) -> None:
    large = [Person(f"{number:02}") for number in range(DEPARTMENTS) for _ in range(2)]
    small = [Person(f"small {number}") for number in range(50)]
    put_out(lake, [*large, *small, Person(None)])
    found = bars(section(page_of(lake), "departments"))
    assert found == ["100.00%"] * DEPARTMENTS + ["", "50.00%"]


def test_who_has_several_departments_counts_in_each(lake: Lake) -> None:
    one = put_out(lake)
    merged = "[['Sales', 'Legal'], ['Legal'], [], null]"  # as `merge: union` makes it
    with scratch() as connection:
        connection.sql(
            f"""select '' as person_id, true as active, unnest({merged}::varchar[][]) as department,
            ['okta'] as directories, [''] as accounts"""
        ).write_parquet(str(lake.resolved(DAY).table(one, "people")))
    found = rows(section(page_of(lake), "departments"))
    assert found == [["Legal", "2"], ["Sales", "1"], ["no department", "2"]]


def test_rare_combinations_of_directories_are_counted_together(lake: Lake) -> None:
    names = ("a", "b", "c", "d")
    every = [
        Person(directories=tuple(name for place, name in enumerate(names) if number >> place & 1))
        for number in range(1, 16)
    ]
    sources = {name: Source(day=DAY, id="none", as_of=DAY, stale=False) for name in names}
    put_out(lake, every, sources=sources)
    found = rows(section(page_of(lake), "membership"))
    assert len(found) == COMBINATIONS + 1
    assert found[-1] == ["all others", "3 20.0 %"]
    assert bars(section(page_of(lake), "membership"))[-2:] == ["100.00%", ""]


def test_an_attribute_is_complete_when_every_active_person_has_a_value(lake: Lake) -> None:
    put_out(lake, FIVE, sources=BOTH)
    completeness = section(page_of(lake), "completeness")
    assert rows(completeness) == [
        ["department", "75.0 %"],
        ["email", "75.0 %"],
        ["aliases", "25.0 %"],
    ]
    put_out(lake, [Person(None)])
    completeness = section(page_of(lake), "completeness")
    assert rows(completeness) == [["email", "100 %"]]
    assert "Nobody has: aliases, department." in text(completeness)


def test_conflicts_by_kind_and_attribute(lake: Lake) -> None:
    put_out(lake, FIVE, conflicts=DISPUTES, sources=BOTH)
    conflicts = section(page_of(lake), "conflicts")
    assert [text(heading) for heading in conflicts.findall("h3")] == [
        "Several accounts of one directory would match",
        "Directories disagree on a value",
    ]
    assert rows(conflicts) == [["email", "1"], ["title", "2"], ["work phone", "1"]]
    assert bars(conflicts) == ["50.00%", "100.00%", "50.00%"]


def test_since_when_it_is_published_is_said_in_the_organizations_time(lake: Lake) -> None:
    put_out(lake)
    ledger = lake.ledger(DAY)
    make_private_dir(ledger.parent)
    ledger.touch()
    at = datetime(2026, 11, 23, 7, 5, tzinfo=UTC).timestamp()
    os.utime(ledger, (at, at))
    new_york = ACME.model_copy(update={"timezone": "America/New_York"})
    page = read(write_report(new_york, lake, DAY))
    assert "The directory of Monday, 2026-11-23" in text(page)
    assert "Published since 2026-11-23 02:05 EST." in text(page)


def test_since_when_does_not_go_by_the_ledger_where_it_is_noted(lake: Lake) -> None:
    noted = put_out(lake).model_copy(update={"since": datetime(2026, 11, 23, 7, 5, tzinfo=UTC)})
    record(lake, noted)
    make_private_dir(lake.ledger(DAY).parent)
    lake.ledger(DAY).touch()  # as publishing the same again does
    assert "Published since 2026-11-23 07:05 UTC." in text(read(write_report(ACME, lake, DAY)))


# Days before.


def test_the_first_day_has_no_history_and_says_so(lake: Lake) -> None:
    put_out(lake, difference=Difference(added=1))
    page = page_of(lake)
    assert "The first published directory." in text(page)
    assert "This is the first day that is stored." in text(section(page, "over-time"))
    assert "Added and removed" not in tiles(page)
    assert page.findall(".//svg") == []


def publish_days(lake: Lake, numbers: Sequence[int]) -> None:
    """Days with as many active people as their number, the third of which added seven."""
    last: Published | None = None
    for place, number in enumerate(numbers):
        last = put_out(
            lake,
            [Person()] * number,
            of=day(number),
            before=last,
            difference=Difference(added=7 if place == 2 else 0, removed=place, changed=2),
        )


def test_history_has_every_published_day_up_to_the_reports(lake: Lake) -> None:
    publish_days(lake, [1, 2, 4, 5])
    over_time = section(page_of(lake, day(4)), "over-time")
    assert rows(over_time) == [
        ["2026-11-04", "4", "7", "2", "2", "0, 0"],
        ["2026-11-02", "2", "0", "1", "2", "0, 0"],
        ["2026-11-01", "1", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN],
    ]
    assert {
        text(figure[0]): text(figure.findall(".//desc")[0]) for figure in over_time.iter("figure")
    } == {
        "Active people": "Active people went from 1 on 2026-11-01 to 4 on 2026-11-04; the fewest were 1,"
        " the most 4.",
        "People added and removed": "7 people were added and 3 removed on 2 days; at most 7 and 2 on one"
        " day.",
        "People changed": "At most 2 on one day, 2 on the last.",
    }


def test_a_day_between_that_was_not_published_leaves_a_gap(lake: Lake) -> None:
    publish_days(lake, [1, 2, 4])
    (line,) = section(page_of(lake, day(4)), "over-time").findall(".//path[@class='line']")
    # Four days share the width; each point is in the middle of its day.
    assert line.get("d") == "M125.0 100.00L375.0 66.67L875.0 0.00"


def test_history_goes_back_as_far_as_can_be_drawn(lake: Lake) -> None:
    one = put_out(lake)
    for back in range(1, DAYS + 5):
        earlier = one.day - timedelta(days=back)
        make_private_dir(lake.resolved(earlier).folder)
        record(lake, one.model_copy(update={"day": earlier, "base": None}))
    found = rows(section(page_of(lake), "over-time"))
    assert len(found) == DAYS
    assert found[-1][0] == str(DAY - timedelta(days=DAYS - 1))


@pytest.mark.parametrize("people", [0, 1], ids=["nobody", "one person"])
def test_days_without_a_change_are_drawn_too(lake: Lake, people: int) -> None:
    before = put_out(lake, [Person()] * people, of=day(22), difference=Difference())
    put_out(lake, [Person()] * people, before=before, difference=Difference())
    page = page_of(lake)
    assert len(section(page, "over-time").findall(".//svg")) == 3
    assert tiles(page)["Active people"] == f"{people} as before"


# Directories.


def test_what_reading_a_directory_took(lake: Lake) -> None:
    for number in (22, 23):
        manifest = store(lake, [user("a"), user("b")], [EVERYONE], [("g1", "a")], day=day(number))
    source = Source(day=DAY, id=manifest.id, as_of=DAY, stale=False)
    put_out(lake, FIVE[2:], sources={"okta": source})
    okta = section(page_of(lake), "directory-okta")
    assert "of the day" in text(okta)
    assert facts(okta) == {
        "Data of": "2026-11-23",
        "Accounts": "1 active, 1 inactive",
        "Groups": "1 with 1 memberships",
        "Read": "in full in 5 min 00 s",
        "Requests": "7, 1 of them repeated",
        "Waits": "2, 2 s together",
        "Rate limit left": "40 % at the least",
    }
    assert rows(okta) == [
        ["2026-11-23", "7", "2", "40 %", "5 min 00 s"],
        ["2026-11-22", "7", "2", "40 %", "5 min 00 s"],
    ]
    titles = [text(figure[0]) for figure in okta.iter("figure")]
    assert titles == ["Requests", "Duration", "Rate limit left"]


def test_a_stale_directory_is_marked(lake: Lake) -> None:
    manifest = store(lake, [user("a")], [EVERYONE], day=day(18))
    source = Source(day=day(18), id=manifest.id, as_of=day(18), stale=True)
    put_out(lake, sources={"okta": source})
    page = page_of(lake)
    assert "okta is as it was on 2026-11-18, 5 days before." in text(page)
    okta = section(page, "directory-okta")
    assert "stale" in text(okta)
    assert facts(okta)["Data of"] == "2026-11-18, 5 days before"


def test_a_snapshot_that_is_no_longer_stored_is_not_spoken_for(lake: Lake) -> None:
    store(lake, [user("a")], [EVERYONE])
    put_out(lake)
    okta = section(page_of(lake), "directory-okta")
    assert "no longer stored" in text(okta)
    assert "Requests" not in facts(okta)


# Guards and checks.

LIMITS = {"count": 10, "percent": 5, "max": 500}
PASSED = Verdict(
    name="removed", count=6, of=200, percent=3, limits=LIMITS, message="6 of 200 went."
)
TRIPPED = PASSED.model_copy(update={"passed": False, "count": 40, "says": "40 of 200 went."})


def verdicts(page: ElementTree.Element) -> list[str]:
    return [text(item) for item in section(page, "guards").findall(".//li")]


def test_guards_are_shown_with_their_numbers_the_worst_first(lake: Lake) -> None:
    stale = Verdict(
        name="directory_stale",
        directory="hr",
        passed=False,
        severity="warning",
        message="hr is old.",
    )
    blanked = Verdict(name="blanked", attribute="work_phone", passed=False, message="All blank.")
    judge(lake, put_out(lake, approved_by="somebody"), PASSED, stale, blanked)
    page = page_of(lake)
    assert verdicts(page) == [
        "blanked · work phone ✕ approved All blank.",
        "directory stale · hr ! warns hr is old.",
        "removed ✓ passed 6 of 200 went.",
    ]
    assert tiles(page)["Checks and guards"] == "2 to look at"
    (folded,) = section(page, "guards").findall(".//details")
    assert [text(line) for line in folded.iter("summary")] == ["✓ passed 1 guard"]
    assert [text(item) for item in folded.findall(".//li")] == ["removed ✓ passed 6 of 200 went."]
    (tile,) = [link for link in page.iter("a") if text(link) == "2"]
    assert tile.get("href") == "#guards"


def test_a_judgement_of_other_tables_than_the_published_ones_is_not_shown(lake: Lake) -> None:
    judge(lake, put_out(lake), TRIPPED, of="resolved again since")
    assert "no longer stored" in text(section(page_of(lake), "guards"))


def test_checks_that_warn_are_shown(lake: Lake) -> None:
    manifest = store(lake, [user("a")], [EVERYONE], evidence={"logins_missing": 3})
    source = Source(day=DAY, id=manifest.id, as_of=DAY, stale=False)
    put_out(lake, sources={"okta": source})
    warnings = [text(item) for item in section(page_of(lake), "warnings").findall(".//li")]
    assert warnings == [
        "logins present · okta ! warns 3 users have no login. Correct the profiles in the directory."
    ]


def test_what_has_backticks_in_a_message_is_code(lake: Lake) -> None:
    blank = Verdict(
        name="blanked", attribute="title", passed=False, message="`title` < 1; see `preview`."
    )
    judge(lake, put_out(lake, approved_by="somebody"), blank)
    page = page_of(lake)
    assert verdicts(page) == ["blanked · title ✕ approved title < 1; see preview."]
    assert [text(code) for code in section(page, "guards").iter("code")] == ["title", "preview"]


def test_a_read_of_a_file_takes_less_than_a_second(lake: Lake) -> None:
    manifest = store(lake, [user("a")], [EVERYONE])
    path = lake.snapshot("okta", DAY).folder / "manifest.json"
    quick = manifest.model_copy(update={"finished": manifest.started + timedelta(seconds=0.2)})
    path.write_text(quick.model_dump_json())
    put_out(lake, sources={"okta": Source(day=DAY, id=quick.id, as_of=DAY, stale=False)})
    assert (
        facts(section(page_of(lake), "directory-okta"))["Read"] == "in full in less than a second"
    )


@pytest.mark.parametrize(
    ("verdict", "near"),
    [
        (PASSED, 0.6),  # both have to be exceeded: the smaller part counts
        (PASSED.model_copy(update={"count": 400, "percent": 0.1}), 0.8),  # of the most ever
        (PASSED.model_copy(update={"count": 9, "percent": 45}), 0.9),
        (PASSED.model_copy(update={"count": 0, "percent": 0}), 0),
        (TRIPPED, 1),
        (
            Verdict(
                name="correlation",
                count=5,
                percent=20,
                limits={"count": 10, "points": 20},
                message="",
            ),
            0.5,
        ),
        (
            Verdict(name="directory_stale", count=1, limits={"stale_after_days": 4}, message=""),
            0.25,
        ),
        (Verdict(name="directory_stale", count=9, limits={"stale_after_days": 0}, message=""), 1),
        (Verdict(name="directory_missing", message=""), None),
        (Verdict(name="removed", count=0, limits={"count": 0, "percent": 0}, message=""), 0),
    ],
)
def test_how_near_a_guard_came_to_its_limits(verdict: Verdict, near: float | None) -> None:
    assert nearness(verdict) == (None if near is None else pytest.approx(near))


# The file.


def test_the_page_is_private_and_lies_with_the_organization(lake: Lake) -> None:
    put_out(lake)
    path = write_report(ACME, lake, DAY)
    assert path == lake.scratch / "reports" / "date=2026-11-23.html"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_the_same_day_gives_the_same_page(lake: Lake) -> None:
    people = [replace(one, department=f"D{number % 30}") for number, one in enumerate(FIVE * 40)]
    put_out(lake, people, conflicts=DISPUTES, sources=BOTH)
    first = write_report(ACME, lake, DAY).read_bytes()
    assert write_report(ACME, lake, DAY).read_bytes() == first


def test_an_organization_without_anybody_has_a_page(lake: Lake) -> None:
    put_out(lake, [])
    page = page_of(lake)
    assert tiles(page)["Active people"] == "0"
    assert text(section(page, "departments")) == "Departments Nobody is active."


def test_a_day_that_was_not_published_has_no_page(lake: Lake) -> None:
    with pytest.raises(NoReport, match=r"acme: 2026-11-23 has not been published") as refused:
        write_report(ACME, lake, DAY)
    assert "opensense-okta sync acme --date 2026-11-23" in str(refused.value)


def test_a_day_whose_tables_were_let_go_keeps_the_page_it_has(lake: Lake) -> None:
    one = put_out(lake)
    path = write_report(ACME, lake, DAY)
    lake.resolved(DAY).table(one, "people").unlink()
    with pytest.raises(NoReport, match="no longer stored"):
        write_report(ACME, lake, DAY)
    assert path.exists()
