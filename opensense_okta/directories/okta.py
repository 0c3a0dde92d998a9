"""Reads an Okta organization: users, groups and the members of each group (okta-api.md).

Users are two strongly consistent listings, the plain one and then the DEPROVISIONED, because the
plain one leaves those out (§5.1); in this order a user who is deactivated meanwhile is in one of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin

import duckdb
import msgspec

from opensense_okta import engine
from opensense_okta.directories import okta_errors
from opensense_okta.directories.errors import (
    CredentialsRejected,
    CursorLost,
    DirectoryError,
    Gone,
    IncompleteListing,
    ServerTrouble,
    Unreachable,
)
from opensense_okta.directories.http import Answer, Api, Auth, HeaderAuth, Protocol, connect
from opensense_okta.directories.pacing import Governor
from opensense_okta.directories.progress import Listener, Progress
from opensense_okta.directories.records import Records, read_identifiers, read_records
from opensense_okta.directories.snapshot import Cost, Table
from opensense_okta.directories.spool import Spool
from opensense_okta.organization import OktaDirectory

PROTOCOL = Protocol(okta_errors.error, okta_errors.allowance, okta_errors.busy)

USERS = "/api/v1/users?limit=200"
DEPROVISIONED = "/api/v1/users?" + urlencode(
    {"limit": 200, "filter": 'status eq "DEPROVISIONED"'}, quote_via=quote
)
GROUPS = "/api/v1/groups?limit=200&expand=stats"
# Leaner records that avoid the delegated-authentication bottleneck; only all three together do (§5.1).
LEAN = {
    "Content-Type": "application/json;"
    ' okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"'
}
MEMBERS_A_PAGE = (1000, 200)  # the most, and what to fall back to where that fails (§4, §8)
WORKERS = 8  # "4-8 workers saturate 250/min at 1-2 s per call" (§3.2)
TRIES_OF_A_LARGE_PAGE = 2  # before smaller pages are asked for
FULL_PAGE = 200  # the fewest rows of a page that may have another one after it


@dataclass(frozen=True)
class Page:
    """One page of a listing and where the next one is."""

    records: Records
    links: Mapping[str, str]
    groups: tuple["ListedGroup", ...] = ()


class _Stats(msgspec.Struct):
    usersCount: int | None = None  # noqa: N815 - Okta's spelling


class _Embedded(msgspec.Struct):
    stats: _Stats | None = None


class ListedGroup(msgspec.Struct, frozen=True):
    """What the reading of members needs to know of a group."""

    id: str
    _embedded: _Embedded | None = None

    @property
    def users_count(self) -> int | None:
        """How many members the API's statistics say there are; a hint."""
        return self._embedded.stats.usersCount if self._embedded and self._embedded.stats else None


@dataclass
class Reading:
    """What has been read so far."""

    pages: int = 0
    set_aside: dict[Table, int] = field(
        default_factory=lambda: {"raw_users": 0, "raw_groups": 0, "memberships": 0}
    )
    groups_read: int = 0
    rows: dict[Table, int] = field(
        default_factory=lambda: {"raw_users": 0, "raw_groups": 0, "memberships": 0}
    )


def authorization(directory: OktaDirectory) -> Auth:
    """How requests prove who sends them.

    Raises:
        SecretMissing: the secret is not where the organization file says.
        CredentialsRejected: what is there cannot be a token.
    """
    token = directory.api_token.reveal() if directory.api_token else ""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsRejected(
            "What is stored as the API token contains characters that no token has.",
            remedy="Store the token alone: no quotes, no spaces, no line breaks in between.",
        )
    return HeaderAuth(f"SSWS {token}")


async def read(directory: OktaDirectory, folder: Path, listener: Listener) -> tuple[Cost, Reading]:
    """Reads everything once and leaves the pages in `folder`; `tabulate` makes tables of them.

    Raises:
        DirectoryError: nothing of what was read counts.
    """
    async with connect(directory.endpoint, authorization(directory), PROTOCOL) as api:
        reader = Reader(api, directory.rate_limit_share, folder, listener)
        await reader.read()
        return reader.cost(), reader.reading


def tabulate(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Makes the raw tables of the pages in `folder`, as views by their names."""
    engine.run(
        connection,
        __package__,
        "okta_tables.sql",
        users_records=str(folder / "users.jsonl"),
        groups_records=str(folder / "groups.jsonl"),
        members_records=str(folder / "members.jsonl"),
    )


def weigh(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The evidence for and against the stored raw tables, by name; after `tabulate`."""
    evidence = engine.run(connection, __package__, "okta_evidence.sql")
    return {str(row["name"]): int(str(row["count"])) for row in evidence}


class Reader:
    """One read of one Okta organization."""

    def __init__(self, api: Api, share: float, folder: Path, listener: Listener) -> None:
        self.api = api
        self.reading = Reading()
        self._listener = listener
        self._users = Spool(folder / "users.jsonl")
        self._groups = Spool(folder / "groups.jsonl")
        self._members = Spool(folder / "members.jsonl")
        # Members of groups draw from the bucket of groups (§3.1).
        self._users_bucket = Governor(share, api.clock, self._waiting("users"))
        self._groups_bucket = Governor(share, api.clock, self._waiting("groups"))

    async def read(self) -> None:
        """Reads users beside groups and their members."""
        with closing(self._users), closing(self._groups), closing(self._members):
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read_users())
                    tasks.create_task(self._read_groups_and_members())
            except* Exception as failed:  # noqa: BLE001 - whatever it was, the first is what happened
                raise _first(failed) from None

    def cost(self) -> Cost:
        """What the read has cost."""
        buckets = (self._users_bucket, self._groups_bucket)
        headroom = [bucket.headroom for bucket in buckets if bucket.headroom is not None]
        return Cost(
            requests=self.api.usage.requests,
            retries=self.api.usage.retries,
            pages=self.reading.pages,
            received=self.api.usage.received,
            waits=sum(bucket.waits for bucket in buckets),
            waited=round(sum(bucket.waited for bucket in buckets), 1),
            headroom=min(headroom, default=None),
        )

    async def _read_users(self) -> None:
        for listing, url in (("users", USERS), ("deprovisioned", DEPROVISIONED)):
            pages = self._listing("raw_users", url, self._users_bucket, _records_page)
            async for attempt, number, page in pages:
                self._users.add_records(listing, attempt, number, page.records)
            if not self.reading.rows["raw_users"]:
                raise IncompleteListing(
                    "Okta answered, but listed no users at all.",
                    remedy="An organization always has users: the credentials lack a role. "
                    + okta_errors.GRANT,
                )

    async def _read_groups_and_members(self) -> None:
        groups: dict[str, ListedGroup] = {}
        pages = self._listing("raw_groups", GROUPS, self._groups_bucket, _groups_page)
        async for attempt, number, page in pages:
            if number == 1:
                groups.clear()
            self._groups.add_records("groups", attempt, number, page.records)
            groups.update({group.id: group for group in page.groups})
        if not groups:
            raise IncompleteListing(
                "Okta answered, but listed no groups at all, not even Everyone.",
                remedy="The credentials lack a role. " + okta_errors.GRANT,
            )
        await self._read_members([group.id for group in groups.values() if group.users_count != 0])

    async def _read_members(self, groups: list[str]) -> None:
        waiting = iter(groups)

        async def work() -> None:
            for group in waiting:
                try:
                    await self._read_group(group)
                except Gone:
                    self._members.add_gone(group)
                self.reading.groups_read += 1
                self._listener(Progress("members of groups", self.reading.groups_read, len(groups)))

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(WORKERS, len(groups))):
                workers.create_task(work())

    async def _read_group(self, group: str) -> None:
        large, small = MEMBERS_A_PAGE
        try:
            await self._read_members_of(group, large, attempt=1, tries=TRIES_OF_A_LARGE_PAGE)
        except (ServerTrouble, Unreachable):  # it cannot make the page, or not in time
            await self._read_members_of(group, small, attempt=3)

    async def _read_members_of(
        self, group: str, limit: int, *, attempt: int, tries: int | None = None
    ) -> None:
        url = f"/api/v1/groups/{quote(group, safe='')}/users?limit={limit}"
        bucket = self._groups_bucket
        pages = self._listing("memberships", url, bucket, _identifiers_page, attempt, tries)
        async for number_of_attempt, number, page in pages:
            self._members.add_identifiers(group, number_of_attempt, number, page.records)

    async def _listing(
        self,
        table: Table,
        url: str,
        bucket: Governor,
        parse: Callable[[Answer], Page],
        attempt: int = 1,
        tries: int | None = None,
    ) -> AsyncIterator[tuple[int, int, Page]]:
        """The pages of a listing, each with its attempt and number; begun anew once if its place is lost.

        Raises:
            IncompleteListing: the pages do not form a closed chain.
        """
        last_attempt = attempt + 1
        while True:
            rows = set_aside = 0
            try:
                async for number, page in self._chain(url, bucket, parse, tries):
                    rows += len(page.records.ids)
                    set_aside += page.records.set_aside
                    self._count(table, len(page.records.ids), page.records.set_aside)
                    yield attempt, number, page
                return
            except DirectoryError as error:
                self._count(table, -rows, -set_aside)  # whatever comes next begins anew
                if not isinstance(error, CursorLost) or attempt == last_attempt:
                    raise
                attempt += 1

    async def _chain(
        self, url: str, bucket: Governor, parse: Callable[[Answer], Page], tries: int | None
    ) -> AsyncIterator[tuple[int, Page]]:
        seen: set[str] = set()
        following: str | None = urljoin(self.api.origin, url)
        while following is not None:
            if following in seen:
                raise _repeats(url)
            seen.add(following)
            page = await self.api.get(following, bucket, parse, LEAN, tries)
            if not page.links and len(page.records.ids) >= FULL_PAGE:
                raise _unlinked(url)
            self.reading.pages += 1
            yield len(seen), page
            following = page.links.get("next")

    def _count(self, table: Table, rows: int, set_aside: int) -> None:
        self.reading.rows[table] += rows
        self.reading.set_aside[table] += set_aside
        if table != "memberships":
            self._listener(Progress(table.removeprefix("raw_"), self.reading.rows[table]))

    def _waiting(self, bucket: str) -> Callable[[float], None]:
        def tell(seconds: float) -> None:
            note = f"waiting {seconds:.0f} s for the rate limit"
            self._listener(Progress(bucket, 0, note=note))

        return tell


def _records_page(answer: Answer) -> Page:
    return Page(read_records(answer.body), answer.links)


def _groups_page(answer: Answer) -> Page:
    records = read_records(answer.body)
    groups = tuple(_listed_group(row) for row in records.rows)
    return Page(records, answer.links, groups)


def _listed_group(row: bytes | msgspec.Raw) -> ListedGroup:
    try:
        return msgspec.json.decode(row, type=ListedGroup)
    except msgspec.ValidationError:  # statistics of another shape: known by its id alone
        return ListedGroup(msgspec.json.decode(row)["id"])


def _identifiers_page(answer: Answer) -> Page:
    return Page(read_identifiers(answer.body), answer.links)


def _repeats(url: str) -> IncompleteListing:
    error = IncompleteListing(
        f"The pages of {url.partition('?')[0]} run in a circle: a next link came twice.",
        remedy=okta_errors.WAIT,
    )
    error.heals = True
    return error


def _unlinked(url: str) -> IncompleteListing:
    return IncompleteListing(
        f"A full page of {url.partition('?')[0]} came without links, so that nobody knows what follows.",
        remedy="Okta sends a Link header with every page: look for a proxy that takes it away.",
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
