"""Reads a Microsoft Entra tenant over Microsoft Graph: users, groups and their direct members.

One listing of users, with each one's manager expanded; one of groups; one of direct members for each group
in scope (docs/entra-api.md, "Endpoints"). A group that is a member of a group in scope is in scope, too,
unless `nested` is false. Resolution counts its members as members of both.

Graph does not report how much of its rate limit is left. Requests are spread evenly up to
`requests_per_second`, and a 429 halves the number of concurrent requests (docs/entra-api.md, "Throttling").
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote

import duckdb

from opensense_okta.config.attributes import source_fields
from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.directories.checkpoint import Page, ReadCheckpoint
from opensense_okta.directories.entra import errors as entra_errors
from opensense_okta.directories.entra import token_errors as entra_token_errors
from opensense_okta.directories.entra.records import following, read_count, read_members, read_page
from opensense_okta.directories.errors import (
    CredentialsRejected,
    DirectoryError,
    Gone,
    IncompleteListing,
)
from opensense_okta.directories.http.client import Api, Auth, Protocol, connect
from opensense_okta.directories.http.keys import read_certificate
from opensense_okta.directories.http.oauth import ClientCredentials, client_secret, private_key_jwt
from opensense_okta.directories.http.paging import (
    Listing,
    Pages,
    cost_of,
    for_each_reached,
    together,
)
from opensense_okta.directories.http.rate_limit import Ceiling, RateLimiter
from opensense_okta.directories.narrowing import chosen_groups, count_chosen, scope_settings
from opensense_okta.directories.protocol import SHARED_SQL, Listener, PreviousSnapshot, Progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.directories.values.mapped_texts import map_texts
from opensense_okta.storage.sql import Sql

PROTOCOL = Protocol(entra_errors.error, entra_errors.busy, setting=entra_errors.SETTING)
FILES = ("users", "groups", "members")

CLOUDS: Mapping[str, tuple[str, str]] = {
    "global": ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov": ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us_gov_dod": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
"""The address of the login service and of Graph, by cloud (docs/entra-api.md, "Clouds")."""

HEADERS = {"x-ms-throttle-priority": "low"}  # interactive clients go first
PAGE_SIZE = 999  # the most (docs/entra-api.md, "Paging")
WORKERS = 8

USER_FIELDS = ("id", "accountEnabled", "userType", "createdDateTime")
"""Properties of users that are always requested."""

GROUP_FIELDS = (
    "id",
    "displayName",
    "description",
    "createdDateTime",
    "groupTypes",
    "securityEnabled",
    "mailEnabled",
    "mail",
    "mailNickname",
    "membershipRule",
    "visibility",
    "onPremisesSyncEnabled",
)
GROUPS = f"/v1.0/groups?$select={','.join(GROUP_FIELDS)}&$top={PAGE_SIZE}"
COUNT = "/v1.0/users/$count"
COUNTING = {**HEADERS, "ConsistencyLevel": "eventual", "Accept": "text/plain"}


def login_root(directory: EntraDirectory) -> str:
    """The address of the login service."""
    return directory.authority or CLOUDS[directory.cloud][0]


def graph_root(directory: EntraDirectory) -> str:
    """The address of Microsoft Graph."""
    return directory.graph or CLOUDS[directory.cloud][1]


def source_scope(directory: EntraDirectory) -> dict[str, object]:
    """What decides what is read: the tenant, the address and the scope."""
    return {
        "tenant": directory.tenant_id,
        "graph": graph_root(directory),
        **scope_settings(directory),
        **({} if directory.nested else {"nested": False}),
    }


def authorization(directory: EntraDirectory) -> Auth:
    """The credentials of the requests.

    Raises:
        SecretMissing: the secret is not in the place that the organization file names.
        CredentialsRejected: the secret is not a valid client secret or certificate.
    """
    token_url = f"{login_root(directory)}/{directory.tenant_id}/oauth2/v2.0/token"
    if directory.certificate is not None:
        identity = _by_certificate(directory, directory.certificate.reveal(), token_url)
    else:
        secret = directory.client_secret.reveal() if directory.client_secret else ""
        if not secret.isprintable():
            raise CredentialsRejected(
                "The stored client secret contains characters that no secret has.",
                remedy="Store the secret's value alone: no line breaks, nothing before or after it.",
            )
        identity = client_secret(directory.client_id, secret)
    return ClientCredentials(
        token_url,
        f"{graph_root(directory)}/.default",
        identity,
        entra_token_errors.token_error,
        entra_token_errors.token_lost,
    )


def users_url(directory: EntraDirectory) -> str:
    """The address of the first page of users, with the properties that the mapping needs."""
    fields = source_fields(directory)
    asked = [*USER_FIELDS, *(field.partition("/")[0] for field in fields)]
    chosen = ",".join(quote(name) for name in dict.fromkeys(asked) if name != "manager")
    of_managers = ["id", *(rest for name, _, rest in map(_parted, fields) if name == "manager")]
    managers = ",".join(quote(name) for name in dict.fromkeys(of_managers) if name)
    expand = f"&$expand=manager($select={managers})" if "manager" in asked else ""
    return f"/v1.0/users?$select={chosen}{expand}&$top={PAGE_SIZE}"


def members_url(group: str) -> str:
    """The address of the first page of a group's direct members, with their types."""
    return f"/v1.0/groups/{quote(group, safe='')}/members?$select=id&$top={PAGE_SIZE}"


class Reader:
    """Reads one Entra tenant into a checkpoint, and from there into tables.

    Args:
        directory: its settings.
        checkpoint: has the pages read so far; they are not read again.
        connection: the tables are made there, as views by their names.
        before: not used: Graph does not report which groups have changed, so all are read.
        full: not used: all members are read in any case.
        listener: gets the progress.
    """

    def __init__(
        self,
        directory: EntraDirectory,
        checkpoint: ReadCheckpoint,
        connection: duckdb.DuckDBPyConnection,
        before: PreviousSnapshot | None,  # noqa: ARG002 - the protocol's
        full: bool,  # noqa: ARG002 - the protocol's
        listener: Listener,
    ) -> None:
        self._directory = directory
        self._checkpoint = checkpoint
        self._sql = Sql(connection, __package__)
        self._shared_sql = Sql(connection, SHARED_SQL)
        self._listener = listener
        self._counted = 0

    async def run(self) -> Cost:
        """Connects to Graph and reads what is not in the checkpoint.

        Raises:
            DirectoryError: the pages read so far stay in the checkpoint.
        """
        auth = authorization(self._directory)
        async with connect(graph_root(self._directory), auth, PROTOCOL) as api:
            return await self.read(api)

    async def read(self, api: Api) -> Cost:
        """Reads what is not in the checkpoint, and makes the raw tables."""
        ceiling = Ceiling(self._directory.requests_per_second)
        budget = RateLimiter(1.0, api.clock, self._wait, ceiling)
        self._shared_sql.run("journal.sql", journal=str(self._checkpoint.journal))
        pages = Pages(api, self._checkpoint, following, HEADERS, self._report_page)
        await together(
            self._read_users(pages, budget), self._read_groups_and_members(pages, budget)
        )
        self._sql.run("tables.sql", nested=self._directory.nested)
        self._shared_sql.run("member_reads.sql")
        return cost_of(pages, (budget,))

    def collect_evidence(self) -> dict[str, int]:
        """Counts of the stored raw tables, by name, for the checks."""
        names = ("user_name", "email", "given_name", "family_name")
        map_texts(self._sql.connection, self._directory, names, "raw_users")
        # Rooms and shared mailboxes are disabled.
        self._shared_sql.run("evidence.sql", statuses_gone=["DISABLED"])
        count_chosen(self._shared_sql, self._directory)
        evidence = self._sql.rows("evidence.sql", tuple[str, int], users_counted=self._counted)
        return dict(evidence)

    async def _read_users(self, pages: Pages, budget: RateLimiter) -> None:
        url = users_url(self._directory)
        # Named by its address: a listing with other properties must not be resumed.
        progress = await pages.complete(Listing(url, "users", url, budget, read_page))
        if not sum(page.rows for page in progress.pages):
            raise IncompleteListing(
                "Microsoft Graph answered, but listed no users at all.",
                remedy="A tenant always has users: the app lacks a permission. "
                + entra_errors.GRANT,
            )
        self._counted = await self._count(pages.api, budget)
        listed, without_status = self._sql.row(
            "users.sql",
            tuple[int, int],
            users_records=str(self._checkpoint.path("users")),
            users_listing=url,
        )
        if 2 * without_status > listed:
            raise entra_errors.unreadable_users(without_status, listed)

    async def _count(self, api: Api, budget: RateLimiter) -> int:
        """The number of users by the tenant's own count; 0 if it is not available."""
        try:
            return await api.get(COUNT, budget, read_count, COUNTING, tries=1)
        except DirectoryError:
            return 0

    async def _read_groups_and_members(self, pages: Pages, budget: RateLimiter) -> None:
        await pages.complete(Listing("groups", "groups", GROUPS, budget, read_page))
        records = str(self._checkpoint.path("groups"))
        self._shared_sql.run("groups_read.sql", groups_records=records)
        self._sql.run("groups.sql")
        in_scope = chosen_groups(self._shared_sql, self._directory, "tenant")
        await for_each_reached(
            in_scope,
            WORKERS,
            lambda group: self._read_members(pages, budget, group),
            self._nested_groups_to_read,
            lambda done, total: self._listener(Progress("groups' members", done, total)),
        )

    def _nested_groups_to_read(self) -> list[str]:
        """The groups that the members read so far bring into scope."""
        return self._shared_sql.rows(
            "members.sql",
            str,
            members_records=str(self._checkpoint.path("members")),
            nested=self._directory.nested,
        )

    async def _read_members(self, pages: Pages, budget: RateLimiter, group: str) -> None:
        try:
            await pages.complete(
                Listing(group, "members", members_url(group), budget, read_members)
            )
        except Gone:
            self._checkpoint.add_gone("members", group)

    def _wait(self, seconds: float) -> None:
        self._listener(Progress("requests", 0, note=f"waiting {seconds:.0f} s for the rate limit"))

    def _report_page(self, page: Page) -> None:
        if page.file != "members":
            self._listener(Progress(page.file, self._checkpoint.rows(page.file)))


def _by_certificate(
    directory: EntraDirectory, stored: str, token_url: str
) -> Callable[[int], dict[str, str]]:
    """What proves the app's identity with its certificate (docs/entra-api.md, "Token")."""
    certificate = read_certificate(stored)
    named = {"x5t#S256": certificate.thumbprint}
    prove = private_key_jwt(certificate.key, directory.client_id, token_url, named)
    return lambda when: {"client_id": directory.client_id, **prove(when)}


def _parted(field: str) -> tuple[str, str, str]:
    return field.partition("/")
