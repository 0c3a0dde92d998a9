"""What the tests of exports work with: people of a day as they lie in the lake, and what was exported."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from opensense_okta.config.attributes import DATES, STANDARD_ATTRIBUTES
from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.export import ExportResult
from opensense_okta.storage.lake import Lake
from tests.support.scratch import scratch

DAY = date(2026, 11, 23)

Person = Mapping[str, object]
Exports = Callable[..., list[ExportResult]]

TYPES = {
    "person_id": "varchar",
    **dict.fromkeys(STANDARD_ATTRIBUTES, "varchar"),
    "active": "boolean",
    **dict.fromkeys(DATES, "date"),
    "desk": "varchar",
    "aliases": "varchar[]",
    "manager_id": "varchar",
    "directories": "varchar[]",
    "accounts": "struct(directory varchar, id varchar)[]",
}


def ada(**values: object) -> Person:
    """Ada, active, with nothing but a name and an address unless said otherwise."""
    return {"person_id": "p1", "given_name": "Ada", "email": "ada@acme.com", **values}


def bob(**values: object) -> Person:
    return {"person_id": "p2", "given_name": "Bob", "email": "bob@acme.com", **values}


def resolved(lake: Lake, people: Sequence[Person], *, without: str = "") -> Path:
    """Stores the people of a day; returns the table."""
    draft = lake.resolved(DAY).draft()
    types = {column: kind for column, kind in TYPES.items() if column != without}
    with scratch() as connection:
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        connection.execute(f"create table people ({columns})")
        for person in people:
            row = {"active": True, **person}
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f"insert into people ({', '.join(row)}) values ({marks})",  # noqa: S608  # our own names
                list(row.values()),
            )
        connection.table("people").write_parquet(str(draft.table("people")))
    return draft.table("people")


def acme(folder: Path, csv_export: str | None) -> Organization:
    """The organization acme, whose `publish.csv` is the given YAML."""
    publish = f"publish: {{csv: {csv_export}}}" if csv_export else ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "acme.yaml"
    path.write_text(
        f"""\
timezone: UTC
first_day: 2026-11-01
directories:
  hr: {{kind: csv, users: people.csv, attributes: {{desk: Desk}}}}
resolution:
  attributes: {{aliases: {{merge: union}}}}
{publish}
"""
    )
    return load_organization(path)


def rows(content: bytes) -> list[list[str]]:
    """The rows of a CSV as Python's reader sees them, the header first."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@dataclass(frozen=True)
class Read:
    """Reads what was exported into the lake."""

    folder: Path

    def __call__(self, name: str = "people.csv") -> bytes:
        return (self.folder / name).read_bytes()
