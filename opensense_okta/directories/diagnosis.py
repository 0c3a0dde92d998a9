"""What the doctor says of a directory: findings in one line each, with their remedy."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Diagnosis:
    """One finding.

    Attributes:
        name: of what was looked at, such as `clock`.
        level: `fail` when the next sync would fail, `warn` when it may.
        says: the finding.
        remedy: what to do; empty when all is well.
    """

    name: str
    level: Level
    says: str
    remedy: str = ""


async def examine_address(endpoint: str) -> list[Diagnosis]:
    """Whether the endpoint's name is known and its certificate trusted."""
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as error:
        remedy = "Check `endpoint`, and the name servers of this machine."
        return [Diagnosis("dns", "fail", f"{host} is not known: {error.strerror}.", remedy)]
    addresses = sorted({str(address[0]) for *_, address in found})
    known = Diagnosis("dns", "ok", f"{host} is {', '.join(addresses[:2])}.")
    if parts.scheme != "https":
        return [known, Diagnosis("tls", "ok", "plain HTTP on this machine.")]
    return [known, await _examine_certificate(host, port)]


async def _examine_certificate(host: str, port: int) -> Diagnosis:
    try:
        async with asyncio.timeout(15):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        remedy = "Where a company proxy re-signs traffic, set SSL_CERT_FILE to its certificate."
        return Diagnosis(
            "tls", "fail", f"the certificate is not trusted: {error.verify_message}.", remedy
        )
    except (OSError, TimeoutError) as error:
        remedy = "Check the firewall and the proxy between this machine and the directory."
        return Diagnosis(
            "tls", "fail", f"no connection to {host}:{port}: {type(error).__name__}.", remedy
        )
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return Diagnosis("tls", "ok", f"the certificate is trusted ({version}).")
