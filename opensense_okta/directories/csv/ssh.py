"""Files on SSH servers with a known host key."""

from typing import Any
from urllib.parse import urlsplit
from weakref import finalize

from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]  # no types

from opensense_okta.storage.sftp import connect, find_server, path_of


class KnownServer(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one SSH server. The connection is closed when nothing uses this object."""

    cachable = False

    def __init__(self, url: str, **_ways_to_cache: Any) -> None:  # noqa: ANN401 - fsspec has no types
        self.url = url
        super().__init__(url)

    def _connect(self) -> None:
        self.client, self.ftp = connect(find_server(self.url))
        finalize(self, self.client.close)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(path_of(path)) if "://" in path else path

    def unstrip_protocol(self, name: str) -> str:
        """The address of a file here."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/{name.removeprefix('/')}"

    @staticmethod
    def _get_kwargs_from_urls(url: str) -> dict[str, str]:
        return {"url": url}
