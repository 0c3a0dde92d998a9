"""Examines an Okta organization with a few requests."""

from urllib.parse import quote, urlencode

import msgspec

from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.diagnosis import (
    examine_address,
    examine_clock,
    result_of,
    without_waiting,
)
from opensense_okta.directories.errors import AccessDenied, DirectoryError, Gone
from opensense_okta.directories.http.client import Answer, Api, connect
from opensense_okta.directories.http.rate_limit import RateLimiter
from opensense_okta.directories.okta import errors as okta_errors
from opensense_okta.directories.okta import reader as okta
from opensense_okta.directories.records import Records, read_records

SAMPLE = "/api/v1/users?limit=200"
BUILT_IN = "/api/v1/groups?" + urlencode(
    {"limit": 200, "expand": "stats", "filter": 'type eq "BUILT_IN"'}, quote_via=quote
)

PROTOCOL = without_waiting(okta.PROTOCOL)


async def examine(directory: OktaDirectory, _stale_after_days: int) -> list[CheckResult]:
    """Checks address, clock, credentials, role, rate limits and a sample of users."""
    findings = await examine_address(directory.endpoint)
    if findings[-1].outcome == "error":
        return findings
    try:
        auth = okta.authorization(directory)
        async with connect(directory.endpoint, auth, PROTOCOL) as api:
            users, listed = await _page(api, SAMPLE)
            findings.append(examine_clock(users, "Okta"))
            findings.append(_credentials(directory))
            findings.append(_sample(listed))
            groups, built_in = await _page(api, BUILT_IN)
            findings.append(_role(directory, built_in))
            for app in directory.scope.apps or ():
                findings.append(await _app(api, app))
            findings += _rate_limits(directory, {"users": users, "groups": groups})
    except SecretMissing as missing:
        findings.append(CheckResult.make("credentials", "error", missing.message, missing.remedy))
    except DirectoryError as error:
        findings.append(result_of(error))
    return findings


async def _page(api: Api, url: str) -> tuple[Answer, Records]:
    def parse(answer: Answer) -> tuple[Answer, Records]:
        return answer, read_records(answer.body)

    return await api.get(url, RateLimiter(1.0, api.clock), parse, okta.LEAN, tries=2)


async def _app(api: Api, app: str) -> CheckResult:
    """Whether the users of an application in scope can be read."""
    try:
        _, assigned = await _page(api, okta.app_users_url(app))
    except Gone:
        says = f"Okta has no application {app}, which scope.apps names."
        remedy = (
            "Correct the id: it is in the address of the application's page in the Admin Console."
        )
        return CheckResult.make("apps", "error", says, remedy)
    except AccessDenied as denied:
        remedy = f"Grant the scope {okta.APPS_SCOPE}, and a role that may see the application."
        return CheckResult.make("apps", "error", denied.message, remedy)
    if not assigned.ids:
        return CheckResult.make(
            "apps", "warning", f"no user is assigned to {app}.", "Assign users."
        )
    says = f"{len(assigned.ids)} users on the first page of application {app}."
    return CheckResult.make("apps", "passed", says)


def _credentials(directory: OktaDirectory) -> CheckResult:
    if directory.client_id is not None:
        return CheckResult.make(
            "credentials", "passed", f"the app was granted {okta.scopes(directory)}."
        )
    return CheckResult.make(
        "credentials",
        "passed",
        "the API token is valid; it expires after 30 days without use.",
    )


def _sample(users: Records) -> CheckResult:
    if not users.ids:
        return CheckResult.make("sample", "error", "Okta lists no users at all.", okta_errors.GRANT)
    return CheckResult.make("sample", "passed", f"{len(users.ids)} users on the first page.")


def _role(directory: OktaDirectory, groups: Records) -> CheckResult:
    profiles = [msgspec.json.decode(row).get("profile") or {} for row in groups.rows]
    if "Everyone" in [profile.get("name") for profile in profiles]:
        return CheckResult.make(
            "role", "passed", "the group Everyone is visible, so the role sees the whole."
        )
    if directory.scope.groups is not None or directory.scope.apps is not None:
        says = "the group Everyone is not visible, which is good enough for this scope."
        return CheckResult.make("role", "passed", says)
    says = "the group Everyone is not visible: the administrator role sees only a part."
    return CheckResult.make("role", "error", says, okta_errors.GRANT)


def _rate_limits(directory: OktaDirectory, answers: dict[str, Answer]) -> list[CheckResult]:
    findings = []
    for bucket, answer in answers.items():
        allowance = okta_errors.allowance(answer)
        if allowance is None:
            says = (
                f"{bucket}: Okta reports no limits; we make at most {directory.requests_per_second:g} calls a"
                " second (requests_per_second)."
            )
            findings.append(CheckResult.make("rate limit", "passed", says))
            continue
        ours = int(allowance.limit * directory.rate_limit_share)
        says = (
            f"{bucket}: {allowance.remaining} of {allowance.limit} calls a minute are left; we use at most"
            f" {ours} (rate_limit_share {directory.rate_limit_share:g})."
        )
        enough = allowance.remaining > allowance.limit - ours
        remedy = (
            "" if enough else "Another client uses the API right now: see Reports > Rate Limits."
        )
        findings.append(
            CheckResult.make("rate limit", "passed" if enough else "warning", says, remedy)
        )
    return findings
