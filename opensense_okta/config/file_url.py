"""Which URLs of files are possible: encrypted ones, and in the organization file none with a secret."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

PLAIN = {"http", "ftp"}
WEB = {"http", "https", "ftp"}

UNENCRYPTED = (
    "must be an encrypted address, such as https: or sftp:; plain http: and ftp: are only possible on"
    " loopback"
)
PASSWORD = "must not hold a password: secrets are never in this file"  # noqa: S105 - a message
QUERY = (
    "must not hold a user or a query: both can be a secret, and secrets are never in this file; write"
    " {env: NAME}"
)


def url_mistake(location: str) -> str | None:
    """What is wrong with a location in the organization file; None for a path, too."""
    for url in _urls(location):
        if url.password:
            return PASSWORD
        if url.scheme in WEB and (url.username or url.query):
            return QUERY
    return UNENCRYPTED if is_unencrypted(location) else None


def is_unencrypted(location: str) -> bool:
    """Whether anybody on the way could read and change the file."""
    return any(
        url.scheme in PLAIN and not is_loopback(url.hostname or "") for url in _urls(location)
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _urls(location: str) -> list[SplitResult]:
    """The URLs of a location: fsspec chains them, as in `zip://people.csv::https://host/hr.zip`."""
    parts = re.split(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)", location)
    urls = []
    for part in parts:
        try:
            urls.append(urlsplit(part) if "://" in part else urlsplit(""))
        except ValueError:  # such as brackets that do not close: fsspec refuses it, too
            continue
    return urls
