"""Examines an Okta organization: a handful of requests that show what a sync would meet."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import msgspec

from opensense_okta.directories import okta, okta_errors
from opensense_okta.directories.diagnosis import Diagnosis, examine_address
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http import Answer, Api, connect, http_date
from opensense_okta.directories.pacing import Governor
from opensense_okta.organization import OktaDirectory, SecretMissing

SAMPLE = "/api/v1/users?limit=200"
BUILT_IN = "/api/v1/groups?" + urlencode(
    {"limit": 200, "expand": "stats", "filter": 'type eq "BUILT_IN"'}, quote_via=quote
)
CLOCK_TOLERATED = 60.0  # seconds; Okta refuses proofs that are five minutes off


async def examine(directory: OktaDirectory) -> list[Diagnosis]:
    """What a sync would meet: address, clock, credentials, role, rate limit, and a sample."""
    findings = await examine_address(directory.endpoint)
    if findings[-1].level == "fail":
        return findings
    try:
        auth = okta.authorization(directory)
        async with connect(directory.endpoint, auth, okta.PROTOCOL) as api:
            users = await _page(api, SAMPLE)
            findings.append(_clock(users))
            findings.append(_credentials(directory))
            findings.append(_sample(users))
            groups = await _page(api, BUILT_IN)
            findings.append(_role(groups))
            findings += _rate_limits(directory, {"users": users, "groups": groups})
    except SecretMissing as missing:
        findings.append(Diagnosis("credentials", "fail", str(missing), "Set it, then try again."))
    except DirectoryError as error:
        findings.append(Diagnosis("credentials", "fail", error.what, error.remedy))
    return findings


async def _page(api: Api, url: str) -> Answer:
    return await api.get(url, Governor(1.0, api.clock), lambda answer: answer, okta.LEAN, tries=2)


def _clock(answer: Answer) -> Diagnosis:
    server = http_date(answer.header("date"))
    if server is None:
        return Diagnosis(
            "clock", "warn", "Okta does not tell the time.", "Check this machine's clock."
        )
    skew = (datetime.now(UTC) - server).total_seconds()
    if abs(skew) <= CLOCK_TOLERATED:
        return Diagnosis(
            "clock", "ok", f"this machine's clock agrees with Okta's to {abs(skew):.0f} s."
        )
    side = "ahead of" if skew > 0 else "behind"
    remedy = "Set this machine's clock (chrony or ntpd)."
    return Diagnosis(
        "clock", "warn", f"this machine's clock is {abs(skew):.0f} s {side} Okta's.", remedy
    )


def _credentials(directory: OktaDirectory) -> Diagnosis:
    if directory.client_id is not None:
        return Diagnosis("credentials", "ok", f"the app was granted {okta.SCOPES}.")
    return Diagnosis(
        "credentials",
        "ok",
        "the API token is valid; it stays so as long as it is used at least every 30 days.",
    )


def _sample(answer: Answer) -> Diagnosis:
    records = msgspec.json.decode(answer.body)
    if not records:
        return Diagnosis("sample", "fail", "Okta lists no users at all.", okta_errors.GRANT)
    return Diagnosis("sample", "ok", f"{len(records)} users on the first page.")


def _role(answer: Answer) -> Diagnosis:
    names = [group.get("profile", {}).get("name") for group in msgspec.json.decode(answer.body)]
    if "Everyone" in names:
        return Diagnosis("role", "ok", "the group Everyone is visible, so the role sees the whole.")
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
