"""Who was who on which published day."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from opensense_okta.publishing import history
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.published import Published
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.scratch import scratch
from tests.support.stored import Row, fetched, organization, record, store, typed_columns, user

FIRST = date(2026, 11, 1)
PEOPLE = "person_id varchar, title varchar"

People = Mapping[str, str | None]


def day(number: int) -> date:
    """The day of that number; the first is 1."""
    return FIRST + timedelta(days=number - 1)


def resolved(
    lake: Lake, of: date, people: Sequence[Sequence[object]], *, columns: str = PEOPLE
) -> ResolvedManifest:
    """Stores the people of a resolved day."""
    shelf = lake.resolved(of)
    draft = shelf.draft()
    with scratch() as connection:
        connection.execute(f"create table people ({columns})")
        for person in people:
            marks = ", ".join("?" * len(person))
            connection.execute(f"insert into people values ({marks})", list(person))  # noqa: S608 - marks
        connection.table("people").write_parquet(str(draft.table("people")))
    manifest = ResolvedManifest(
        id=draft.id,
        organization="acme",
        day=of,
        sources={},
        rules="",
        ledger=None,
        rows={},
        evidence={},
    )
    shelf.commit(draft, manifest)
    return manifest


def put_out(
    lake: Lake, of: date, people: Sequence[Sequence[object]], *, columns: str = PEOPLE
) -> ResolvedManifest:
    """Stores the people of a day, and that they have been published."""
    manifest = resolved(lake, of, people, columns=columns)
    record(lake, Published(id=manifest.id, day=of, file="0", resolved=manifest))
    return manifest


def history_of(lake: Lake, now: ResolvedManifest | None = None) -> list[Row]:
    """The history's rows, by person and time."""
    with scratch() as connection:
        history.fill(connection, lake, now)
        return fetched(connection.table("new_people_history").order("person_id, valid_from"))


def periods(lake: Lake, now: ResolvedManifest | None = None) -> list[tuple[object, ...]]:
    """Person, title, and the numbers of the days of each period."""

    def number(found: object) -> int | None:
        return (found - FIRST).days + 1 if isinstance(found, date) else None

    return [
        (row["person_id"], row["title"], number(row["valid_from"]), number(row["valid_to"]))
        for row in history_of(lake, now)
    ]


# Periods.


class Case(NamedTuple):
    days: Mapping[int, People]
    periods: Sequence[tuple[str, str | None, int, int | None]]


CASES = {
    "nothing ever changes": Case(
        {1: {"ada": "Clerk"}, 2: {"ada": "Clerk"}, 3: {"ada": "Clerk"}},
        [("ada", "Clerk", 1, None)],
    ),
    "a value changes": Case(
        {1: {"ada": "Clerk"}, 2: {"ada": "Clerk"}, 3: {"ada": "Head"}},
        [("ada", "Clerk", 1, 3), ("ada", "Head", 3, None)],
    ),
    "a value changes and changes back": Case(
        {1: {"ada": "Clerk"}, 2: {"ada": "Head"}, 3: {"ada": "Clerk"}},
        [("ada", "Clerk", 1, 2), ("ada", "Head", 2, 3), ("ada", "Clerk", 3, None)],
    ),
    "a value becomes blank": Case(
        {1: {"ada": "Clerk"}, 2: {"ada": None}, 3: {"ada": None}},
        [("ada", "Clerk", 1, 2), ("ada", None, 2, None)],
    ),
    "somebody comes": Case(
        {1: {"ada": "Clerk"}, 2: {"ada": "Clerk", "bob": "Head"}},
        [("ada", "Clerk", 1, None), ("bob", "Head", 2, None)],
    ),
    "somebody goes, and comes back as before": Case(
        {1: {"ada": "Clerk"}, 2: {}, 3: {"ada": "Clerk"}},
        [("ada", "Clerk", 1, 2), ("ada", "Clerk", 3, None)],
    ),
    "everybody is gone": Case({1: {"ada": "Clerk"}, 2: {}}, [("ada", "Clerk", 1, 2)]),
    "a day without a publication is as the one before it": Case(
        {1: {"ada": "Clerk"}, 4: {"ada": "Clerk"}, 9: {"ada": "Head"}},
        [("ada", "Clerk", 1, 9), ("ada", "Head", 9, None)],
    ),
    "one day": Case({5: {"ada": None}}, [("ada", None, 5, None)]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_for_each_period_in_which_nothing_changed(lake: Lake, name: str) -> None:
    case = CASES[name]
    manifests = [put_out(lake, day(n), list(each.items())) for n, each in case.days.items()]
    assert periods(lake, manifests[-1]) == case.periods


def test_the_days_may_be_stored_in_any_order(lake: Lake) -> None:
    last = put_out(lake, day(3), [("ada", "Head")])
    put_out(lake, day(1), [("ada", "Clerk")])
    put_out(lake, day(2), [("ada", "Clerk")])
    assert periods(lake, last) == [("ada", "Clerk", 1, 3), ("ada", "Head", 3, None)]


# Which days.


def test_a_day_that_was_not_published_is_no_part_of_it(lake: Lake) -> None:
    put_out(lake, day(1), [("ada", "Clerk")])
    resolved(lake, day(2), [("ada", "Nonsense")])
    last = put_out(lake, day(3), [("ada", "Clerk")])
    assert periods(lake, last) == [("ada", "Clerk", 1, None)]


def test_what_was_published_counts_though_the_day_was_resolved_again(lake: Lake) -> None:
    put_out(lake, day(1), [("ada", "Clerk")])
    resolved(lake, day(1), [("ada", "Head")])
    last = put_out(lake, day(2), [("ada", "Clerk")])
    assert periods(lake, last) == [("ada", "Clerk", 1, None)]


def test_the_day_that_is_about_to_be_published_is_its_last(lake: Lake) -> None:
    put_out(lake, day(1), [("ada", "Clerk")])
    now = resolved(lake, day(2), [("ada", "Head")])
    put_out(lake, day(3), [("ada", "Boss")])
    assert periods(lake, now) == [("ada", "Clerk", 1, 2), ("ada", "Head", 2, None)]


def test_a_day_that_retention_let_go_leaves_the_others(lake: Lake) -> None:
    first = put_out(lake, day(1), [("ada", "Clerk")])
    last = put_out(lake, day(2), [("ada", "Head")])
    lake.resolved(day(1)).table(first, "people").unlink()
    assert periods(lake, last) == [("ada", "Head", 2, None)]


def test_before_anything_is_published_it_is_empty(lake: Lake) -> None:
    resolved(lake, day(1), [("ada", "Clerk")])
    assert history_of(lake) == []


# Columns.


def test_an_attribute_that_comes_and_goes_is_blank_where_it_was_not(lake: Lake) -> None:
    put_out(lake, day(1), [("ada", "Clerk", "7")], columns=f"{PEOPLE}, desk varchar")
    last = put_out(lake, day(2), [("ada", "Clerk", "Ace")], columns=f"{PEOPLE}, nick varchar")
    assert [(row["desk"], row["nick"]) for row in history_of(lake, last)] == [
        ("7", None),
        (None, "Ace"),
    ]


def test_an_attribute_that_nobody_had_changes_nothing_by_being_declared(lake: Lake) -> None:
    put_out(lake, day(1), [("ada", "Clerk")])
    last = put_out(lake, day(2), [("ada", "Clerk", None)], columns=f"{PEOPLE}, desk varchar")
    assert periods(lake, last) == [("ada", "Clerk", 1, None)]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (("varchar", "7"), ("varchar[]", ["7"]), [["7"]]),
        (("varchar", "7"), ("varchar[]", ["7", "8"]), [["7"], ["7", "8"]]),
        (("varchar", None), ("varchar[]", ["7"]), [None, ["7"]]),
        (("varchar[]", ["7", "8"]), ("varchar", "7"), ['["7","8"]', "7"]),
    ],
)
def test_an_attribute_that_became_a_list_or_a_text_is_what_the_newest_day_has(
    lake: Lake, before: tuple[str, object], now: tuple[str, object], said: list[object]
) -> None:
    put_out(lake, day(1), [("ada", before[1])], columns=f"person_id varchar, desk {before[0]}")
    last = put_out(lake, day(2), [("ada", now[1])], columns=f"person_id varchar, desk {now[0]}")
    assert [row["desk"] for row in history_of(lake, last)] == said


# Of a directory that was really published.


def test_it_has_the_columns_of_people_and_its_open_rows_are_the_people(lake: Lake) -> None:
    for number, titles in enumerate(
        (("Clerk", "Head", "Cook"), ("Clerk", "Boss", "Cook")), start=22
    ):
        of = date(2026, 11, number)
        store(lake, [user(name, {"title": name}) for name in titles], day=of)
        resolve(organization(), of, lake)
        publish_approved(organization(), lake, of)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{lake.database}' as published (read_only)")
        history.fill(connection, lake)
        found = connection.table("new_people_history")
        assert typed_columns(found) == typed_columns(connection.table("published.people")) | {
            "valid_from": "DATE",
            "valid_to": "DATE",
        }
        still = found.filter("valid_to is null").select("* exclude (valid_from, valid_to)")
        assert fetched(still.order("person_id")) == fetched(
            connection.table("published.people").order("person_id")
        )
        assert len(found.fetchall()) == 4


# A damaged day.


def missing_pages(file: Path) -> None:
    """Bytes inside a page are other ones; the footer is whole."""
    content = bytearray(file.read_bytes())
    content[4:40] = bytes(36)
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"x" * 99), missing_pages],
    ids=["empty", "garbage", "damaged pages"],
)
def test_an_old_day_that_cannot_be_read_harms_no_other(
    lake: Lake, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    days = [put_out(lake, day(n), [("ada", title)]) for n, title in enumerate(["A", "B", "C"], 1)]
    file = lake.resolved(day(2)).table(days[1], "people")
    damage(file)
    assert periods(lake, days[2]) == [("ada", "A", 1, 3), ("ada", "C", 3, None)]
    assert str(file) in caplog.text
    named = [result for result in examine_state_files(lake) if str(file) in str(result)]
    assert [result.outcome for result in named] == ["warning"]


def test_the_newest_day_must_be_read(lake: Lake) -> None:
    days = [put_out(lake, day(n), [("ada", title)]) for n, title in enumerate(["A", "B"], 1)]
    lake.resolved(day(2)).table(days[1], "people").write_bytes(b"")
    with pytest.raises(duckdb.Error):
        periods(lake, days[1])
