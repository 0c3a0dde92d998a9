"""Files on SSH servers, for fsspec: only on servers that are known (`ssh.py`)."""

from typing import Any
from urllib.parse import urlsplit
from weakref import finalize

import fsspec  # type: ignore[import-untyped]  # it ships no types
from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]  # neither

from opensense_okta.storage.sftp import connect, find_server, path_of


class KnownServer(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one server, over a connection that is closed when nobody needs it any more."""

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


def register() -> None:
    """From now on fsspec reads `sftp:` and `ssh:` addresses this way."""
    for protocol in KnownServer.protocol:
        fsspec.register_implementation(protocol, KnownServer, clobber=True)
