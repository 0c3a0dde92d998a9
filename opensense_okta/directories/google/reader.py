"""Reads a Google Workspace account over the Directory API: users, groups and their direct members.

One listing of users, one of groups, one of members for each group in scope and for each group in it
(docs/google-api.md, "Endpoints"). A listing has no count, so other facts prove it complete ("Completeness").

Google does not report how much of its quota is left. Requests are spread evenly up to `requests_per_second`,
at most four run at once, and a refusal halves their number (docs/google-api.md, "Limits").
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec

from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.directories.checkpoint import ListingProgress, Page, ReadCheckpoint
from opensense_okta.directories.errors import Gone, IncompleteListing
from opensense_okta.directories.google import addresses, token_errors
from opensense_okta.directories.google import errors as google_errors
from opensense_okta.directories.google.records import (
    following,
    read_groups,
    read_members,
    read_users,
)
from opensense_okta.directories.google.service_account import read_service_account
from opensense_okta.directories.http.client import Answer, Api, Auth, Protocol, connect
from opensense_okta.directories.http.oauth import ClientCredentials, jwt_bearer
from opensense_okta.directories.http.paging import (
    Listing,
    Pages,
    cost_of,
    for_each_reached,
    together,
)
from opensense_okta.directories.http.rate_limit import Ceiling, RateLimiter
from opensense_okta.directories.json_text import MALFORMED
from opensense_okta.directories.narrowing import chosen_groups, count_chosen, scope_settings
from opensense_okta.directories.protocol import SHARED_SQL, Listener, PreviousSnapshot, Progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.directories.values.mapped_texts import map_texts
from opensense_okta.storage.sql import Sql

AT_ONCE = 4
"""Requests: the account's limit is shared with all other applications (docs/google-api.md, "Limits")."""

PROTOCOL = Protocol(
    google_errors.error,
    google_errors.busy,
    setting=google_errors.SETTING,
    connections=AT_ONCE,
    throttled=google_errors.throttled,
)
FILES = ("users", "groups", "members")
COMPARED = ("groups_listed",)

SCOPES = tuple(
    f"https://www.googleapis.com/auth/admin.directory.{name}.readonly" for name in ("user", "group")
)
LISTING_LIFE = timedelta(minutes=55)  # after 60 minutes Google answers with 503 (the same section)


@dataclass(frozen=True)
class UsersProof:
    """What a listing of users shows of its completeness.

    Attributes:
        listed: the number of users.
        without_status: those that do not say whether they are suspended and archived.
        super_administrators: those that administer the whole account.
        administrator_listed: whether the one that the service account acts as is among them.
        customers: the number of different customers.
        in_units: the number in the organizational units of the scope.
        pages_out_of_order: pages that do not continue where the page before ended.
    """

    listed: int
    without_status: int
    super_administrators: int
    administrator_listed: bool
    customers: int
    in_units: int
    pages_out_of_order: int


class _Counted(msgspec.Struct):
    count: int = msgspec.field(name="directMembersCount", default=0)


def source_scope(directory: GoogleDirectory) -> dict[str, object]:
    """What decides what is read: the account, whom the service account acts as, and the scope."""
    return {
        "customer": directory.customer,
        "administrator": directory.administrator,
        "api": addresses.api_root(directory),
        **scope_settings(directory),
        **({} if directory.nested else {"nested": False}),
    }


def authorization(directory: GoogleDirectory, scopes: tuple[str, ...] = SCOPES) -> Auth:
    """The credentials of the requests, for some scopes.

    Raises:
        SecretMissing: the key is not in the place that the organization file names.
        CredentialsRejected: it is not the key of a service account, or belongs to another token endpoint.
    """
    account = read_service_account(directory.service_account.reveal(), directory.endpoint)
    address = addresses.token_url(directory)
    return ClientCredentials(
        address,
        "",
        jwt_bearer(account.key, account.email, address, " ".join(scopes), directory.administrator),
        token_errors.token_error,
        token_errors.token_lost,
    )


class Reader:
    """Reads one account into a checkpoint, and from there into tables.

    Args:
        directory: its settings.
        checkpoint: has the pages read so far; they are not read again.
        connection: the tables are made there, as views by their names.
        before: the last snapshot, which shows which groups had members; None: there is none.
        full: not used: all members are read in any case.
        listener: gets the progress.
    """

    def __init__(
        self,
        directory: GoogleDirectory,
        checkpoint: ReadCheckpoint,
        connection: duckdb.DuckDBPyConnection,
        before: PreviousSnapshot | None,
        full: bool,  # noqa: ARG002 - the protocol's
        listener: Listener,
    ) -> None:
        self._directory = directory
        self._checkpoint = checkpoint
        self._sql = Sql(connection, __package__)
        self._shared_sql = Sql(connection, SHARED_SQL)
        self._listener = listener
        self._before = before
        self._empty_before: frozenset[str] = frozenset()

    async def run(self) -> Cost:
        """Connects to the API and reads what is not in the checkpoint.

        Raises:
            DirectoryError: the pages read so far stay in the checkpoint.
        """
        auth = authorization(self._directory)
        async with connect(addresses.api_root(self._directory), auth, PROTOCOL) as api:
            return await self.read(api)

    async def read(self, api: Api) -> Cost:
        """Reads what is not in the checkpoint, and makes the raw tables."""
        ceiling = Ceiling(self._directory.requests_per_second)
        budget = RateLimiter(1.0, api.clock, self._wait, ceiling)
        self._shared_sql.run("journal.sql", journal=str(self._checkpoint.journal))
        self._view_before()
        pages = Pages(api, self._checkpoint, following, addresses.HEADERS, self._report_page)
        await together(
            self._read_users(pages, budget), self._read_groups_and_members(pages, budget)
        )
        self._sql.run("tables.sql", nested=self._directory.nested)
        self._shared_sql.run("member_reads.sql")
        return cost_of(pages, (budget,))

    def collect_evidence(self) -> dict[str, int]:
        """Counts of the stored raw tables, by name, for the checks."""
        map_texts(self._sql.connection, self._directory, ("user_name", "email"), "raw_users")
        self._shared_sql.run("evidence.sql", statuses_gone=["suspended", "archived"])
        count_chosen(self._shared_sql, self._directory)
        return dict(self._sql.rows("evidence.sql", tuple[str, int]))

    async def _read_users(self, pages: Pages, budget: RateLimiter) -> None:
        url = addresses.users_url(self._directory)
        # Named by its address: a listing with other fields must not be resumed.
        listing = Listing(url, "users", url, budget, read_users)
        progress = await self._complete(pages, listing)
        proof = self._users_proof(url)
        if proof.pages_out_of_order and progress.last.attempt == 1:
            await pages.restart(listing)
            proof = self._users_proof(url)
        self._check_users(proof)

    def _users_proof(self, listing: str) -> UsersProof:
        units = self._directory.scope.org_units
        return self._sql.row(
            "users.sql",
            UsersProof,
            users_records=str(self._checkpoint.path("users")),
            users_listing=listing,
            administrator=self._directory.administrator,
            scope_units=list(units) if units is not None else None,
        )

    def _check_users(self, proof: UsersProof) -> None:
        """Raises an error unless the listing can be complete (docs/google-api.md, "Completeness")."""
        if not proof.super_administrators:
            raise _partial("listed no super administrator among its users")
        if self._directory.administrator is not None and not proof.administrator_listed:
            raise _partial("did not list the administrator that it was asked as")
        if proof.customers > 1:
            raise _partial(f"listed users of {proof.customers} customers")
        if 2 * proof.without_status > proof.listed:
            raise google_errors.unreadable_users(proof.without_status, proof.listed)
        units = self._directory.scope.org_units
        if units is not None and not proof.in_units and self._directory.scope.groups is None:
            raise IncompleteListing(
                f"None of the account's users is in scope: {', '.join(units)}.",
                remedy="Correct `scope.org_units` in the organization file: full paths, such as /Staff.",
            )

    async def _read_groups_and_members(self, pages: Pages, budget: RateLimiter) -> None:
        url = addresses.groups_url(self._directory)
        listing = Listing("groups", "groups", url, budget, read_groups)
        progress = await self._complete(pages, listing)
        if self._group_pages_out_of_order() and progress.last.attempt == 1:
            await pages.restart(listing)
            self._group_pages_out_of_order()
        in_scope = chosen_groups(self._shared_sql, self._directory, "account")
        counts = dict(self._sql.rows("counts.sql", tuple[str, int]))
        await for_each_reached(
            in_scope,
            AT_ONCE,
            lambda group: self._read_members(pages, budget, group, counts[group]),
            self._nested_groups_to_read,
            lambda done, total: self._listener(Progress("groups' members", done, total)),
        )

    def _group_pages_out_of_order(self) -> int:
        """Makes the tables of the groups that were listed."""
        records = str(self._checkpoint.path("groups"))
        self._shared_sql.run("groups_read.sql", groups_records=records)
        return self._sql.row("groups.sql", int)

    def _view_before(self) -> None:
        self._shared_sql.run("nothing_before.sql")
        if self._before is not None:
            self._before.view(self._sql.connection)
        self._empty_before = frozenset(self._sql.rows("empty_before.sql", str))

    def _nested_groups_to_read(self) -> list[str]:
        """The groups that the members read so far bring into scope."""
        return self._shared_sql.rows(
            "members.sql",
            str,
            members_records=str(self._checkpoint.path("members")),
            nested=self._directory.nested,
        )

    async def _read_members(
        self, pages: Pages, budget: RateLimiter, group: str, counted: int
    ) -> None:
        try:
            await self._read_group(pages, budget, group, counted)
        except Gone:
            self._checkpoint.add_gone("members", group)

    async def _read_group(
        self, pages: Pages, budget: RateLimiter, group: str, counted: int
    ) -> None:
        """Reads the members of a group; if there are none, or fewer users than Google counts, once more.

        Google counts only users, so a count of 0 decides nothing if the group had members before.
        """
        listing = Listing(group, "members", addresses.members_url(group), budget, read_members)
        progress = await self._complete(pages, listing)
        if progress.last.gone:
            return
        users, members = _counts(progress)
        doubtful = users < counted or (not members and group not in self._empty_before)
        if doubtful and (progress.last.attempt == 1 or (counted and not members)):
            progress = await pages.restart(listing)
        if counted and not any(_counts(progress)) and await self._count(pages.api, budget, group):
            raise IncompleteListing(
                f"Google lists no members of the group {group}, but counts {counted:,}.",
                remedy="Google sometimes answers with an empty listing. If it continues, look at the group in"
                " the Admin console.",
                transient=True,
            )

    async def _count(self, api: Api, budget: RateLimiter, group: str) -> int:
        """The number of users that are direct members of a group, as Google counts them now."""

        def parse(answer: Answer) -> int:
            try:
                return msgspec.json.decode(answer.body, type=_Counted, strict=False).count
            except MALFORMED:
                return 0

        url = addresses.count_url(group)
        return await api.get(url, budget, parse, addresses.HEADERS)

    async def _complete(self, pages: Pages, listing: Listing) -> ListingProgress:
        """Reads the missing pages of a listing, or all of them if Google would not continue it."""
        progress = self._checkpoint.progress(listing.name)
        if progress is not None and not progress.done and _begun(progress) < _now() - LISTING_LIFE:
            return await pages.restart(listing)
        return await pages.complete(listing)

    def _wait(self, seconds: float) -> None:
        self._listener(Progress("requests", 0, note=f"waiting {seconds:.0f} s for the rate limit"))

    def _report_page(self, page: Page) -> None:
        if page.file != "members":
            self._listener(Progress(page.file, self._checkpoint.rows(page.file)))


def _partial(what: str) -> IncompleteListing:
    return IncompleteListing(f"Google {what}.", remedy=google_errors.PARTIAL)


def _counts(progress: ListingProgress) -> tuple[int, int]:
    """The number of users among the members that were read of a group, and of all members."""
    members = sum(page.rows + page.set_aside for page in progress.pages)
    return members - sum(page.others for page in progress.pages), members


def _begun(progress: ListingProgress) -> datetime:
    return datetime.fromisoformat(progress.pages[0].read_at)


def _now() -> datetime:
    return datetime.now(UTC)
