"""What forgetting a person removes, and reasons to refuse it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from opensense_okta.config.errors import UserError
from opensense_okta.config.locations import EXPORTED
from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import newest_snapshot
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.forget.database import count_in_database
from opensense_okta.publishing.forget.exported_files import (
    ExportSearch,
    earlier_exports,
    stored_exports,
)
from opensense_okta.publishing.forget.stored_tables import (
    StoredTable,
    count_forgotten,
    stored_tables,
    view_marked,
)
from opensense_okta.publishing.published import PublishedRef, published
from opensense_okta.storage import engine
from opensense_okta.storage.folder import linked_folder
from opensense_okta.storage.lake import RESOLVED, Lake
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.sql import Sql


class StillThere(UserError):
    """The person cannot be forgotten yet: the next sync would bring the data back, or miss the removal."""

    def __init__(self, organization: str, message: str, remedy: str) -> None:
        super().__init__(
            message,
            impact="Nothing was removed.",
            remedy=f"{remedy} Then start `opensense-okta forget {organization}` again.",
            subject=organization,
        )


class LinkedFolder(UserError):
    """A folder of the lake is a symbolic link, which is not followed."""

    def __init__(self, organization: str, link: Path) -> None:
        super().__init__(
            f"{link} is a symbolic link to a folder, and links are not followed.",
            impact="Nothing was removed.",
            remedy="move the folder to the place of the link; on another disk, mount it there.",
            subject=organization,
        )


@dataclass(frozen=True)
class Person:
    """Who is forgotten.

    Attributes:
        person_id: of the person.
        accounts: the person's accounts, as `directory/id`.
        of_others: earlier accounts of the person, each with the id of the person who has it since: people who
            are found to be one get one id. Their rows stay, except those of the person's own id.
    """

    person_id: str
    accounts: tuple[str, ...]
    of_others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is removed.

    Attributes:
        tables: the stored tables, each with the number of rows that go.
        exports: files of exports in the lake, each with the number of rows that go.
        not_searched: files of exports in the lake that have rows and no column that identifies people, and
            those of earlier settings.
        in_database: the number of rows of the published database that go.
        texts: by which rows of exports were found.
        managers_of: the accounts of others that name the person as manager. They stay as they are.
    """

    tables: Mapping[StoredTable, int]
    exports: Mapping[str, int]
    not_searched: Sequence[str]
    in_database: int
    texts: Sequence[str]
    managers_of: Sequence[str]

    @property
    def files(self) -> int:
        """How many files are changed."""
        return len(self.tables) + len(self.exports) + (1 if self.in_database else 0)

    @property
    def rows(self) -> int:
        """How many rows are removed."""
        return sum(self.tables.values()) + sum(self.exports.values()) + self.in_database

    @property
    def days(self) -> list[str]:
        """The stored days that have the person, oldest first."""
        return sorted({table.day for table in self.tables if table.partition.startswith(RESOLVED)})


@contextmanager
def marking(lake: Lake, person: Person) -> Iterator[Sql]:
    """A connection that can mark the rows of a person. Rows keep their order when they are written.

    Raises:
        TableDamaged: a table cannot be read, so nobody knows whether the person is in it.
    """
    with engine.start(lake.scratch) as connection:
        connection.execute("set threads = 1; set preserve_insertion_order = true")
        try:
            sql = Sql(connection, __package__)
            sql.run("marked.sql", person=person.person_id, accounts=list(person.accounts))
            yield sql
        finally:
            connection.execute("set preserve_insertion_order = false")  # as others need it


def plan_forgetting(organization: Organization, lake: Lake, person: Person, today: date) -> Plan:
    """Counts what goes. It writes nothing.

    Raises:
        StillThere: a directory, the published directory or the last export still has the person.
        LinkedFolder: there is a symbolic link to a folder, in which nothing would be found.
        TableDamaged: a table cannot be read, so nobody knows whether the person is in it.
    """
    link = linked_folder(Path(lake.url())) if lake.store.is_local else None
    if link is not None:
        raise LinkedFolder(organization.name, link)
    with marking(lake, person) as sql:
        tables = {
            table: rows
            for folder in stored_tables(lake)
            for view, table in view_marked(sql, lake, folder).items()
            if (rows := count_forgotten(sql, view))
        }
        refuse_if_still_there(organization, lake, tables, today)
        texts = _texts(sql, lake, tables)
        exports: dict[str, int | None] = {}
        search = ExportSearch(sql, organization, lake, texts)
        for files in stored_exports(organization, lake):
            exports |= search.count(files)
        return Plan(
            tables=tables,
            exports={name: rows for name, rows in exports.items() if rows is not None},
            not_searched=[
                *(name for name, rows in exports.items() if rows is None),
                *earlier_exports(organization, lake),
            ],
            in_database=count_in_database(sql, lake),
            texts=texts,
            managers_of=sql.rows("mentions.sql", str, texts=texts),
        )


def _texts(sql: Sql, lake: Lake, tables: Iterable[StoredTable]) -> list[str]:
    """The texts by which the person is known. Afterwards, the view `accounts` is of the published day."""
    sql.run("person.sql")
    sql.run("no_accounts.sql")
    for table in tables:
        if table.kind == "accounts" and table.partition:
            engine.view(sql.connection, "accounts", local_file(lake.store, table.name))
            sql.run("texts_of_day.sql")
    last = published(lake)
    if last is not None:
        engine.view(
            sql.connection,
            "accounts",
            PublishedRef(day=last.day, id=last.id).table(lake, "accounts"),
        )
    else:
        sql.run("no_accounts.sql")
    return sql.rows("texts_of_person.sql", str)


def refuse_if_still_there(
    organization: Organization, lake: Lake, tables: Mapping[StoredTable, int], today: date
) -> None:
    """Refuses to forget a person who would come back, or whom no delivered export removes.

    Raises:
        StillThere: a directory, the published directory or the last export still has the person.
    """
    folders = {table.folder for table in tables if table.is_of_person}
    for name in organization.directories:
        newest = newest_snapshot(lake, name, today)
        if newest and f"{lake.snapshot(name, newest.day).name}/{newest.id}" in folders:
            raise StillThere(
                organization.name,
                f"directory {name} still had an account of this person on {newest.day}, so the next sync"
                " would bring it back.",
                f"delete the account in {name}, and sync: `opensense-okta sync {organization.name}`.",
            )
    last = published(lake)
    if last and f"{lake.resolved(last.day).name}/{last.id}" in folders:
        raise StillThere(
            organization.name,
            f"the published directory of {last.day} still has this person.",
            f"publish a day without this person: `opensense-okta sync {organization.name}`.",
        )
    state = last_export(lake)
    if organization.publish.csv and state and f"{EXPORTED}/{state.delivered.id}" in folders:
        raise StillThere(
            organization.name,
            f"the export of {state.delivered.day} has this person, and no later export was delivered, so"
            " Opensense may still have the signature.",
            f"deliver the export: `opensense-okta sync {organization.name}`.",
        )
