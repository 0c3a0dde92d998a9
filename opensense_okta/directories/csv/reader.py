"""Reads files, as a human-resources system exports them: users, and optionally groups and memberships.

Every cell is text and stays as it is written, including leading zeros and dates; white space is stripped
only from the columns that identify a row. A file that is incomplete, or has a wrong row, is refused: a file
cannot answer "try again", so people missing from it would count as people who left (invariant 2).

Files are first copied to a private folder and normalized (`normalize.py`): the copies cannot change any more,
and DuckDB reads one encoding and one way of quoting. Nothing is carried over from the previous snapshot, and
no read is resumed.
"""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain

import duckdb

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES
from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.config.locations import is_unencrypted
from opensense_okta.config.secret import Secret
from opensense_okta.config.sources import fields_of
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.files import find_files, without_secrets
from opensense_okta.directories.csv.header import accept_header
from opensense_okta.directories.csv.normalize import Header, NormalizedFile, normalize
from opensense_okta.directories.csv.parse import Keys, ambiguous_members, read_rows
from opensense_okta.directories.narrowing import scope_settings
from opensense_okta.directories.protocol import Listener, PreviousSnapshot, Progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.storage.sql import Sql

FILES: tuple[str, ...] = ()
"""Files of the checkpoint: none. Files are copied as a whole, and a new read copies them again."""

COPIES = "files"
COMPARED = ("files_unended", "groups", "memberships")
"""Counts of the previous snapshot that the checks compare with."""

MEMBERSHIP = Keys("group_id", "user_id", unique=False)
PHONES_AND_IDS = ("work_phone", "mobile_phone", "employee_number")
DIGITS = 12  # hex digits of the digest in the evidence; every JSON reader keeps them exactly


def source_scope(directory: CsvDirectory) -> dict[str, object]:
    """The settings that decide what is stored: the files, the column that identifies a row, and the scope."""
    locations = (directory.users, directory.groups, directory.memberships)
    return {
        "files": [
            without_secrets(location) if isinstance(location, str) else location and str(location)
            for location in locations
        ],
        "id": directory.id,
        **scope_settings(directory),
    }


class Reader:
    """One read of one directory's files into tables.

    Args:
        directory: its settings.
        checkpoint: the copies are stored in its folder.
        connection: the database in which the tables are made.
        before: not used: nothing is carried over.
        full: not used: all files are read in any case.
        listener: is notified of the progress.
    """

    def __init__(
        self,
        directory: CsvDirectory,
        checkpoint: ReadCheckpoint,
        connection: duckdb.DuckDBPyConnection,
        before: PreviousSnapshot | None,  # noqa: ARG002 - the protocol's
        full: bool,  # noqa: ARG002 - the protocol's
        listener: Listener,
    ) -> None:
        self._directory = directory
        self._folder = checkpoint.folder / COPIES
        self._sql = Sql(connection, __package__)
        self._listener = listener
        self._started = datetime.now(UTC)
        self._users: list[NormalizedFile] = []
        self._others: list[NormalizedFile] = []
        self._rows = 0

    @property
    def users(self) -> Sequence[NormalizedFile]:
        """The files of users, once they are read."""
        return self._users

    async def run(self) -> Cost:
        """Copies the files and makes the raw tables.

        Raises:
            DirectoryError: a file is missing or half-written, or has wrong rows.
        """
        shutil.rmtree(self._folder, ignore_errors=True)  # left by an earlier attempt
        self._folder.mkdir(mode=0o700)
        directory = self._directory
        # All files are copied before any is read, so that they are of the same time.
        self._users = self._copies("users", directory.users)
        groups = self._copies("groups", directory.groups)
        memberships = self._copies("memberships", directory.memberships)
        self._others = [*groups, *memberships]
        self._sql.run("no_memberships.sql")
        self._read_memberships(memberships)
        self._read_groups(groups)
        self._read_users()
        self._separate_nested_groups(memberships)
        copies = [*self._users, *self._others]
        return Cost(pages=len(copies), received=sum(copy.size for copy in copies))

    def collect_evidence(self) -> dict[str, int]:
        """The evidence for and against the raw tables as they are stored, by name.

        Raises:
            IncompleteListing: the number of stored users differs from the count in the files.
        """
        evidence = dict(self._sql.rows("evidence.sql", tuple[str, int]))
        if evidence["users"] != self._rows:
            raise csv_errors.lost_rows(self._users[0].name, self._rows, evidence["users"])
        return {**evidence, **self._about_files()}

    def _copies(self, key: str, location: str | Secret | None) -> list[NormalizedFile]:
        if location is None:
            return []
        directory = self._directory
        copies: list[NormalizedFile] = []
        address = location if isinstance(location, str) else location.reveal().strip()
        if is_unencrypted(address):
            raise csv_errors.unencrypted(without_secrets(address), key)
        for number, file in enumerate(find_files(address, key), start=1):
            copy = normalize(
                file,
                self._folder / f"{key}-{number}.csv",
                directory.delimiter,
                directory.encoding,
                partial(self._accept, key, copies[0] if copies else None),
            )
            if not copy.rows and key == "users":
                raise csv_errors.header_only(copy.name)
            if copies and copy.columns != copies[0].columns:
                width = min(len(copy.columns), len(copies[0].columns)) + 1
                raise csv_errors.other_headers(copy.name, copies[0].name, width, None)
            copies.append(copy)
            self._listener(Progress(f"files of {key}", number))
        return copies

    def _accept(self, key: str, first: NormalizedFile | None, header: Header) -> Header:
        return accept_header(
            header, first.header if first else None, self._needed(key), self._optional(key)
        )

    def _needed(self, key: str) -> dict[str, str]:
        """The columns that a file must have, each with what to correct if it is missing."""
        directory = self._directory
        if key == "groups":
            return dict.fromkeys(("id", "name"), "the header of `groups`")
        if key == "memberships":
            return dict.fromkeys(("group_id", "user_id"), "the header of `memberships`")
        mapped = {
            header: f"`attributes.{attribute}`"
            for attribute, sources in directory.attributes.items()
            for source in sources
            for header in fields_of(source)
        }
        return {directory.id: "`id`", **mapped}

    def _optional(self, key: str) -> tuple[str, ...]:
        """Other columns with a meaning."""
        if key != "users":
            return ("description",) if key == "groups" else ()
        return tuple(name for name in STANDARD_ATTRIBUTES if name not in self._directory.attributes)

    def _read_memberships(self, copies: list[NormalizedFile]) -> None:
        if copies:
            rows = read_rows(self._sql, copies, MEMBERSHIP)
            self._sql.run("memberships.sql")
            self._listener(Progress("memberships", rows))

    def _read_groups(self, copies: list[NormalizedFile]) -> None:
        if copies:
            rows = read_rows(self._sql, copies, Keys("id"))
            self._sql.run(
                "groups.sql",
                captured_at=self._captured_at,
                has_description="description" in copies[0].header.names,
            )
            self._listener(Progress("groups", rows))
        else:
            self._sql.run("groups_of_memberships.sql", captured_at=self._captured_at)
        self._sql.run("member_reads.sql")

    def _read_users(self) -> None:
        files, header = self._users, self._users[0].header
        keys = Keys(
            self._directory.id,
            needs_more=len(header.named) > 1,
            active=self._column("active"),
            login=self._column("user_name"),
            email=self._column("email"),
            numbers=(self._directory.id, *chain.from_iterable(map(self._columns, PHONES_AND_IDS))),
        )
        self._rows = read_rows(self._sql, files, keys)
        if not self._rows:
            raise csv_errors.ids_only(files[0].name)
        self._sql.run("users.sql", captured_at=self._captured_at)
        self._listener(Progress("users", self._rows))

    def _separate_nested_groups(self, copies: list[NormalizedFile]) -> None:
        """Makes the view `nested_groups` of the memberships that name a group as the member."""
        if not copies:
            return
        ambiguous = self._sql.row("nested_groups.sql", int)
        if ambiguous and self._directory.nested:
            read_rows(self._sql, copies, MEMBERSHIP)  # for the lines
            raise ambiguous_members(self._sql, copies)

    @property
    def _captured_at(self) -> str:
        return self._started.isoformat()

    def _columns(self, attribute: str) -> list[str]:
        """The columns that an attribute needs, of those that the files of users have."""
        sources = self._directory.attributes.get(attribute, (attribute,))
        names = self._users[0].header.names
        return [field for source in sources for field in fields_of(source) if field in names]

    def _column(self, attribute: str) -> str | None:
        """The column that alone gives an attribute; None if there is none."""
        match self._directory.attributes.get(attribute, (attribute,)):
            case (str(),):
                return next(iter(self._columns(attribute)), None)
        return None

    def _about_files(self) -> dict[str, int]:
        copies = [*self._users, *self._others]
        return {
            "rows_read": self._rows,
            "files": len(copies),
            "files_unended": sum(not copy.ended for copy in copies),
            "bytes": sum(copy.size for copy in copies),
            "files_digest": _digest_number(copies),
            "files_undated": sum(copy.modified is None for copy in copies),
            "file_age_days": age_in_days(self._users, self._started),
        }


def age_in_days(copies: Sequence[NormalizedFile], now: datetime) -> int:
    """Days from the date on which the oldest file was written; 0 if no file has a date.

    The oldest file counts: each file has different people, so one stopped export makes all stale.
    """
    oldest = min((copy.modified for copy in copies if copy.modified), default=now)
    return max((now.date() - oldest.astimezone(UTC).date()).days, 0)


def _digest_number(copies: Sequence[NormalizedFile]) -> int:
    """A number that changes when a byte of a file changes."""
    digests = "".join(sorted(copy.digest for copy in copies))
    return int(hashlib.sha256(digests.encode()).hexdigest()[:DIGITS], 16)
