"""Which paths and URLs of files are allowed: those that are read, and the path of an export.

The files that are read need encrypted addresses, and no secret is in the organization file. An export goes
into the organization's folder of the lake, elsewhere, or to a URL. A wrong path of an export is reported when
the organization file is read, not when the first day is published. Otherwise a folder could be made in place
of the file, or the lake's own files would be at risk.
"""

import re
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

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

DAY = "{date}"
EXPORTED = "exported"
LAKES_OWN = ("snapshots", "resolved", "identities", "reports", "locks", EXPORTED)
"""Folders of an organization in the lake that are only for the product's own files."""

SSH = ("sftp", "ssh")
LOCAL = ("file", "local")
SUFFIX = ".csv"


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


def export_path(path: str) -> str:
    """The path of a CSV file, if it is allowed.

    Raises:
        ValueError: it is not allowed; the message says what is.
    """
    if not path.isprintable() or "\\" in path:
        raise ValueError("must not hold control characters or backslashes")
    if "{" in path.replace(DAY, "") or "}" in path.replace(DAY, ""):
        raise ValueError(f"must not hold braces but for {DAY}, which is the day")
    if "://" in path:
        named = unquote(_of_url(path))
    else:
        _refuse_url_without_slashes(path)
        named = path
    parts = PurePosixPath(named).parts
    if not named.endswith(SUFFIX):
        raise ValueError(f"must end in {SUFFIX}, such as exports/{DAY}/people{SUFFIX}")
    if parts[-1].startswith("."):
        raise ValueError(f"must name a file that is not hidden, such as people{SUFFIX}")
    if ".." in parts:
        raise ValueError(
            "must not go up with ..; write the whole path, such as /srv/exports/people.csv"
        )
    if parts[0] == "~":
        raise ValueError(
            "must not begin with ~; write the whole path, such as /srv/exports/people.csv"
        )
    if parts[0].startswith("/") and len(parts) == 2 and not _is_elsewhere(path):
        raise ValueError(
            "must lie in a folder, such as /srv/exports/people.csv; without a / before it, it is in the"
            " organization's folder of the lake"
        )
    if parts[0] in LAKES_OWN:
        raise ValueError(f"must not lie in {parts[0]}, where the lake keeps its own files")
    return path


def _is_elsewhere(path: str) -> bool:
    """Whether it is on a server or an object store, where the top folder may be meant for files."""
    return "://" in path and urlsplit(path).scheme not in LOCAL


def _of_url(url: str) -> str:
    """The path within a URL, if a file can be written there."""
    if any(odd in url.lower() for odd in ("#", "::", "%2f")):
        raise ValueError("must be a plain URL, without #, :: and %2F")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("must be a URL; its host or port is not possible") from None
    if parts.password or parts.query:
        raise ValueError("must not hold a password or a query: secrets are never in this file")
    if parts.scheme not in (*SSH, *LOCAL):
        _refuse_unknown(parts)
    if (parts.scheme in LOCAL) == bool(parts.netloc):
        wanted = (
            "no host, as in file:///srv" if parts.netloc else "a host or bucket before the path"
        )
        raise ValueError(f"must be a URL with {wanted}")
    return parts.path or "/"


def _refuse_unknown(parts: SplitResult) -> None:
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415  # slow import, rarely needed

    if parts.scheme not in fsspec.available_protocols():
        raise ValueError(
            f"must be a path, or a URL of a kind that fsspec knows; {parts.scheme}: is none"
        )


def _refuse_url_without_slashes(path: str) -> None:
    first = path.partition("/")[0]
    if ":" in first:
        scheme = first.partition(":")[0]
        raise ValueError(f"must be a path, or a URL that begins with {scheme}://")
