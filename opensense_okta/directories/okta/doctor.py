"""Examines an Okta organization: a handful of requests that show what a sync would meet."""

from urllib.parse import quote, urlencode

import msgspec

from opensense_okta.config.models import OktaDirectory
from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories.diagnosis import (
    Diagnosis,
    examine_address,
    examine_clock,
    finding_of,
    without_waiting,
)
from opensense_okta.directories.errors import DirectoryError
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


async def examine(directory: OktaDirectory, _stale_after_days: int) -> list[Diagnosis]:
    """What a sync would meet: address, clock, credentials, role, rate limit, and a sample."""
    findings = await examine_address(directory.endpoint)
    if findings[-1].level == "fail":
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
            findings += _rate_limits(directory, {"users": users, "groups": groups})
    except SecretMissing as missing:
        findings.append(Diagnosis("credentials", "fail", missing.message, missing.remedy))
    except DirectoryError as error:
        findings.append(finding_of(error))
    return findings


async def _page(api: Api, url: str) -> tuple[Answer, Records]:
    def parse(answer: Answer) -> tuple[Answer, Records]:
        return answer, read_records(answer.body)

    return await api.get(url, RateLimiter(1.0, api.clock), parse, okta.LEAN, tries=2)


def _credentials(directory: OktaDirectory) -> Diagnosis:
    if directory.client_id is not None:
        return Diagnosis("credentials", "ok", f"the app was granted {okta.SCOPES}.")
    return Diagnosis(
        "credentials",
        "ok",
        "the API token is valid; it stays so as long as it is used at least every 30 days.",
    )


def _sample(users: Records) -> Diagnosis:
    if not users.ids:
        return Diagnosis("sample", "fail", "Okta lists no users at all.", okta_errors.GRANT)
    return Diagnosis("sample", "ok", f"{len(users.ids)} users on the first page.")


def _role(directory: OktaDirectory, groups: Records) -> Diagnosis:
    profiles = [msgspec.json.decode(row).get("profile") or {} for row in groups.rows]
    if "Everyone" in [profile.get("name") for profile in profiles]:
        return Diagnosis("role", "ok", "the group Everyone is visible, so the role sees the whole.")
    if directory.scope.groups is not None:
        says = "the group Everyone is not visible, which is good enough for a scope of groups."
        return Diagnosis("role", "ok", says)
    says = "the group Everyone is not visible: the administrator role sees only a part."
    return Diagnosis("role", "fail", says, okta_errors.GRANT)


def _rate_limits(directory: OktaDirectory, answers: dict[str, Answer]) -> list[Diagnosis]:
    findings = []
    for bucket, answer in answers.items():
        allowance = okta_errors.allowance(answer)
        if allowance is None:
            findings.append(
                Diagnosis("rate limit", "ok", f"{bucket}: Okta says nothing of limits.")
            )
            continue
        ours = int(allowance.limit * directory.rate_limit_share)
        says = (
            f"{bucket}: {allowance.remaining} of {allowance.limit} calls a minute are left; we use at most"
            f" {ours} (rate_limit_share {directory.rate_limit_share:g})."
        )
        enough = allowance.remaining > allowance.limit - ours
        remedy = (
            ""
            if enough
            else "Another client uses the API right now: Reports > Rate Limits tells who."
        )
        findings.append(Diagnosis("rate limit", "ok" if enough else "warn", says, remedy))
    return findings
