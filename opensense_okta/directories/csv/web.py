"""Files on web servers: through the proxy of the host, and encrypted at every step."""

import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import urljoin

import aiohttp
from fsspec.implementations.http import HTTPFileSystem  # type: ignore[import-untyped]  # no types

from opensense_okta.config.locations import is_unencrypted
from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http.proxy import proxy_for, proxy_refused


class WebFiles(HTTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one web server.

    Raises:
        ProxyTrouble: the proxy that an environment variable names cannot be used.
    """

    cachable = False  # the proxy may be another one at the next read

    def __init__(self, url: str = "", **options: Any) -> None:  # noqa: ANN401 - fsspec has no types
        self.proxy = proxy_for(url) if url else None
        if url.startswith("https:"):  # the library would read SSL_CERT_FILE only when it is loaded
            options["ssl"] = ssl.create_default_context()
        if self.proxy is not None:
            options["proxy"] = self.proxy.url
            if self.proxy.credentials:
                basic = b64encode(":".join(self.proxy.credentials).encode()).decode()
                options["proxy_headers"] = {"Proxy-Authorization": f"Basic {basic}"}
        redirects = aiohttp.TraceConfig()
        redirects.on_request_redirect.append(_refuse_unencrypted)
        super().__init__(client_kwargs={"trace_configs": [redirects]}, **options)

    def proxy_error(self, error: Exception) -> DirectoryError | None:
        """The error of the proxy; None for all others."""
        if self.proxy is not None and isinstance(error, aiohttp.ClientHttpProxyError):
            return proxy_refused(self.proxy, error.status)
        if self.proxy is not None and isinstance(error, aiohttp.ClientProxyConnectionError):
            return proxy_refused(self.proxy, None)
        return None

    @staticmethod
    def _get_kwargs_from_urls(url: str) -> dict[str, str]:
        return {"url": url}


async def _refuse_unencrypted(
    _session: aiohttp.ClientSession, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    location = redirect.response.headers.get("Location", "")
    if is_unencrypted(urljoin(str(redirect.url), location)):
        raise csv_errors.unencrypted_redirect(redirect.url.host or "The server")
