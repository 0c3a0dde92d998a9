"""The allowed paths of an export: in the organization's folder of the lake, elsewhere, or a URL.

A wrong path is reported when the organization file is read, not when the first day is published. Otherwise
a folder could be made in place of the file, or the lake's own files would be at risk.
"""

from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

DAY = "{date}"
EXPORTED = "exported"
LAKES_OWN = ("snapshots", "resolved", "identities", "reports", "locks", EXPORTED)
"""Folders of an organization in the lake that are only for the product's own files."""

SSH = ("sftp", "ssh")
LOCAL = ("file", "local")
SUFFIX = ".csv"


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
