"""Where what is read is kept until a snapshot is whole, so that a read goes on where it stopped.

Records lie in files, a line each; a journal beside them says, a line for each page, how far each
listing has come. A page counts once its line in the journal is written. What a killed process left
behind the last one is cut off, and the read goes on there. So are pages whose records did not reach
the disk before the power went.

A line of a record says which listing, and which attempt at it, it belongs to. When a listing has to
be started anew, a new attempt begins, and only the last attempt counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from opensense_okta.directories.records import Records

IDS_PER_LINE = 200  # so that a batch of lines that DuckDB works on stays small
JOURNAL = "journal.jsonl"


class Page(msgspec.Struct, frozen=True):
    """One page of a listing, as the journal keeps it.

    Attributes:
        listing: such as `users`, or the id of the group whose members are listed.
        attempt: at the whole listing; number: of the page in the attempt, from 1.
        next: where the next page is; None at the end.
        rows, set_aside: how many records were kept, and how many were not understood.
        file, size: where the records lie, and how long the file was with them.
        read_at: when the page was read, by the server's clock where it tells.
        gone: whether what was to be listed no longer exists.
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


@dataclass(frozen=True)
class ListingProgress:
    """How far a listing has come: the pages of its last attempt."""

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
    """The folder of one read, private to its owner."""

    def __init__(self, folder: Path, files: Iterable[str]) -> None:
        self.folder = folder
        self._places: dict[str, ListingProgress] = {}
        sizes = dict.fromkeys(files, 0)
        written = {name: _size(self.path(name)) for name in sizes}
        kept = 0
        for line in _lines(folder / JOURNAL):
            try:
                page = msgspec.json.decode(line, type=Page)
            except msgspec.DecodeError:
                break  # the line that a killed process did not finish
            if page.size > written.get(page.file, 0):
                break
            kept += len(line)
            sizes[page.file] = page.size
            self._note(page)
        self.resumed_pages = sum(len(place.pages) for place in self._places.values())
        self._journal = _open(folder / JOURNAL, kept)
        self._files = {name: _open(self.path(name), size) for name, size in sizes.items()}

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

    def path(self, file: str) -> Path:
        """Where the records of that file lie."""
        return self.folder / f"{file}.jsonl"

    @property
    def journal(self) -> Path:
        """Where it is kept how far each listing has come."""
        return self.folder / JOURNAL

    def rows(self, file: str) -> int:
        """How many records of that file's listings were kept, those of dropped attempts not counted."""
        return sum(page.rows for page in self._pages(file))

    def set_aside(self, file: str) -> int:
        """How many records of that file's listings were not understood."""
        return sum(page.set_aside for page in self._pages(file))

    def _pages(self, file: str) -> Iterator[Page]:
        pages = (page for place in self._places.values() for page in place.pages)
        return (page for page in pages if page.file == file)

    def progress(self, listing: str) -> ListingProgress | None:
        """How far the listing has come, or None when it has not begun."""
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
        """Keeps one page; from now on it need not be read again.

        Args:
            file: of those the checkpoint was opened with.
            listing: that the page belongs to.
            attempt: at the listing.
            number: of the page in the attempt, from 1.
            records: of the page, or only their ids.
            following: where the next page is; None at the end.
            at: when it was read.
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
        )
        return self._enter(page)

    def add_gone(self, file: str, listing: str) -> Page:
        """Keeps that what was to be listed no longer exists."""
        size = self._files[file].tell()
        at = datetime.now(UTC).isoformat()
        return self._enter(Page(listing, 1, 1, None, 0, 0, file, size, at, gone=True))

    def _enter(self, page: Page) -> Page:
        self._journal.write(msgspec.json.encode(page) + b"\n")
        self._journal.flush()
        self._note(page)
        return page

    def _note(self, page: Page) -> None:
        before = self._places.get(page.listing)
        earlier = before.pages if before and page.attempt == before.last.attempt else ()
        self._places[page.listing] = ListingProgress((*earlier, page))


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
    """The finished lines of a file, each with its end."""
    try:
        return [
            line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")
        ]
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open(path: Path, size: int) -> BinaryIO:
    """The file, cut off at a size, to be written on from there."""
    file = path.open("ab")
    file.truncate(size)
    return file
