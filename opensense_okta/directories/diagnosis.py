"""Checks of the doctor that several kinds share: address, certificate, clock, and errors of requests."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from opensense_okta.directories.checks import CheckResult, Outcome
from opensense_okta.directories.errors import (
    AccessDenied,
    AnswerTooLarge,
    CursorLost,
    DirectoryError,
    IncompleteListing,
    ProxyTrouble,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    Unreachable,
    UntrustedLink,
    WrongAddress,
)
from opensense_okta.directories.http.client import Answer, Protocol
from opensense_okta.directories.http.headers import http_date
from opensense_okta.directories.http.proxy import proxy_for

ABOUT: Mapping[type[DirectoryError], str] = {
    AccessDenied: "role",
    AnswerTooLarge: "connection",
    CursorLost: "connection",
    IncompleteListing: "sample",
    ProxyTrouble: "proxy",
    RateLimited: "rate limit",
    RequestRefused: "request",
    ServerTrouble: "connection",
    Unreachable: "connection",
    UntrustedLink: "endpoint",
    WrongAddress: "endpoint",
}
"""The name of the doctor's result for an error; all others are about the credentials."""

CLOCK_TOLERATED = 60.0  # seconds; servers refuse assertions and proofs that are five minutes off


async def examine_address(endpoint: str, setting: str = "endpoint") -> list[CheckResult]:
    """Whether the endpoint's name resolves and its certificate is trusted, or which proxy does this.

    Args:
        endpoint: an origin.
        setting: the key of the organization file that it comes from.
    """
    try:
        proxy = proxy_for(endpoint)
    except ProxyTrouble as trouble:
        return [result_of(trouble)]
    if proxy is not None:  # this machine may know no names of other networks
        says = (
            f"requests go through the proxy that the environment variable {proxy.variable} names."
        )
        return [CheckResult.make("proxy", "passed", says)]
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as error:
        remedy = f"Check `{setting}`, and the name servers of this machine."
        return [CheckResult.make("dns", "error", f"{host} is not known: {error.strerror}.", remedy)]
    addresses = sorted({str(address[0]) for *_, address in found})
    known = CheckResult.make("dns", "passed", f"{host} is {', '.join(addresses[:2])}.")
    if parts.scheme != "https":
        return [known, CheckResult.make("tls", "passed", "plain HTTP on this machine.")]
    return [known, await _examine_certificate(host, port)]


def examine_clock(answer: Answer, server_name: str) -> CheckResult:
    """Whether this machine's clock agrees with the server's."""
    server = http_date(answer.header("date"))
    if server is None:
        says = f"{server_name} sent no date."
        return CheckResult.make("clock", "warning", says, "Check this machine's clock.")
    skew = (datetime.now(UTC) - server).total_seconds()
    if abs(skew) <= CLOCK_TOLERATED:
        says = f"this machine's clock agrees with {server_name}'s to {abs(skew):.0f} s."
        return CheckResult.make("clock", "passed", says)
    side = "ahead of" if skew > 0 else "behind"
    says = f"this machine's clock is {abs(skew):.0f} s {side} {server_name}'s."
    return CheckResult.make("clock", "warning", says, "Set this machine's clock (chrony or ntpd).")


def result_of(error: DirectoryError) -> CheckResult:
    """The doctor's result for an error of a request."""
    outcome: Outcome = "warning" if isinstance(error, RateLimited) else "error"
    return CheckResult.make(
        ABOUT.get(type(error), "credentials"), outcome, error.message, error.remedy
    )


def without_waiting(protocol: Protocol) -> Protocol:
    """The protocol for the doctor, which does not wait when a rate limit is used up."""

    def error(answer: Answer) -> DirectoryError | None:
        failure = protocol.error(answer)
        if isinstance(failure, RateLimited):
            failure.transient = False
        return failure

    return replace(protocol, error=error)


async def _examine_certificate(host: str, port: int) -> CheckResult:
    try:
        async with asyncio.timeout(15):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        remedy = "Where a company proxy re-signs traffic, set SSL_CERT_FILE to its certificate."
        return CheckResult.make(
            "tls", "error", f"the certificate is not trusted: {error.verify_message}.", remedy
        )
    except (OSError, TimeoutError) as error:
        remedy = "Check the firewall and the proxy between this machine and the directory."
        return CheckResult.make(
            "tls", "error", f"no connection to {host}:{port}: {type(error).__name__}.", remedy
        )
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return CheckResult.make("tls", "passed", f"the certificate is trusted ({version}).")
