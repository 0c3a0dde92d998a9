"""A small company that somebody leaves: its days, and all that is stored of them, as text."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import duckdb

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.stored import OKTA, company, group, store, user

MONDAY = date(2026, 11, 23)
DAYS = [MONDAY + timedelta(days=number) for number in range(4)]

ADA = {
    "login": "ada@acme.test",
    "email": "Ada@acme.test",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "displayName": "Ada Lovelace",
    "employeeNumber": "E-1815",
    "title": "Countess",
}
BOB = {"login": "bob@acme.test", "email": "bob@acme.test", "displayName": "Bob", "title": "Clerk"}
OTHERS = [
    {"login": f"{name}@acme.test", "email": f"{name}@acme.test", "displayName": name.title()}
    for name in ("cy", "dan", "eve", "fay")
]

TRACES = ("ada@", "lovelace", "e-1815", "countess", "00uada")
"""What nothing that is stored may contain after Ada is forgotten, in lower case."""


def acme(**settings: Any) -> Organization:  # noqa: ANN401 - as the file has them
    """acme with Okta and HR, whose exports of each day are in the lake."""
    hr = {"kind": "csv", "users": "hr.csv", "id": "id", "attributes": {"end_date": "lastDay"}}
    publish = {"csv": {"path": "exports/{date}/people.csv", "groups": True}}
    return company({"okta": OKTA, "hr": hr}, **{"publish": publish, **settings})


def sync(
    lake: Lake,
    day: date,
    *,
    with_ada: bool,
    manager: str | None = None,
    export: bool = True,
    organization: Organization | None = None,
) -> None:
    """A day of the company: HR has Ada with another title than Okta."""
    ada = [user("00uADA", ADA)] if with_ada else []
    bob = user("00uBOB", {**BOB, "title": f"Clerk of {day}", "managerId": manager})
    others = [user(f"00u{number}", profile) for number, profile in enumerate(OTHERS)]
    users = [*ada, bob, *others]
    members = [("g1", str(row["id"])) for row in users]
    store(lake, users, [group("g1", "Everyone")], members, day=day)
    in_hr = [user("17", {**ADA, "title": "Lady", "lastDay": "none: E-1815"})] if with_ada else []
    bob_in_hr = user("18", {**BOB, "lastDay": "9999-12-31"})
    store(lake, [*in_hr, bob_in_hr, *others], day=day, directory="hr")
    organization = organization or acme()
    resolve(organization, day, lake)
    publish(organization, lake, day)
    if export:
        export_published(organization, lake, day)
    write_report(organization, lake, day)


def read_without_ada(lake: Lake, day: date) -> None:
    """Both directories are read, and nothing else is done."""
    others = [user(f"00u{number}", profile) for number, profile in enumerate(OTHERS)]
    users = [user("00uBOB", BOB), *others]
    members = [("g1", str(row["id"])) for row in users]
    store(lake, users, [group("g1", "Everyone")], members, day=day)
    store(lake, [user("18", BOB), *others], day=day, directory="hr")


def contents(lake: Lake) -> dict[str, str]:
    """All that is stored, as text, by file; of tables and of the database each row is a line."""
    texts = {}
    for path in sorted(path for path in lake.scratch.rglob("*") if path.is_file()):
        name = str(path.relative_to(lake.scratch))
        if path.suffix == ".parquet":
            with duckdb.connect() as connection:
                rows = connection.read_parquet(str(path), hive_partitioning=False).fetchall()
            texts[name] = "\n".join(map(repr, rows))
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.execute(
                    "select table_schema, table_name from information_schema.tables order by all"
                ).fetchall()
                for schema, table in tables:
                    rows = connection.table(f'"{schema}"."{table}"').fetchall()
                    texts[f"{name}/{schema}.{table}"] = "\n".join(map(repr, rows))
            texts[name] = path.read_bytes().decode("latin-1")
        else:
            texts[name] = path.read_text()
    return texts


def traces_in(texts: Mapping[str, str]) -> set[str]:
    """The names of the files that have a trace of Ada."""
    return {name for name, text in texts.items() if any(trace in text.lower() for trace in TRACES)}


def with_traces(lake: Lake) -> set[str]:
    """The files of a lake that have a trace of Ada."""
    return traces_in(contents(lake))
