"""Reads of a peer through the reader, in no time, and what came of them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from opensense_okta import engine
from opensense_okta.directories import okta
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http import HeaderAuth, connect
from opensense_okta.directories.progress import Listener, unheard
from opensense_okta.directories.snapshot import Cost
from opensense_okta.simulator.server import TOKEN
from tests.directories.virtual_time import Impatience

Row = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A read: its raw tables sorted by id, with profiles parsed, and what is known of it."""

    users: list[Row]
    groups: list[Row]
    memberships: list[tuple[str, str]]
    cost: Cost
    reading: okta.Reading
    slept: list[float]
    folder: Path

    @cached_property
    def evidence(self) -> dict[str, int]:
        with engine.start(self.folder) as connection:
            okta.tabulate(connection, self.folder)
            return okta.weigh(connection)

    @property
    def user_ids(self) -> list[str]:
        return [user["id"] for user in self.users]

    @property
    def group_ids(self) -> list[str]:
        return [group["id"] for group in self.groups]


def read(
    url: str, folder: Path, *, token: str = TOKEN, share: float = 1.0, listener: Listener = unheard
) -> Read:
    """Reads everything at a URL.

    Raises:
        DirectoryError: as the reader does.
    """
    impatience = Impatience()
    reader = asyncio.run(_read(url, folder, token, share, listener, impatience))
    with engine.start(folder) as connection:
        okta.tabulate(connection, folder)
        return Read(
            rows(connection, "raw_users"),
            rows(connection, "raw_groups"),
            sorted((row["group_id"], row["user_id"]) for row in rows(connection, "memberships")),
            reader.cost(),
            reader.reading,
            impatience.slept,
            folder,
        )


async def _read(
    url: str, folder: Path, token: str, share: float, listener: Listener, impatience: Impatience
) -> okta.Reader:
    async with connect(url, HeaderAuth(f"SSWS {token}"), okta.PROTOCOL) as api:
        api.clock = impatience.clock
        reader = okta.Reader(api, share, folder, listener)
        await reader.read()
        return reader


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
