"""The published directory as pandas DataFrames, for notebooks and scripts.

Nothing here imports Dagster, and no other module imports this one: a sync does not load pandas.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from opensense_okta.config.environment import data_root
from opensense_okta.config.errors import UserError
from opensense_okta.config.text import did_you_mean
from opensense_okta.directories.snapshot import SnapshotManifest, manifest_files
from opensense_okta.publishing import history
from opensense_okta.publishing.published import (
    Published,
    PublishedRef,
    published,
    published_days,
    read_publication,
)
from opensense_okta.resolution.resolve import TABLES
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake, organizations
from opensense_okta.storage.partition import is_stored
from opensense_okta.storage.sql import Sql

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
NOTHING_CHANGED = "Nothing was changed; the published directory stays as it is."


@dataclass(frozen=True)
class PublishedDirectory:
    """The directory of one organization as it was published on one day.

    Every property reads its table from the lake when it is used, so that a large table costs nothing
    until then. All tables are of the same publication, also if a newer day is published meanwhile.

    Columns have these pandas types: text is `string`, yes or no is `boolean`, whole numbers are
    `Int64`, times are UTC, days are `datetime64`, and a list is a Python list. A missing value is
    `pandas.NA`, `pandas.NaT`, or `None` in a column of lists.

    Attributes:
        organization: the organization's name.
        day: the day that was published.
    """

    organization: str
    day: date
    _lake: Lake = field(repr=False)
    _publication: Published = field(repr=False)

    @property
    def people(self) -> pd.DataFrame:
        """One row per person, with every attribute."""
        return self._table("people")

    @property
    def groups(self) -> pd.DataFrame:
        """One row per group of a directory."""
        return self._table("groups")

    @property
    def memberships(self) -> pd.DataFrame:
        """One row per person and group."""
        return self._table("memberships")

    @property
    def provenance(self) -> pd.DataFrame:
        """One row per filled value of a person: which directory and rule it comes from, and what lost."""
        return self._table("provenance")

    @property
    def conflicts(self) -> pd.DataFrame:
        """One row per person and conflict between accounts or values."""
        return self._table("conflicts")

    @property
    def changes(self) -> pd.DataFrame:
        """One row per changed value since the previously published day."""
        return self._table("changes")

    def as_of(self, day: date | str) -> "PublishedDirectory":
        """The directory as it was published on another day.

        Args:
            day: a published day; text is written as 2026-11-23.

        Raises:
            UserError: nothing was published on that day, or its tables are no longer stored.
        """
        return _as_of(self._lake, _parse_day(self.organization, day))

    def sql(self, query: str) -> pd.DataFrame:
        """The result of a DuckDB query over this day's tables.

        The tables are those of `directory.duckdb`: `people`, `people_history`, `groups`,
        `memberships`, `accounts`, `provenance`, `conflicts`, `changes`, `syncs`, `publication`, and per
        directory `raw_users`, `raw_groups`, `memberships` and, where groups have groups, `nested_groups`
        in a schema of the directory's name.

        Args:
            query: one SQL statement. It cannot change what is stored.

        Raises:
            UserError: DuckDB cannot run the query, or a table is no longer stored.
        """
        with self._connection() as connection:
            try:
                self._add_views(connection, with_history="people_history" in query.lower())
                relation = connection.sql(query)
                # A statement without a result, such as SET, gives no relation.
                return _frame(relation) if relation is not None else pd.DataFrame()
            except duckdb.OutOfMemoryException:
                raise  # the engine's message says what to set
            except duckdb.Error as error:
                raise UserError(
                    f"{self.organization}: DuckDB cannot run this query: {' '.join(str(error).split())}.",
                    impact=NOTHING_CHANGED,
                    remedy="Correct the query. docs/tables.md lists the tables and their columns.",
                ) from None

    def _table(self, name: str) -> pd.DataFrame:
        with self._connection() as connection:
            return _frame(connection.read_parquet(str(self._file(name))))

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # Not below the lake: users who may only read it can use this, too.
        with engine.start(Path(tempfile.gettempdir())) as connection:
            yield connection

    def _file(self, table: str) -> Path:
        file = PublishedRef(day=self.day, id=self._publication.id).table(self._lake, table)
        if not is_stored(file):
            raise UserError(
                f"{self.organization}: the tables that were published for {self.day} are no longer"
                " stored.",
                impact=NOTHING_CHANGED,
                remedy="Call `read` again for the directory that is published now, or `as_of` with"
                " another day.",
            )
        return file

    def _add_views(self, connection: duckdb.DuckDBPyConnection, *, with_history: bool) -> None:
        """Makes the tables of `directory.duckdb` as views; the history costs a look at every day."""
        resolved = self._publication.resolved
        for table in (*TABLES, "changes"):
            engine.view(connection, table, self._file(table))
        manifests = [
            path
            for directory in resolved.sources
            for day, path in manifest_files(self._lake, directory)
            if day <= self.day
        ]
        Sql(connection, __package__).run("syncs.sql", manifests=manifests)
        connection.execute("create view syncs as from new_syncs")
        since = self._publication.since
        connection.execute(
            "create table publication as select $day::date as day, $id as resolved_id,"
            " $since::timestamptz as published_at",
            {
                "day": str(self.day),
                "id": self._publication.id,
                "since": since.isoformat() if since else None,
            },
        )
        if with_history:
            history.fill(connection, self._lake, resolved)
            connection.execute("create view people_history as from new_people_history")
        for directory, source in resolved.sources.items():
            partition = self._lake.snapshot(directory, source.day)
            manifest = partition.manifest(SnapshotManifest)
            if manifest is None or manifest.id != source.id:
                continue  # retention removed it, or a later read of the day replaced it
            # With the database's name: a directory can have the name of a database.
            schema = f'{engine.WORKING}."{directory}"'
            connection.execute(f"create schema {schema}")
            for table in manifest.tables:
                view = f"{directory}_{table}"
                engine.view(connection, view, partition.table(manifest, table))
                connection.execute(f'create view {schema}.{table} as from "{view}"')


def read(organization: str, *, data: Path | str | None = None) -> PublishedDirectory:
    """The published directory of an organization.

    Args:
        organization: its name, which is the name of its file without `.yaml`.
        data: the lake's folder or URL; without it `OPENSENSE_DATA`, or `data` beside `DAGSTER_HOME`.

    Raises:
        UserError: there is no such organization, or nothing is published yet.
        EnvironmentMistake: it is not known where the lake is.
    """
    root = data if data is not None else data_root()
    lake = _lake(root, organization)
    publication = published(lake)
    if publication is None:
        raise UserError(
            f"{organization}: nothing is published yet.",
            impact="There is no directory to read.",
            remedy=f"Start `opensense-okta sync {organization}`.",
        )
    return PublishedDirectory(organization, publication.day, lake, publication)


def _lake(root: Path | str, organization: str) -> Lake:
    names = organizations(root)
    if organization not in names:
        raise UserError(
            f"There is no data of an organization {organization} in {root}"
            f"{did_you_mean(organization, names)}",
            impact="There is no directory to read.",
            remedy="Check the name and the folder. `OPENSENSE_DATA`, or the argument `data`, says where"
            f" the data is stored; `opensense-okta sync {organization}` stores it.",
        )
    return Lake(root, organization)


def _as_of(lake: Lake, day: date) -> PublishedDirectory:
    publication = read_publication(lake, day)
    if publication is None:
        earlier = [other for other in published_days(lake) if other < day]
        last = (
            f"The last published day before it is {earlier[-1]}."
            if earlier
            else "No earlier published day is stored."
        )
        raise UserError(
            f"{lake.organization}: no directory that was published for {day} is stored. {last}",
            impact=NOTHING_CHANGED,
            remedy="Choose a day that was published and that `retention` still keeps.",
        )
    return PublishedDirectory(lake.organization, day, lake, publication)


def _parse_day(organization: str, day: date | str) -> date:
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UserError(
            f"{organization}: {day} is not a day.",
            impact=NOTHING_CHANGED,
            remedy="Write the day as 2026-11-23.",
        ) from None


def _frame(relation: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """A relation with pandas types that do not depend on which values are missing."""
    types = {
        column: str(type_) for column, type_ in zip(relation.columns, relation.types, strict=True)
    }
    frame: pd.DataFrame = relation.df()
    for column, type_ in types.items():
        if type_.endswith("[]"):
            frame[column] = frame[column].map(list, na_action="ignore")
        elif type_ == "BOOLEAN":
            frame[column] = frame[column].astype("boolean")
        elif type_ in INTEGERS:
            frame[column] = frame[column].astype("Int64")
        elif type_ in ("VARCHAR", "JSON"):
            frame[column] = frame[column].astype("string")
    return frame
