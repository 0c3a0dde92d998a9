"""Reads an Okta organization: users, groups and the members of groups (docs/okta-api.md).

Users are two strongly consistent listings: the default one, which has no DEPROVISIONED users ("Users"), then
the DEPROVISIONED ones. In this order a user who is deactivated meanwhile is in one of them.

Reading members costs most ("Rate limits"): at least one call per group. `plan.sql` decides which groups are
read; the members of the others are carried over from the last snapshot, or the group is empty. Groups that
lost members without a new timestamp wait until all users are listed: `deletions.sql`.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, urlencode

import duckdb

from opensense_okta.config.attributes import source_fields
from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.directories.checkpoint import Page, ReadCheckpoint
from opensense_okta.directories.errors import (
    CredentialsRejected,
    Gone,
    IncompleteListing,
    ServerTrouble,
    Unreachable,
)
from opensense_okta.directories.http.client import Answer, Api, Auth, HeaderAuth, Protocol, connect
from opensense_okta.directories.http.paging import Listing, Pages, cost_of, for_each, together
from opensense_okta.directories.http.rate_limit import Ceiling, RateLimiter
from opensense_okta.directories.narrowing import (
    choose_groups,
    count_chosen,
    no_group_to_store,
    scope_settings,
)
from opensense_okta.directories.okta import errors as okta_errors
from opensense_okta.directories.okta import token_errors as okta_token_errors
from opensense_okta.directories.protocol import SHARED_SQL, Listener, PreviousSnapshot, Progress
from opensense_okta.directories.records import Records, read_identifiers, read_records
from opensense_okta.directories.snapshot import Cost
from opensense_okta.directories.values.mapped_texts import map_texts
from opensense_okta.storage.sql import Sql

PROTOCOL = Protocol(okta_errors.error, okta_errors.busy, okta_errors.allowance)
SCOPES = "okta.users.read okta.groups.read"
APPS_SCOPE = "okta.apps.read"
ASSIGNMENTS = "assignments"
"""The checkpoint's file with the ids of the users of each application in scope."""

FILES = ("users", "groups", "members", ASSIGNMENTS)

USERS = "/api/v1/users?limit=200"
DEPROVISIONED = "/api/v1/users?" + urlencode(
    {"limit": 200, "filter": 'status eq "DEPROVISIONED"'}, quote_via=quote
)
GROUPS = "/api/v1/groups?limit=200&expand=stats"
# Leaner records that avoid the delegated-authentication bottleneck; only all three together do.
LEAN = {
    "Content-Type": "application/json;"
    ' okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"'
}
MEMBER_PAGE_SIZES = (1000, 200)  # the largest, and the fallback (docs/okta-api.md, "Paging")
APP_USERS_PER_PAGE = 500  # the most
WORKERS = 8  # enough for 250 a minute at 1-2 s each (docs/okta-api.md, "Concurrency")
LARGE_PAGE_TRIES = 2  # before smaller pages are requested
FULL_PAGE = 200  # rows; a smaller page is always the last one


def source_scope(directory: OktaDirectory) -> dict[str, object]:
    """What decides what is read: the address and the scope."""
    return {"endpoint": directory.endpoint, **scope_settings(directory)}


def scopes(directory: OktaDirectory) -> str:
    """The OAuth scopes that a read needs."""
    return f"{SCOPES} {APPS_SCOPE}" if directory.scope.apps else SCOPES


def app_users_url(app: str) -> str:
    """The address of the first page of an application's users."""
    return f"/api/v1/apps/{quote(app, safe='')}/users?limit={APP_USERS_PER_PAGE}"


def full_read_days(directory: OktaDirectory) -> int:
    """All memberships are read after so many days, also the unchanged ones; 0: every day."""
    return 0 if directory.memberships == "full" else directory.full_read_days


def authorization(directory: OktaDirectory) -> Auth:
    """The credentials of the requests.

    Raises:
        SecretMissing: the secret is not in the place that the organization file names.
        CredentialsRejected: the secret is not a valid token or key.
    """
    if directory.client_id is not None and directory.private_key is not None:
        # An API token needs no cryptography, which is slow to import.
        from opensense_okta.directories.http.keys import read_key  # noqa: PLC0415 - as above
        from opensense_okta.directories.http.oauth import (  # noqa: PLC0415 - as above
            ClientCredentials,
            private_key_jwt,
        )

        token_url = f"{directory.endpoint}/oauth2/v1/token"
        key = read_key(directory.private_key.reveal(), directory.key_id)
        identity = private_key_jwt(key, directory.client_id, token_url)
        return ClientCredentials(
            token_url,
            scopes(directory),
            identity,
            okta_token_errors.token_error,
            okta_token_errors.token_lost,
            prove=True,  # new apps require it (docs/okta-api.md, "DPoP")
        )
    token = directory.api_token.reveal() if directory.api_token else ""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsRejected(
            "The stored API token contains characters that no token has.",
            remedy="Store the token alone: no quotes, no spaces, no line breaks in between.",
        )
    return HeaderAuth(f"SSWS {token}")


class Reader:
    """Reads one Okta organization into a checkpoint, and from there into tables.

    Args:
        directory: its settings.
        checkpoint: has the pages read so far; they are not read again.
        connection: the tables are made there, as views by their names.
        before: the last snapshot; None if there is none.
        full: whether the members of all groups are read, also of unchanged ones.
        listener: gets the progress.
    """

    def __init__(
        self,
        directory: OktaDirectory,
        checkpoint: ReadCheckpoint,
        connection: duckdb.DuckDBPyConnection,
        before: PreviousSnapshot | None,
        full: bool,
        listener: Listener,
    ) -> None:
        self._directory = directory
        self._checkpoint = checkpoint
        self._sql = Sql(connection, __package__)
        self._shared_sql = Sql(connection, SHARED_SQL)
        self._before = before
        self._full = full
        self._listener = listener
        self._groups_left = 0
        self._users_listed = asyncio.Event()

    async def run(self) -> Cost:
        """Connects to the organization and reads what is not in the checkpoint.

        Raises:
            DirectoryError: the pages read so far stay in the checkpoint.
        """
        auth = authorization(self._directory)
        async with connect(self._directory.endpoint, auth, PROTOCOL) as api:
            return await self.read(api)

    async def read(self, api: Api) -> Cost:
        """Reads what is not in the checkpoint, and makes the raw tables."""
        # Members of groups draw from the bucket of groups (docs/okta-api.md, "Rate limits").
        ceiling = Ceiling(self._directory.requests_per_second)
        users, groups, apps = (
            self._rate_limiter(api, name, ceiling) for name in ("users", "groups", "apps")
        )
        self._shared_sql.run("journal.sql", journal=str(self._checkpoint.journal))
        pages = Pages(api, self._checkpoint, _following, LEAN, self._report_page)
        await together(
            self._read_users(pages, users),
            self._read_groups_and_members(pages, groups),
            self._read_app_users(pages, apps),
        )
        await self._find_everyone(pages, groups)
        statuses, chosen = self._directory.scope.statuses, self._directory.scope.apps
        self._sql.run(
            "tables.sql",
            scope_apps=list(chosen) if chosen is not None else None,
            assignments_records=str(self._checkpoint.path(ASSIGNMENTS)),
            scope_statuses=list(statuses) if statuses is not None else None,
            members_records=str(self._checkpoint.path("members")),
            profile_fields=_fields(self._directory),
        )
        self._refuse_nobody()
        return cost_of(pages, (users, groups, apps))

    def collect_evidence(self) -> dict[str, int]:
        """Counts of the stored raw tables, by name, for the checks."""
        map_texts(self._sql.connection, self._directory, ("user_name", "email"), "raw_users")
        self._shared_sql.run("evidence.sql", statuses_gone=["DEPROVISIONED"])
        count_chosen(self._shared_sql, self._directory)
        return dict(self._sql.rows("evidence.sql", tuple[str, int]))

    async def _read_users(self, pages: Pages, bucket: RateLimiter) -> None:
        listed = 0
        for name, url in (("users", USERS), ("deprovisioned", DEPROVISIONED)):
            progress = await pages.complete(Listing(name, "users", url, bucket, _records))
            listed += sum(page.rows for page in progress.pages)
            if not listed:
                raise IncompleteListing(
                    "Okta answered, but listed no users at all.",
                    remedy="An organization always has users: the credentials lack a role. "
                    + okta_errors.GRANT,
                )
        self._sql.run("users.sql", users_records=str(self._checkpoint.path("users")))
        self._users_listed.set()

    async def _read_app_users(self, pages: Pages, bucket: RateLimiter) -> None:
        """Reads who is assigned to the applications in scope."""
        for app in self._directory.scope.apps or ():
            listing = Listing(app, ASSIGNMENTS, app_users_url(app), bucket, _identifiers)
            try:
                await pages.complete(listing)
            except Gone as gone:
                raise IncompleteListing(
                    f"Okta has no application {app}, which `scope.apps` names.",
                    remedy="Correct `scope.apps` in the organization file: the id of an application is in the"
                    " address of its page in the Admin Console, such as 0oa1b2c3d4.",
                ) from gone

    def _refuse_nobody(self) -> None:
        apps = self._directory.scope.apps
        if apps and not self._sql.connection.table("users_in_scope").limit(1).fetchall():
            raise IncompleteListing(
                f"Nobody is in scope: no user is assigned to {', '.join(apps)}.",
                remedy="Correct `scope.apps` in the organization file, or assign users to the application.",
            )

    async def _read_groups_and_members(self, pages: Pages, bucket: RateLimiter) -> None:
        progress = await pages.complete(Listing("groups", "groups", GROUPS, bucket, _records))
        apps = self._directory.scope.apps
        if not sum(page.rows for page in progress.pages) and not apps:
            raise IncompleteListing(
                "Okta answered, but listed no groups at all, not even Everyone.",
                remedy="The credentials lack a role. " + okta_errors.GRANT,
            )
        await self._read_groups(pages, bucket, self._plan())
        await self._users_listed.wait()
        await self._read_groups(pages, bucket, self._sql.rows("deletions.sql", tuple[str, str]))

    async def _read_groups(
        self, pages: Pages, bucket: RateLimiter, plan: Sequence[tuple[str, str]]
    ) -> None:
        """Reads the members of the groups for which the plan says so."""
        to_read = [group for group, how in plan if how == "read"]
        self._groups_left = len(to_read)

        async def act(group: str) -> None:
            await self._read_members(pages, bucket, group)
            self._groups_left -= 1
            done = len(to_read) - self._groups_left
            self._listener(Progress("groups' members", done, len(to_read)))

        await for_each(to_read, WORKERS, act)

    def _plan(self) -> list[tuple[str, str]]:
        """For each group, whether its members are read, carried over, derived or none, or decided later."""
        scope, stored = self._directory.scope.groups, self._directory.store_groups
        self._sql.run(
            "groups.sql",
            groups_records=str(self._checkpoint.path("groups")),
        )
        choose_groups(self._shared_sql, self._directory)
        self._view_before()
        planned = self._sql.rows(
            "plan.sql",
            tuple[str, str],
            read_all=self._full,
        )
        if not planned and scope is None and stored is not None:
            raise no_group_to_store(stored)
        if not planned and (scope is not None or not self._directory.scope.apps):
            raise IncompleteListing(
                f"None of Okta's groups is in scope: {', '.join(scope or ())}.",
                remedy="Correct `scope.groups` in the organization file: names, with * for any"
                " characters, or ids.",
            )
        return planned

    def _view_before(self) -> None:
        self._shared_sql.run("nothing_before.sql")
        if self._before is not None:
            self._before.view(self._sql.connection)

    async def _read_members(self, pages: Pages, bucket: RateLimiter, group: str) -> None:
        large, small = MEMBER_PAGE_SIZES
        url = f"/api/v1/groups/{quote(group, safe='')}/users?limit="
        first = Listing(group, "members", f"{url}{large}", bucket, _identifiers, LARGE_PAGE_TRIES)
        try:
            try:
                await pages.complete(first)
            except (ServerTrouble, Unreachable):  # the page is too large
                await pages.restart(
                    Listing(group, "members", f"{url}{small}", bucket, _identifiers)
                )
        except Gone:
            self._checkpoint.add_gone("members", group)

    async def _find_everyone(self, pages: Pages, bucket: RateLimiter) -> None:
        """Derives the members of Everyone, or reads them if the API's count does not match."""
        groups = self._sql.rows("everyone.sql", tuple[str, str | None])
        for group_id, everyone in groups:
            if everyone is None:
                await self._read_members(pages, bucket, group_id)
        self._sql.connection.execute(
            "set variable everyone = $how", {"how": groups[0][1] if groups else None}
        )

    def _rate_limiter(self, api: Api, bucket: str, ceiling: Ceiling) -> RateLimiter:
        limiter = RateLimiter(self._directory.rate_limit_share, api.clock, ceiling=ceiling)

        def report_wait(seconds: float) -> None:
            note = f"waiting {seconds:.0f} s for the rate limit"
            if bucket == "groups" and limiter.per_minute and self._groups_left:
                note += f"; about {self._groups_left / limiter.per_minute:.0f} min to go"
            self._listener(Progress(bucket, 0, note=note))

        limiter.on_wait = report_wait
        return limiter

    def _report_page(self, page: Page) -> None:
        if page.file != "members":
            self._listener(Progress(page.file, self._checkpoint.rows(page.file)))


def _fields(directory: OktaDirectory) -> list[str] | None:
    """The profile fields that are stored; None: all."""
    if directory.store_profile == "all":
        return None
    return sorted(source_fields(directory))


def _following(answer: Answer, records: Records) -> str | None:
    if not answer.links and len(records.ids) >= FULL_PAGE:
        raise IncompleteListing(
            "A full page came without a Link header, so it is not known whether there are more pages.",
            remedy="Look for a proxy that drops headers between this machine and Okta.",
            transient=True,
        )
    return answer.links.get("next")


def _records(answer: Answer) -> Records:
    return read_records(answer.body)


def _identifiers(answer: Answer) -> Records:
    return read_identifiers(answer.body)
