"""Examines an Entra tenant: a handful of requests that show what a sync would meet."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from opensense_okta.config.attributes import source_fields
from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.diagnosis import (
    examine_address,
    examine_clock,
    result_of,
    without_waiting,
)
from opensense_okta.directories.entra import errors as entra_errors
from opensense_okta.directories.entra import reader as entra
from opensense_okta.directories.entra.records import read_members, read_page, sample
from opensense_okta.directories.errors import DirectoryError, Gone
from opensense_okta.directories.http.client import Answer, Api, connect
from opensense_okta.directories.http.keys import read_certificate
from opensense_okta.directories.http.rate_limit import RateLimiter
from opensense_okta.directories.records import Records

PROTOCOL = without_waiting(entra.PROTOCOL)
SMALLEST_TENANT = 116  # calls of 3 resource units a second (docs/entra-api.md, "Throttling")
SOON = timedelta(days=30)  # a certificate takes a company some weeks to renew


async def examine(directory: EntraDirectory, _stale_after_days: int) -> list[CheckResult]:
    """Checks addresses, clock, credentials, permissions, rate limit and a sample of users."""
    findings: list[CheckResult] = []
    for origin in dict.fromkeys((entra.login_root(directory), entra.graph_root(directory))):
        found = await examine_address(origin, entra_errors.SETTING)
        findings += found
        if found[-1].outcome == "error":
            return findings
    try:
        auth = entra.authorization(directory)
        async with connect(entra.graph_root(directory), auth, PROTOCOL) as api:
            async for finding in _read(api, directory):
                findings.append(finding)
    except SecretMissing as missing:
        findings.append(CheckResult.make("credentials", "error", missing.message, missing.remedy))
    except DirectoryError as error:
        if all(result.name != "credentials" for result in findings):
            findings += _credentials_expiring(directory)
        findings.append(result_of(error))
    return findings


async def _read(api: Api, directory: EntraDirectory) -> AsyncIterator[CheckResult]:
    """Checks of the first pages of users, groups and members."""
    answer, users = await _page(api, entra.users_url(directory))
    yield examine_clock(answer, "Microsoft Graph")
    for credentials in _credentials(directory):
        yield credentials
    for result in _sample(directory, users):
        yield result
    _, groups = await _page(api, entra.GROUPS)
    for group in groups.ids[:1]:
        with suppress(Gone):  # it was deleted since it was listed
            await _page(api, entra.members_url(group), members=True)
    yield CheckResult.make("role", "passed", "the app may read users, groups and members.")
    yield CheckResult.make(
        "rate limit",
        "passed",
        "Graph does not say what is left; we make at most"
        f" {directory.requests_per_second:g} calls a second (requests_per_second); the smallest tenants"
        f" allow an app about {SMALLEST_TENANT}.",
    )


def _sample(directory: EntraDirectory, records: Records) -> list[CheckResult]:
    """What the first page of users shows."""
    users = sample(records)
    if not users.users:
        says = "Graph lists no users at all."
        return [CheckResult.make("sample", "error", says, entra_errors.GRANT)]
    if 2 * users.without_status > users.users:
        return [result_of(entra_errors.unreadable_users(users.without_status, users.users))]
    says = (
        f"{users.users} users on the first page; {users.guests} are guests and {users.mailboxes} shared"
        " mailboxes or rooms."
    )
    listed = CheckResult.make("sample", "passed", says)
    if not users.only_in_login or source_fields(directory, "email") != ["mail"]:
        return [listed]
    says = (
        f"{users.only_in_login} of {users.users} users on the first page have no `mail`, but a"
        " userPrincipalName in the form of an address."
    )
    remedy = (
        "They have no email here. If people sign in with their e-mail addresses, set `email:"
        " userPrincipalName` under `attributes` of the directory."
    )
    return [listed, CheckResult.make("addresses", "warning", says, remedy)]


async def _page(api: Api, url: str, *, members: bool = False) -> tuple[Answer, Records]:
    def parse(answer: Answer) -> tuple[Answer, Records]:
        return answer, read_members(answer) if members else read_page(answer)

    return await api.get(url, RateLimiter(1.0, api.clock), parse, entra.HEADERS, tries=2)


def _credentials(directory: EntraDirectory) -> list[CheckResult]:
    if directory.certificate is not None:
        return _credentials_expiring(directory)
    says = (
        "the client secret is valid; its expiry date is in the Entra admin center (Certificates &"
        " secrets)."
    )
    return [CheckResult.make("credentials", "passed", says)]


def _credentials_expiring(directory: EntraDirectory) -> list[CheckResult]:
    """When the certificate expires."""
    if directory.certificate is None:
        return []
    try:
        expires = read_certificate(directory.certificate.reveal()).expires
    except DirectoryError:  # it is reported already
        return []
    left = expires - datetime.now(UTC)
    remedy = (
        "Make a new certificate, upload its public half to the app (Certificates & secrets), and store it"
        " with its key where `certificate` points."
    )
    if left <= timedelta():
        says = f"the certificate expired on {expires:%Y-%m-%d}."
        return [CheckResult.make("credentials", "error", says, remedy)]
    says = f"the certificate is good until {expires:%Y-%m-%d}."
    if left < SOON:
        return [CheckResult.make("credentials", "warning", says, remedy)]
    return [CheckResult.make("credentials", "passed", says)]
