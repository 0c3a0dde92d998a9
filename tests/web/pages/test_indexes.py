"""Indexes stay as long as their day is published, and their memory is limited."""

from datetime import date
from pathlib import Path

import pytest

from opensense_okta.publishing.explain.find_person import StoredDay
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.engine import MemoryTooSmall, TableDamaged
from opensense_okta.storage.lake import Lake
from opensense_okta.web.pages.indexes import Indexes

DAY = date(2026, 11, 23)


def stored(id_: str = "first", *, people: int = 100, is_published: bool = True) -> StoredDay:
    resolved = ResolvedManifest(
        id=id_,
        organization="acme",
        day=DAY,
        sources={},
        rules="",
        ledger=None,
        rows={"people": people},
        evidence={},
    )
    return StoredDay(DAY, resolved, published=is_published)


class Made:
    """Makes indexes that are texts, and counts them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, lake: Lake, day: StoredDay) -> str:
        self.texts.append(f"{lake.organization} {day.resolved.id}")
        return self.texts[-1]


def used(indexes: Indexes[str], organization: str, day: StoredDay) -> str:
    return indexes.use(Lake(Path("/lake"), organization), day, str, lambda: "without")


def test_an_index_is_made_once_for_each_publication() -> None:
    made = Made()
    indexes = Indexes(made)
    answers = [used(indexes, "acme", stored(id_)) for id_ in ("first", "first", "second", "second")]
    assert answers == ["acme first"] * 2 + ["acme second"] * 2
    assert made.texts == ["acme first", "acme second"]


def test_the_index_that_was_used_longest_ago_makes_room() -> None:
    made = Made()
    indexes = Indexes(made, most_people=250)
    for organization in ("acme", "beta", "acme", "gamma", "acme", "beta"):
        used(indexes, organization, stored())
    assert made.texts == ["acme first", "beta first", "gamma first", "beta first"]


@pytest.mark.parametrize("day", [stored(people=251), stored(is_published=False)])
def test_too_many_people_and_a_day_that_is_not_published_have_no_index(day: StoredDay) -> None:
    assert used(Indexes(Made(), most_people=250), "acme", day) == "without"


def test_without_memory_for_an_index_there_is_none() -> None:
    def refuse(_lake: Lake, _day: StoredDay) -> str:
        raise MemoryTooSmall("3 MB of memory were not enough.")

    assert used(Indexes(refuse), "acme", stored()) == "without"


def test_an_index_of_removed_files_is_made_again() -> None:
    made = Made()
    indexes = Indexes(made)

    def fail(_index: str) -> str:
        raise TableDamaged(Path("/lake/acme/changes.parquet"))

    with pytest.raises(TableDamaged):
        indexes.use(Lake(Path("/lake"), "acme"), stored(), fail, lambda: "without")
    used(indexes, "acme", stored())
    assert made.texts == ["acme first"] * 2
