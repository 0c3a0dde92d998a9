"""The connections of the HTTP client: directly or through a proxy, and answers of a bounded size.

httpx is the interface, aiohttp sends: a page of 166 kB costs 0.5 ms of CPU, with httpx's own transport 1.6 ms
(2,823 pages in one run).

The HTTP library would unpack a whole block at once, so that 64 kB of an answer can become gigabytes. Answers
are unpacked here, in pieces, and an answer that becomes too large is an error.
"""

import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

from opensense_okta.directories.errors import AnswerTooLarge, ServerTrouble
from opensense_okta.directories.http.proxy import Proxy, proxy_for, proxy_refused

LARGEST_ANSWER = (
    256_000_000  # bytes, unpacked; pages of 1000 users with long profiles have about 10 MB
)
LONGEST_HEADER = 1 << 16  # bytes; content policies can be longer than aiohttp's 8 kB
CUT_OFF = "the connection ended before the answer was complete"
PIECE = 1 << 16  # bytes, unpacked
ENCODINGS = "gzip, deflate"


class Transport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy of its host, if there is one, and bounds the answer.

    Args:
        certificates: the trusted certificates, of proxies, too.
        limits: of the connections.
    """

    def __init__(self, certificates: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._certificates = certificates
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request, and returns the answer before its body is read.

        Raises:
            ProxyTrouble: the proxy cannot be used, or refuses the request.
            httpx.TransportError: the request cannot be sent, or its answer is not valid HTTP.
        """
        proxy = proxy_for(str(request.url))
        try:
            with _as_transport_error():
                answer = await self._send(request, proxy)
        except aiohttp.ClientHttpProxyError as error:
            raise proxy_refused(proxy, error.status) from None
        packing = ", ".join(answer.headers.getall("content-encoding", [])).strip().lower()
        headers = [
            (name, value)
            for name, value in answer.raw_headers
            if name.lower() != b"content-encoding"  # the body is unpacked here
        ]
        stream = _Bounded(answer, packing, request.url.host)
        return httpx.Response(answer.status, headers=headers, stream=stream)

    async def aclose(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, request: httpx.Request, proxy: Proxy | None) -> aiohttp.ClientResponse:
        timeout = request.extensions.get("timeout", {})
        return await self._connections().request(
            request.method,
            URL(str(request.url), encoded=True),  # else it writes cursors differently
            headers=request.headers.multi_items(),
            data=await request.aread() or None,
            allow_redirects=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                sock_connect=timeout.get("connect"), sock_read=timeout.get("read")
            ),
            proxy=proxy.url if proxy else None,
            proxy_headers=_proxy_headers(proxy),
        )

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:  # it can only be made where an event loop runs
            limit = self._limits.max_connections or 0
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._certificates, limit=limit),
                cookie_jar=aiohttp.DummyCookieJar(),  # httpx has its own
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
            )
            # It would repeat a GET after a lost connection, past the rate limiter. No argument prevents it.
            self._session._retry_connection = False  # noqa: SLF001
        return self._session


def _proxy_headers(proxy: Proxy | None) -> Mapping[str, str]:
    """The credentials for the proxy. Targets have TLS, so that it gets no other header."""
    if proxy is None or proxy.credentials is None:
        return {}
    return {"Proxy-Authorization": aiohttp.encode_basic_auth(*proxy.credentials)}


@contextmanager
def _as_transport_error() -> Iterator[None]:
    """Raises httpx's errors for aiohttp's, whose texts can quote the answer or a token."""
    try:
        yield
    except aiohttp.ClientHttpProxyError:
        raise
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout("no connection was made in time") from error
    except TimeoutError as error:
        raise httpx.ReadTimeout("the answer did not go on in time") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise httpx.RemoteProtocolError(CUT_OFF) from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError("the answer is not valid HTTP") from error
    except ValueError:
        raise httpx.LocalProtocolError("a header has a character that cannot be sent") from None


class _Bounded(httpx.AsyncByteStream):
    """The unpacked body of an answer."""

    def __init__(self, answer: aiohttp.ClientResponse, packing: str, host: str) -> None:
        self._answer = answer
        self._packing = packing
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with _as_transport_error():
            async for piece in self._unpacked():
                size += len(piece)
                if size > LARGEST_ANSWER:
                    raise self._too_large()
                yield piece

    async def aclose(self) -> None:
        self._answer.release()

    async def _unpacked(self) -> AsyncIterator[bytes]:
        if self._packing in {"identity", ""}:
            async for block in self._answer.content.iter_chunked(PIECE):
                yield block
            return
        if self._packing not in {"gzip", "x-gzip", "deflate"}:
            raise self._cannot_unpack("an encoding that was not asked for")
        unpacker = Unpacker()
        try:
            async for block in self._answer.content.iter_chunked(PIECE):
                for piece in unpacker.pieces(block):
                    yield piece
        except zlib.error:
            raise self._cannot_unpack("its compression is broken") from None
        if not unpacker.complete:
            raise self._cannot_unpack("its compression breaks off")

    def _too_large(self) -> AnswerTooLarge:
        return AnswerTooLarge(
            f"{self._host} sent an answer of more than {LARGEST_ANSWER // 1_000_000} MB.",
            remedy="No page of a directory is so large: look for a proxy that changes answers, or report it"
            " to the provider of the API.",
        )

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
