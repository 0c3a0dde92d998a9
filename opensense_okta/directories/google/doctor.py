"""Examines a Google Workspace account: a handful of requests that show what a sync would meet."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.diagnosis import (
    examine_address,
    examine_clock,
    result_of,
    without_waiting,
)
from opensense_okta.directories.errors import AccessDenied, DirectoryError, Gone
from opensense_okta.directories.google import addresses
from opensense_okta.directories.google import errors as google_errors
from opensense_okta.directories.google import reader as google
from opensense_okta.directories.google.records import (
    lists_users,
    read_groups,
    read_members,
    read_users,
    sample,
)
from opensense_okta.directories.google.service_account import read_service_account
from opensense_okta.directories.google.token_errors import (
    CHECK_ADMINISTRATOR,
    DELEGATE,
    NotDelegated,
)
from opensense_okta.directories.http.client import Answer, Api, connect
from opensense_okta.directories.http.rate_limit import RateLimiter
from opensense_okta.directories.records import Records

PROTOCOL = without_waiting(google.PROTOCOL)
QUOTA = 2400  # queries a minute of one user and project (docs/google-api.md, "Limits")

Parse = Callable[[Answer], Records]


async def examine(directory: GoogleDirectory, _stale_after_days: int) -> list[CheckResult]:
    """Checks addresses, clock, credentials, scopes, role, rate limit and a sample of users."""
    findings: list[CheckResult] = []
    token_origin = addresses.token_url(directory).rpartition("/")[0]
    for origin in dict.fromkeys((token_origin, addresses.api_root(directory))):
        found = await examine_address(origin, google_errors.SETTING)
        findings += found
        if found[-1].outcome == "error":
            return findings
    try:
        auth = google.authorization(directory)
        async with connect(addresses.api_root(directory), auth, PROTOCOL) as api:
            async for finding in _read(api, directory):
                findings.append(finding)
    except SecretMissing as missing:
        findings.append(CheckResult.make("credentials", "error", missing.message, missing.remedy))
    except DirectoryError as error:
        missing_scopes = await _missing_scopes(directory, error)
        findings.append(missing_scopes or _result_of(error))
    return findings


async def _read(api: Api, directory: GoogleDirectory) -> AsyncIterator[CheckResult]:
    """Checks of the first pages of users, groups and members."""
    answer, users = await _page(api, addresses.users_url(directory), read_users)
    yield examine_clock(answer, "Google")
    yield _credentials(directory)
    yield _sample(users)
    if not sample(users).super_administrators:
        await _require_super_administrator(api, directory)
    _, groups = await _page(api, addresses.groups_url(directory), read_groups)
    for group in groups.ids[:1]:
        with suppress(Gone):  # it was deleted since it was listed
            await _page(api, addresses.members_url(group), read_members)
    yield CheckResult.make("scopes", "passed", f"{google_errors.SCOPES_NEEDED} are granted.")
    yield CheckResult.make("role", "passed", "users, groups and members can be read.")
    yield CheckResult.make(
        "rate limit",
        "passed",
        "Google does not say what is left; we make at most"
        f" {directory.requests_per_second:g} requests a second (requests_per_second), {google.AT_ONCE} at"
        f" once. Google allows {QUOTA / 60:g} a second unless the quota was changed.",
    )


async def _require_super_administrator(api: Api, directory: GoogleDirectory) -> None:
    """Asks for one super administrator: who sees none sees a part of the account, and a sync would fail.

    Raises:
        AccessDenied: none is listed.
    """
    url = addresses.super_administrators_url(directory)
    if not await api.get(url, RateLimiter(1.0, api.clock), lists_users, addresses.HEADERS, tries=2):
        raise AccessDenied(
            "Google lists no super administrator among the users.", remedy=google_errors.PARTIAL
        )


def _credentials(directory: GoogleDirectory) -> CheckResult:
    account = read_service_account(directory.service_account.reveal(), directory.endpoint)
    acts = f" acts as {directory.administrator}" if directory.administrator else " acts for itself"
    return CheckResult.make("credentials", "passed", f"{account.email}{acts}.")


def _sample(records: Records) -> CheckResult:
    """What the first page of users shows."""
    users = sample(records)
    if 2 * users.without_status > users.users:
        return result_of(google_errors.unreadable_users(users.without_status, users.users))
    says = (
        f"{users.users} users on the first page; {users.suspended} are suspended or archived, {users.guests}"
        " are guests."
    )
    return CheckResult.make("sample", "passed", says)


def _result_of(error: DirectoryError) -> CheckResult:
    result = result_of(error)
    if isinstance(error, google_errors.UnknownCustomer):
        return result.model_copy(update={"name": "customer"})
    return result


async def _missing_scopes(directory: GoogleDirectory, error: DirectoryError) -> CheckResult | None:
    """Which scopes are not granted: one of them refuses the token for all, so each is asked for alone."""
    if not isinstance(error, NotDelegated):
        return None
    missing = []
    for scope in google.SCOPES:
        try:
            auth = google.authorization(directory, (scope,))
            async with connect(addresses.api_root(directory), auth, PROTOCOL) as api:
                await _page(api, _cheapest(directory, scope), lambda _answer: Records((), ()))
        except NotDelegated:
            missing.append(scope)
        except DirectoryError:
            return None
    if not missing:
        return None
    if len(missing) == len(google.SCOPES):  # then it need not be the scopes
        return CheckResult.make(
            "scopes", "error", error.message, f"{DELEGATE} {CHECK_ADMINISTRATOR}"
        )
    says = f"not granted: {', '.join(missing)}. {error.message}"
    return CheckResult.make("scopes", "error", says, DELEGATE)


def _cheapest(directory: GoogleDirectory, scope: str) -> str:
    """An address that the scope is enough for."""
    return addresses.users_url(directory) if ".user." in scope else addresses.groups_url(directory)


async def _page(api: Api, url: str, parse: Parse) -> tuple[Answer, Records]:
    def parse_both(answer: Answer) -> tuple[Answer, Records]:
        return answer, parse(answer)

    return await api.get(url, RateLimiter(1.0, api.clock), parse_both, addresses.HEADERS, tries=2)
