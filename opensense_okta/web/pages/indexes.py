"""Indexes of the people of published days, kept in memory from request to request.

An index counts as long as its day is published and nobody is forgotten: then the tables are other ones, and
the first request makes an index of them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from opensense_okta.publishing.explain.find_person import StoredDay
from opensense_okta.publishing.forget.records import RECORD
from opensense_okta.storage.engine import MemoryTooSmall, TableDamaged
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Version

Index = TypeVar("Index")
Result = TypeVar("Result")

MOST_PEOPLE: Final = 300_000
"""Of all organizations together. An index of 100,000 people has less than 100 MB."""


@dataclass(frozen=True)
class _Kept(Generic[Index]):
    """An index; None: there is not enough memory for it.

    Attributes:
        tables: the id of the tables that it is of, and the version of the record of forgotten people.
    """

    tables: tuple[str, Version]
    people: int
    index: Index | None


@dataclass(frozen=True)
class Indexes(Generic[Index]):
    """The indexes of several organizations; the one that was used longest ago is the first to go.

    Threads can use it at the same time. One index is made at a time; who needs it waits for it.

    Attributes:
        make: makes the index of a day.
    """

    make: Callable[[Lake, StoredDay], Index]
    most_people: int = MOST_PEOPLE
    _kept: OrderedDict[tuple[Path | str, str], _Kept[Index]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def use(
        self,
        lake: Lake,
        day: StoredDay,
        work: Callable[[Index], Result],
        without: Callable[[], Result],
    ) -> Result:
        """Works with the index of the current day, or `without` if it has none.

        Raises:
            TableDamaged: a file of the day cannot be read, or was removed since the index was made.
        """
        index = self._of(lake, day)
        if index is None:
            return without()
        try:
            return work(index)
        except TableDamaged:
            with self._lock:
                self._kept.pop((lake.root, lake.organization), None)
            raise

    def _of(self, lake: Lake, day: StoredDay) -> Index | None:
        people = day.resolved.rows.get("people")
        if not day.published or people is None or people > self.most_people:
            return None
        place = (lake.root, lake.organization)
        tables = (day.resolved.id, lake.store.version(RECORD))
        with self._lock:
            kept = self._kept.pop(place, None)
            if kept is None or kept.tables != tables:
                kept = None  # frees its memory before the next one is made
                kept = _Kept(tables, people, self._made(lake, day))
            self._kept[place] = kept
            while sum(other.people for other in self._kept.values()) > self.most_people:
                self._kept.popitem(last=False)
        return kept.index

    def _made(self, lake: Lake, day: StoredDay) -> Index | None:
        try:
            return self.make(lake, day)
        except MemoryTooSmall:
            return None
