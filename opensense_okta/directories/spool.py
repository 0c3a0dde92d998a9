"""Where pages are kept, a line each, until a whole listing is made into tables.

A line says which listing and which attempt at it the page belongs to. When a listing has to be
started anew, a new attempt begins, and only the last attempt counts.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from opensense_okta.directories.records import Records

RECORDS_A_LINE = 200  # keeps lines well below what DuckDB reads as one JSON value


class Spool:
    """An open file of pages, private to its owner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")

    def add_records(self, listing: str, attempt: int, page: int, records: Records) -> None:
        """Keeps the whole records of a page."""
        rows = [bytes(row).replace(b"\n", b" ").replace(b"\r", b" ") for row in records.rows]
        for start in range(0, max(len(rows), 1), RECORDS_A_LINE):
            self._add(listing, attempt, page, b",".join(rows[start : start + RECORDS_A_LINE]))

    def add_identifiers(self, listing: str, attempt: int, page: int, records: Records) -> None:
        """Keeps the ids of a page."""
        self._add(listing, attempt, page, msgspec.json.encode(records.ids)[1:-1])

    def add_gone(self, listing: str) -> None:
        """Keeps that what was to be listed no longer exists."""
        self._file.write(
            msgspec.json.encode({"listing": listing, "gone": True, "rows": []}) + b"\n"
        )

    def close(self) -> None:
        """Ends writing."""
        self._file.close()

    def _add(self, listing: str, attempt: int, page: int, rows: bytes) -> None:
        about = {
            "listing": listing,
            "attempt": attempt,
            "page": page,
            "captured_at": datetime.now(UTC).isoformat(),
        }
        self._file.write(msgspec.json.encode(about)[:-1] + b',"rows":[' + rows + b"]}\n")
