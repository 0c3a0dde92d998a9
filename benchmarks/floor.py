"""The floor: the least that it costs to download the same pages into a DuckDB file.

An async client on aiohttp writes the records of each page to files, and DuckDB inserts each table at once.
msgspec divides the pages of users and groups into records, and reads only the ids of members: DuckDB's own
reading of whole pages costs 0.7 s instead of 0.04 s for 10,000 users. There are no checks, no retries, no
snapshots and no resolution.

Usage: python benchmarks/floor.py URL DATABASE
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TextIO

import aiohttp
import duckdb
import msgspec
from yarl import URL

HEADERS = {"Authorization": "SSWS simulator-token"}
WORKERS = 8  # as many requests for members at once as the product makes
USERS = (
    "/api/v1/users?limit=200",
    "/api/v1/users?limit=200&filter=status%20eq%20%22DEPROVISIONED%22",
)
GROUPS = "/api/v1/groups?limit=200&expand=stats"
INSERTS = {
    "users": """
        create table users as from read_json($file, format = 'newline_delimited',
            columns = {id: 'varchar', status: 'varchar', profile: 'json'})
    """,
    "groups": """
        create table groups as from read_json($file, format = 'newline_delimited',
            columns = {id: 'varchar', type: 'varchar', profile: 'json'})
    """,
    "memberships": """
        create table memberships as from read_csv($file, header = false, auto_detect = false,
            columns = {group_id: 'varchar', user_id: 'varchar'})
    """,
}


class Stats(msgspec.Struct):
    """The number of members of a group."""

    count: int = msgspec.field(name="usersCount")


class Embedded(msgspec.Struct):
    """What a group embeds."""

    stats: Stats


class Group(msgspec.Struct):
    """What is needed of a group to read its members."""

    id: str
    embedded: Embedded = msgspec.field(name="_embedded")


class Member(msgspec.Struct):
    """The id of a member."""

    id: str


RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
GROUP = msgspec.json.Decoder(Group)
MEMBERS = msgspec.json.Decoder(list[Member])


class Download:
    """Downloads a company; counts the requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.requests = 0

    async def pages(self, url: str) -> list[bytes]:
        """Every page of a listing."""
        bodies = []
        following: URL | None = URL(url, encoded=True)
        while following:
            async with self._session.get(following) as answer:
                answer.raise_for_status()
                bodies.append(await answer.read())
                after = answer.links.get("next")
            following = URL(str(after["url"]), encoded=True) if after else None
        self.requests += len(bodies)
        return bodies

    async def users(self, file: BinaryIO) -> None:
        """Writes both listings of users."""
        for listing in USERS:
            for body in await self.pages(listing):
                file.writelines(b"%b\n" % record for record in RECORDS.decode(body))

    async def groups_and_members(self, groups: BinaryIO, memberships: TextIO) -> None:
        """Writes the groups, and the members of each that is not empty."""
        ids = []
        for body in await self.pages(GROUPS):
            for record in RECORDS.decode(body):
                groups.write(b"%b\n" % record)
                group = GROUP.decode(record)
                if group.embedded.stats.count:
                    ids.append(group.id)
        waiting = iter(ids)

        async def work() -> None:
            for group_id in waiting:
                for body in await self.pages(f"/api/v1/groups/{group_id}/users?limit=1000"):
                    memberships.writelines(
                        f"{group_id},{member.id}\n" for member in MEMBERS.decode(body)
                    )

        await asyncio.gather(*(work() for _ in range(WORKERS)))


async def download(url: str, users: Path, groups: Path, memberships: Path) -> int:
    """Writes everything to the files and returns the number of requests."""
    with users.open("wb") as first, groups.open("wb") as second, memberships.open("w") as third:
        async with aiohttp.ClientSession(base_url=url, headers=HEADERS) as session:
            company = Download(session)
            await asyncio.gather(company.users(first), company.groups_and_members(second, third))
    return company.requests


def main(url: str, database: str) -> None:
    """Fills the database; prints the number of requests and the rows of each table."""
    with TemporaryDirectory() as folder, duckdb.connect(database) as connection:
        files = {table: Path(folder, table) for table in INSERTS}
        requests = asyncio.run(download(url, **files))
        for table, insert in INSERTS.items():
            connection.execute(insert, {"file": str(files[table])})
        rows = {table: len(connection.table(table)) for table in INSERTS}
    print(json.dumps({"requests": requests, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
