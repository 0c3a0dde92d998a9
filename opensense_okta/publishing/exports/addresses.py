"""The rows of people in an export: one for each person, or one for each e-mail address (`publish.csv.rows`).

The addresses of all active people of a day are stored as `addresses.parquet` beside the exported people: an
address that belongs to somebody who is not exported gets no row either, and the next change file starts from
the rows that were delivered.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import StarExpression

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.errors import ExportFailed, making_files
from opensense_okta.publishing.exports.state import (
    ADDRESSES,
    LeftOutAddresses,
    Rows,
    exported_name,
)
from opensense_okta.publishing.published import Published
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

KEY = "_key"
"""The column by which a row is known. No attribute's name begins with an underscore."""


def keep_addresses(
    organization: Organization, lake: Lake, publication: Published, exported: Path
) -> LeftOutAddresses:
    """Stores the addresses of a publication, if they have rows; returns how many are left out.

    Args:
        organization: its `publish.csv.rows` counts.
        lake: of the organization.
        publication: the published day.
        exported: the file of the exported people.

    Raises:
        ExportFailed: the file could not be made.
    """
    settings = organization.publish.csv
    if settings is None or settings.rows == "person":
        return LeftOutAddresses()
    people = lake.resolved(publication.day).table(publication, "people")
    name = exported_name(publication.id, ADDRESSES)
    with TemporaryDirectory(prefix=".export-", dir=lake.scratch) as temporary:
        addresses = Path(temporary) / ADDRESSES
        left_out = write_addresses(addresses, people, exported)
        lake.store.keep(addresses, name, lake.store.version(name))
    return left_out


def write_addresses(file: Path, people: Path, exported: Path) -> LeftOutAddresses:
    """Writes the addresses of the active people of a day; returns how many have no row.

    Raises:
        ExportFailed: the file could not be made.
    """
    folder = file.parent
    with making_files(folder), engine.start(folder) as connection:
        sql = Sql(connection, __package__)
        sql.run("addresses.sql")
        engine.view(connection, "day_people", people)
        engine.view(connection, "exported_people", exported)
        addresses = connection.table_function("addresses", ["day_people"])
        addresses.create_view("day_addresses")
        engine.store(connection, "day_addresses", file)
        return sql.row("left_out_addresses.sql", LeftOutAddresses)


def no_own_address() -> ExportFailed:
    """The error if no exported person has an address of their own."""
    return ExportFailed(
        "No person to export has an e-mail address that is the person's own, so the file would be empty.",
        remedy="look at the values of `email` and `aliases`, for example with `opensense-okta preview`;"
        " the rules of the organization file choose their directories.",
    )


def anybody_has_a_row(connection: duckdb.DuckDBPyConnection, people: str, exported: str) -> bool:
    """Whether an exported person has an address of their own.

    Args:
        connection: it has both views.
        people: the view of the people of a day, whose addresses count.
        exported: the view of those who are exported.
    """
    sql = Sql(connection, __package__)
    sql.run("addresses.sql")
    addresses = connection.table_function("addresses", [people])
    addresses.create_view("day_addresses", replace=True)
    connection.table(exported).create_view("exported_people", replace=True)
    return bool(sql.rows("anybody_has_a_row.sql", int))


def view_rows(
    connection: duckdb.DuckDBPyConnection,
    which: str,
    rows: Rows,
    known_by: Rows,
    addresses: Path | None,
) -> None:
    """Makes the view `<which>_keyed` of the active people of a day: the columns of people, and a key.

    Args:
        connection: it has the view `<which>_people`, and the macros of `addresses.sql`.
        which: the day.
        rows: the rows of this day's export. With `alias`, column `email` has the row's address.
        known_by: by what a row is known: its person, or its address.
        addresses: the file with the addresses; None: each person has one row.
    """
    people = connection.table(f"{which}_people").filter("active")
    if rows == known_by == "person":
        people.select(f"*, person_id as {KEY}").create_view(f"{which}_keyed")
        return
    if addresses is not None:
        engine.view(connection, f"{which}_addresses", addresses)
    else:
        of_people = connection.table_function("addresses", [f"{which}_people"])
        of_people.create_view(f"{which}_addresses")
    keyed = connection.table_function(
        "person_rows", [f"{which}_addresses", rows == "alias", known_by == "alias"]
    )
    others = people.select(StarExpression(exclude=["email"]))
    others.join(keyed.set_alias("keys_of_rows"), "person_id").create_view(f"{which}_keyed")
