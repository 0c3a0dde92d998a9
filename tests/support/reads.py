"""Reads of a peer through the reader, in no time, and what came of them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb

from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http.client import Auth, HeaderAuth, connect
from opensense_okta.directories.okta import reader as okta
from opensense_okta.directories.protocol import Listener, no_progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.simulator.okta.server import TOKEN
from opensense_okta.storage import engine
from tests.support.virtual_time import Impatience

Row = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A read: its raw tables sorted by id, with profiles parsed, and what is known of it."""

    users: list[Row]
    groups: list[Row]
    memberships: list[tuple[str, str]]
    cost: Cost
    set_aside: dict[str, int]
    evidence: dict[str, int]
    slept: list[float]

    @property
    def user_ids(self) -> list[str]:
        return [user["id"] for user in self.users]

    @property
    def group_ids(self) -> list[str]:
        return [group["id"] for group in self.groups]


def read(
    url: str,
    folder: Path,
    *,
    token: str = TOKEN,
    auth: Auth | None = None,
    share: float = 1.0,
    listener: Listener = no_progress,
) -> Read:
    """Reads everything at a URL.

    Raises:
        DirectoryError: as the reader does.
    """
    impatience, auth = Impatience(), auth or HeaderAuth(f"SSWS {token}")
    folder = Path(mkdtemp(dir=folder))  # nothing of an earlier read to go on with
    settings = OktaDirectory(kind="okta", endpoint=url, rate_limit_share=share)
    files = dict(zip(TABLES, okta.FILES, strict=False))  # assignments to applications have no table
    with ReadCheckpoint(folder, okta.FILES) as spool, engine.start(folder) as connection:
        reader = okta.Reader(settings, spool, connection, None, True, listener)
        cost = asyncio.run(_read(reader, url, auth, impatience))
        for table in TABLES:  # as a snapshot stores them
            engine.store(connection, table, folder / f"{table}.parquet")
            engine.view(connection, table, folder / f"{table}.parquet")
        return Read(
            rows(connection, "raw_users"),
            rows(connection, "raw_groups"),
            sorted((row["group_id"], row["user_id"]) for row in rows(connection, "memberships")),
            cost,
            {table: spool.set_aside(file) for table, file in files.items()},
            reader.collect_evidence(),
            impatience.slept,
        )


async def _read(reader: okta.Reader, url: str, auth: Auth, impatience: Impatience) -> Cost:
    async with connect(url, auth, okta.PROTOCOL) as api:
        api.clock = impatience.clock
        return await reader.read(api)


def failure(act: Callable[[], object]) -> DirectoryError:
    """The error that an act ends in."""
    try:
        act()
    except DirectoryError as error:
        return error
    raise AssertionError("it did not fail")


def rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    result = connection.execute(f"select * from {table} order by all")  # noqa: S608 - our names
    columns = [column[0] for column in result.description]
    found = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    for row in found:
        if "profile" in row:
            row["profile"] = json.loads(row["profile"])
    return found
