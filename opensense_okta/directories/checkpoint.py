"""Checkpoint of a read: pages on disk plus a journal, so that an interrupted read resumes.

Records are stored in files, one per line. The journal has one line per page and is written after the page's
records: a page without a line in the journal does not count. When a checkpoint is opened, the files are
truncated after the last complete page, for example after a power failure.

Each record names its listing and the attempt at it. A listing that restarts begins a new attempt; only the
last attempt counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from opensense_okta.config.errors import UserError
from opensense_okta.directories.records import Records
from opensense_okta.directories.segments import Segments
from opensense_okta.storage.store import Changed

IDS_PER_LINE = 200  # so that a batch of lines that DuckDB works on stays small
JOURNAL = "journal.jsonl"


class Page(msgspec.Struct, frozen=True):
    """One page of a listing, as a line of the journal.

    Attributes:
        listing: such as `users`, or the id of a group for its members.
        attempt: the attempt at the listing; number: the page's number in the attempt, from 1.
        next: the address of the next page; None at the end.
        rows, set_aside: the number of records kept, and of those that could not be parsed.
        file, size: the file of the records, and its size in bytes after them.
        read_at: when the page was read, by the server's clock if the answer has a date.
        gone: whether the group no longer exists.
        first_set_aside: which record of the page is the first that could not be parsed, from 1; 0: none.
        others: of members, the number of those that are no users, if the kind counts them.
    """

    listing: str
    attempt: int
    number: int
    next: str | None
    rows: int
    set_aside: int
    file: str
    size: int
    read_at: str
    gone: bool = False
    first_set_aside: int = 0
    others: int = 0


@dataclass(frozen=True)
class ListingProgress:
    """The progress of a listing: the pages of its last attempt."""

    pages: tuple[Page, ...]

    @property
    def last(self) -> Page:
        """The last page that was read."""
        return self.pages[-1]

    @property
    def done(self) -> bool:
        """Whether the listing is complete."""
        return self.last.next is None


class ReadCheckpoint:
    """The folder of one read; only its owner may read it.

    With segments, another machine can go on with the read.
    """

    def __init__(
        self, folder: Path, files: Iterable[str], segments: Segments | None = None
    ) -> None:
        self.folder, self._segments = folder, segments
        self._places: dict[str, ListingProgress] = {}
        self._rows: Counter[str] = Counter()
        sizes = dict.fromkeys(files, 0)
        written = {name: _size(self.path(name)) for name in sizes}
        kept = 0
        for line in _lines(folder / JOURNAL):
            try:
                page = msgspec.json.decode(line, type=Page)
            except msgspec.DecodeError:
                break  # an incomplete line of a killed process
            if page.size > written.get(page.file, 0):
                break
            kept += len(line)
            sizes[page.file] = page.size
            self._note(page)
        self.resumed_pages = sum(len(place.pages) for place in self._places.values())
        self._journal = _open(folder / JOURNAL, kept)
        self._files = {name: _open(self.path(name), size) for name, size in sizes.items()}
        self._sizes = {self.path(name).name: size for name, size in sizes.items()}
        self._sizes[JOURNAL] = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in (self._journal, *self._files.values()):
            file.close()
        if self._segments is not None:
            with suppress(UserError):  # the error of the read is the one to report
                if error is not None and not isinstance(error, Changed):
                    self._segments.save(self._sizes)
            self._segments.close()

    def save(self) -> None:
        """Makes sure that another machine could go on here.

        Raises:
            Changed: another process goes on with the same read.
            StoreTrouble: the store did not answer.
        """
        if self._segments is not None:
            self._segments.save(self._sizes)

    def path(self, file: str) -> Path:
        """The path of a file of records."""
        return self.folder / f"{file}.jsonl"

    @property
    def journal(self) -> Path:
        """The path of the journal."""
        return self.folder / JOURNAL

    def rows(self, file: str) -> int:
        """The number of records of a file, without earlier attempts."""
        return self._rows[file]

    def set_aside(self, file: str) -> int:
        """The number of records of a file that could not be parsed."""
        return sum(page.set_aside for page in self._pages(file))

    def first_set_aside(self, file: str) -> tuple[int, int] | None:
        """The page, and the record of it, of the first record that could not be parsed; None: there is none.

        The pages of all listings of the file are counted, one listing after the other.
        """
        pages = enumerate(self._pages(file), start=1)
        places = ((number, page.first_set_aside) for number, page in pages if page.first_set_aside)
        return next(places, None)

    def _pages(self, file: str) -> Iterator[Page]:
        pages = (page for place in self._places.values() for page in place.pages)
        return (page for page in pages if page.file == file)

    def progress(self, listing: str) -> ListingProgress | None:
        """The progress of a listing; None if it has not begun."""
        return self._places.get(listing)

    def add(
        self,
        file: str,
        listing: str,
        attempt: int,
        number: int,
        records: Records,
        following: str | None,
        at: datetime,
    ) -> Page:
        """Stores one page; it is not read again.

        Args:
            file: one of the files that the checkpoint was opened with.
            listing: the page's listing.
            attempt: the attempt at the listing.
            number: the page's number in the attempt, from 1.
            records: the page's records, or only their ids.
            following: the address of the next page; None at the end.
            at: when the page was read.
        """
        about = {"listing": listing, "attempt": attempt, "page": number}
        self._files[file].write(_record_lines(about, records) + _id_lines(about, records))
        self._files[file].flush()
        page = Page(
            listing,
            attempt,
            number,
            following,
            rows=len(records.ids),
            set_aside=records.set_aside,
            file=file,
            size=self._files[file].tell(),
            read_at=at.isoformat(),
            first_set_aside=records.first_set_aside,
            others=records.others,
        )
        return self._enter(page)

    def add_gone(self, file: str, listing: str) -> Page:
        """Stores that a group no longer exists."""
        size = self._files[file].tell()
        at = datetime.now(UTC).isoformat()
        return self._enter(Page(listing, 1, 1, None, 0, 0, file, size, at, gone=True))

    def _enter(self, page: Page) -> Page:
        self._journal.write(msgspec.json.encode(page) + b"\n")
        self._journal.flush()
        self._note(page)
        self._sizes[self.path(page.file).name] = page.size
        self._sizes[JOURNAL] = self._journal.tell()
        if self._segments is not None:
            self._segments.note(self._sizes)
        return page

    def _note(self, page: Page) -> None:
        before = self._places.get(page.listing)
        earlier = before.pages if before and page.attempt == before.last.attempt else ()
        if before and not earlier:
            self._rows[page.file] -= sum(former.rows for former in before.pages)
        self._rows[page.file] += page.rows
        self._places[page.listing] = ListingProgress((*earlier, page))


def last_page_at(folder: Path) -> datetime | None:
    """When the last page in the folder of a read was read; None: no page was."""
    for line in reversed(_lines(folder / JOURNAL)):
        with suppress(msgspec.DecodeError):
            return datetime.fromisoformat(msgspec.json.decode(line, type=Page).read_at)
    return None


def _record_lines(about: Mapping[str, object], records: Records) -> bytes:
    captured = {**about, "captured_at": datetime.now(UTC).isoformat()}
    before = msgspec.json.encode(captured)[:-1] + b',"record":'
    rows = (bytes(row).replace(b"\n", b" ").replace(b"\r", b" ") for row in records.rows)
    return b"".join(before + row + b"}\n" for row in rows)


def _id_lines(about: Mapping[str, object], records: Records) -> bytes:
    ids = () if records.rows else records.ids
    return b"".join(
        msgspec.json.encode({**about, "ids": ids[start : start + IDS_PER_LINE]}) + b"\n"
        for start in range(0, len(ids), IDS_PER_LINE)
    )


def _lines(path: Path) -> list[bytes]:
    """The complete lines of a file, with their line breaks."""
    try:
        return [
            line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")
        ]
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open(path: Path, size: int) -> BinaryIO:
    """Opens a file to append to it, truncated to a size in bytes."""
    file = path.open("ab")
    file.truncate(size)
    return file
