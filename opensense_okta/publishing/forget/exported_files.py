"""The files of exports in the lake without a forgotten person. Those elsewhere are out of reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import duckdb

from opensense_okta.config.errors import UserError
from opensense_okta.config.locations import DAY, EXPORTED
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.columns import headers_of
from opensense_okta.publishing.exports.dated import dated_exports
from opensense_okta.publishing.exports.files import file_names, sha256
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.forget.stored_tables import count_forgotten
from opensense_okta.storage import engine
from opensense_okta.storage.lake import HISTORY, IDENTITIES, RESOLVED, SNAPSHOTS, Lake
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.store import address

IDENTIFYING: Final = ("email", "user_name", "employee_number", "person_id", "accounts")
"""The columns that identify the person of a row."""

OF_PEOPLE: Final = ("people", "changes", "parquet", "memberships", "membership_changes")
"""The kinds of files that have rows of people."""

OWN_FOLDERS: Final = (SNAPSHOTS, RESOLVED, EXPORTED, IDENTITIES)

CHECKSUMS: Final = "checksums"


class ExportDamaged(UserError):
    """A CSV in the lake cannot be read, so nobody knows whether the person is in it."""

    def __init__(self, organization: str, file: Path) -> None:
        super().__init__(
            f"{address(file)} cannot be read: it is no CSV as exports write it.",
            impact="Nothing was removed.",
            remedy="delete the file, or restore it from a backup. Then start"
            f" `opensense-okta forget {organization}` again.",
            subject=organization,
        )


def is_in_lake(organization: Organization) -> bool:
    """Whether the organization's exports are written into the lake."""
    settings = organization.publish.csv
    return (
        settings is not None
        and "://" not in settings.path
        and not PurePosixPath(settings.path).is_absolute()
    )


def stored_exports(organization: Organization, lake: Lake) -> Iterator[Mapping[str, str]]:
    """The names of the stored files of each export in the lake, by kind."""
    settings = organization.publish.csv
    if settings is None or not is_in_lake(organization):
        return
    dated = [files[-1] for files in dated_exports(organization, lake).values()]
    for full in dated if DAY in settings.path else [settings.path]:
        files = {kind: file.as_posix() for kind, file in file_names(Path(full)).items()}
        yield {kind: name for kind, name in files.items() if lake.store.fetch(name)}


def earlier_exports(organization: Organization, lake: Lake) -> list[str]:
    """Other CSV and Parquet files in the lake: those of exports with earlier settings."""
    now = {name for files in stored_exports(organization, lake) for name in files.values()}
    return sorted(
        entry.name
        for entry in lake.store.entries("")
        if entry.name.endswith((".csv", ".parquet"))
        and entry.name.partition("/")[0] not in (*OWN_FOLDERS, HISTORY)
        and entry.name not in now
    )


@dataclass(frozen=True)
class ExportSearch:
    """Finds the person's rows in the files of exports.

    Attributes:
        sql: a connection on which rows keep their order.
        organization: whose.
        lake: of the organization.
        texts: by which the rows are found; see `texts_of_person.sql`.
    """

    sql: Sql
    organization: Organization
    lake: Lake
    texts: Sequence[str]

    def count(self, files: Mapping[str, str]) -> dict[str, int | None]:
        """The number of rows that go from each file, by its name, without the files from which none goes.

        None: the file has rows, and no column by which people are known.

        Args:
            files: of the export, by kind.

        Raises:
            ExportDamaged: one is a CSV that cannot be read.
        """
        counted = {files[kind]: self._mark(files[kind]) for kind in OF_PEOPLE if kind in files}
        return {name: rows for name, rows in counted.items() if rows != 0}

    def remove(self, files: Mapping[str, str], *, again: bool) -> None:
        """Replaces the files that have rows of the person, then the file of the checksums.

        Args:
            files: of the export, by kind.
            again: whether an interrupted process may have replaced files, and not the checksums.

        Raises:
            ExportDamaged: one is a CSV that cannot be read.
            Changed: another process replaced a file since.
        """
        changed = [name for name, rows in self.count(files).items() if rows]
        for name in changed:
            over = self.lake.store.version(name)
            self._mark(name)
            self.sql.run("kept.sql", marked="marked_exported")
            unfinished = self.lake.unfinished(name.replace("/", "-"))
            if name.endswith(".parquet"):
                engine.store(self.sql.connection, "kept", unfinished)
            else:
                self.sql.run("csv_of_exported.sql", path=str(unfinished))
            self.lake.store.keep(unfinished, name, over)
        if (changed or again) and CHECKSUMS in files:
            _write_checksums(self.lake, files[CHECKSUMS])

    def _mark(self, name: str) -> int | None:
        """Makes the view `marked_exported` of a file; returns the number of rows that go, as above."""
        file = local_file(self.lake.store, name)
        try:
            rows = _read(self.sql.connection, file)
            rows.create_view("exported", replace=True)
            known = _identifying_headers(self.organization, self.lake)
            identifying = [
                column
                for column in rows.columns
                if column in known or column.partition("-")[0] in IDENTIFYING
            ]
            if not identifying:
                return None if rows.limit(1).fetchall() else 0
            self.sql.run("marked_exported.sql", identifying=identifying, texts=list(self.texts))
            return count_forgotten(self.sql, "marked_exported")
        except duckdb.InvalidInputException:  # its message quotes the row
            raise ExportDamaged(self.organization.name, file) from None


def _identifying_headers(organization: Organization, lake: Lake) -> set[str]:
    """The headers of the columns that identify people, of today and of the last exports."""
    headers = list(headers_of(organization).items())
    state = last_export(lake)
    for delivered in (state.delivered, state.before) if state else ():
        if delivered:
            headers += [(name, header) for header, name in delivered.column_of_header().items()]
    return {*IDENTIFYING, *(header for name, header in headers if name in IDENTIFYING)}


def _read(connection: duckdb.DuckDBPyConnection, file: Path) -> duckdb.DuckDBPyRelation:
    if file.suffix == ".parquet":
        return connection.read_parquet(str(file))
    return connection.read_csv(
        str(file), header=True, sep=",", quotechar='"', escapechar='"', all_varchar=True
    )


def _write_checksums(lake: Lake, name: str) -> None:
    """Writes the checksums of the same files again."""
    document = lake.store.read(name)
    if document is None:
        return
    listed = [line.split("  ", 1)[1] for line in document.data.decode().splitlines()]
    folder = name.rpartition("/")[0]
    lines = [
        f"{sha256(local_file(lake.store, f'{folder}/{file}'.lstrip('/')))}  {file}\n"
        for file in listed
    ]
    lake.store.write(name, "".join(lines).encode(), document.version)
