"""The connections of the HTTP client: directly or through a proxy, and answers of a bounded size.

The HTTP library would unpack a whole block at once, so that 64 kB of an answer can become gigabytes. Answers
are unpacked here, in pieces, and an answer that becomes too large is an error.
"""

import re
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from opensense_okta.directories.errors import AnswerTooLarge, ServerTrouble
from opensense_okta.directories.http.proxy import Proxy, proxy_for, proxy_refused

LARGEST_ANSWER = (
    256_000_000  # bytes, unpacked; pages of 1000 users with long profiles have about 10 MB
)
PIECE = 1 << 16  # bytes, unpacked
ENCODINGS = "gzip, deflate"


class Transport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy of its host, if there is one, and bounds the answer.

    Args:
        certificates: the trusted certificates, of proxies, too.
        limits: of each proxy's connections, and of the direct ones.
    """

    def __init__(self, certificates: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._certificates = certificates
        self._limits = limits
        self._connections: dict[Proxy | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request, and returns the answer before its body is read.

        Raises:
            ProxyTrouble: the proxy cannot be used, or refuses the request.
        """
        proxy = proxy_for(str(request.url))
        try:
            response = await self._via(proxy).handle_async_request(request)
        except httpx.ProxyError as error:
            status = re.match(r"[1-5][0-9]{2}\b", str(error))
            raise proxy_refused(proxy, int(status[0]) if status else None) from None
        packing = response.headers.pop("content-encoding", "identity").strip().lower()
        host = request.url.host
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response, packing, host),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Closes all connections."""
        for connections in self._connections.values():
            await connections.aclose()

    def _via(self, proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
        if proxy not in self._connections:
            self._connections[proxy] = httpx.AsyncHTTPTransport(
                verify=self._certificates,
                limits=self._limits,
                trust_env=False,
                proxy=self._library_proxy(proxy) if proxy else None,
            )
        return self._connections[proxy]

    def _library_proxy(self, proxy: Proxy) -> httpx.Proxy:
        encrypted = proxy.url.startswith("https:")
        return httpx.Proxy(
            proxy.url,
            auth=proxy.credentials,
            ssl_context=self._certificates if encrypted else None,
        )


class _Bounded(httpx.AsyncByteStream):
    """The unpacked body of an answer."""

    def __init__(self, response: httpx.Response, packing: str, host: str) -> None:
        self._response = response
        self._packing = packing
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._unpacked():
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise AnswerTooLarge(
                    f"{self._host} sent an answer of more than {LARGEST_ANSWER // 1_000_000} MB.",
                    remedy="No page of a directory is so large: look for a proxy that changes answers, or"
                    " report it to the provider of the API.",
                )
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()

    async def _unpacked(self) -> AsyncIterator[bytes]:
        if self._packing in {"identity", ""}:
            async for block in self._response.aiter_raw():
                yield block
            return
        if self._packing not in {"gzip", "x-gzip", "deflate"}:
            raise self._cannot_unpack("an encoding that was not asked for")
        unpacker = Unpacker()
        try:
            async for block in self._response.aiter_raw():
                for piece in unpacker.pieces(block):
                    yield piece
        except zlib.error:
            raise self._cannot_unpack("its compression is broken") from None
        if not unpacker.complete:
            raise self._cannot_unpack("its compression breaks off")

    def _cannot_unpack(self, why: str) -> ServerTrouble:
        return ServerTrouble(
            f"{self._host} sent an answer that cannot be unpacked: {why}.",
            remedy="If it continues, look for a proxy in between.",
        )


class Unpacker:
    """Unpacks gzip and both kinds of deflate (RFC 9110 §8.4.1) in small pieces.

    Attributes:
        complete: whether the data ended where it should, or there was none.
    """

    def __init__(self) -> None:
        self.complete = True
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header of gzip or zlib
        self._begun = False

    def pieces(self, block: bytes) -> Iterator[bytes]:
        """The content of a block.

        Raises:
            zlib.error: it is not compressed in this way.
        """
        more = bool(block)
        while more:
            if self._inflate.eof:  # gzip can have several members, and zeros behind them
                if not (block := block.lstrip(b"\0")):
                    return
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
            piece = self._piece(block)
            block = self._inflate.unconsumed_tail or self._inflate.unused_data
            self.complete = self._inflate.eof
            more = bool(block) or (len(piece) == PIECE and not self.complete)
            yield piece

    def _piece(self, block: bytes) -> bytes:
        begun, self._begun = self._begun, True
        try:
            return self._inflate.decompress(block, PIECE)
        except zlib.error:
            if begun:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # deflate without a header
            return self._inflate.decompress(block, PIECE)
