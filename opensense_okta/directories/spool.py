"""Where records are kept, a line each, until a whole listing is made into tables.

A line says which listing, and which attempt at it, it belongs to. When a listing has to be started
anew, a new attempt begins, and only the last attempt counts.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from opensense_okta.directories.records import Records

IDS_A_LINE = 200  # so that a batch of lines that DuckDB works on stays small


class Spool:
    """An open file of records, private to its owner."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add_records(self, listing: str, attempt: int, page: int, records: Records) -> None:
        """Keeps the whole records of a page."""
        about = {
            "listing": listing,
            "attempt": attempt,
            "page": page,
            "captured_at": datetime.now(UTC).isoformat(),
        }
        before = msgspec.json.encode(about)[:-1] + b',"record":'
        for row in records.rows:
            self._file.write(before + bytes(row).replace(b"\n", b" ").replace(b"\r", b" ") + b"}\n")

    def add_identifiers(self, listing: str, attempt: int, page: int, records: Records) -> None:
        """Keeps the ids of a page."""
        about = {"listing": listing, "attempt": attempt, "page": page}
        for start in range(0, max(len(records.ids), 1), IDS_A_LINE):
            ids = records.ids[start : start + IDS_A_LINE]
            self._file.write(msgspec.json.encode({**about, "ids": ids}) + b"\n")

    def add_gone(self, listing: str) -> None:
        """Keeps that what was to be listed no longer exists."""
        self._file.write(msgspec.json.encode({"listing": listing, "gone": True}) + b"\n")

    def close(self) -> None:
        """Ends writing."""
        self._file.close()
