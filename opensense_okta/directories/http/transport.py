"""The connections of the HTTP client: directly or through a proxy, and answers of a bounded size.

httpx is the interface, aiohttp sends: a page of 166 kB costs 0.5 ms of CPU, with httpx's own transport 1.6 ms
(2,823 pages in one run). httpx's client would also keep cookies, follow redirects and merge addresses:
without it, a full read of 10,000 people takes 1.8 s of CPU instead of 2.1 s.

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
TIMEOUT = aiohttp.ClientTimeout(sock_connect=15.0, sock_read=60.0)
CUT_OFF = "the connection ended before the answer was complete"
PIECE = 1 << 16  # bytes, unpacked
ENCODINGS = "gzip, deflate"


class Sender:
    """Sends requests with credentials.

    Attributes:
        sent: the number of requests so far, those of the authorization included.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, auth: httpx.Auth) -> None:
        self._transport = transport
        self._auth = auth
        self.sent = 0

    async def get(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """The complete answer to a GET request.

        Raises:
            DirectoryError: the credentials, a proxy or the size of the answer.
            httpx.TransportError: the request cannot be sent, or its answer is not valid HTTP.
        """
        flow = self._auth.async_auth_flow(httpx.Request("GET", url, headers=headers))
        try:
            request = await anext(flow)
            while True:
                self.sent += 1
                response = await self._transport.handle_async_request(request)
                response.request = request
                await response.aread()
                try:
                    request = await flow.asend(response)
                except StopAsyncIteration:
                    return response
        finally:
            await flow.aclose()


class Transport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy of its host, if there is one, and bounds the answer.

    Args:
        certificates: the trusted certificates, of proxies, too.
        connections: the most connections.
        headers: of all requests.
    """

    def __init__(
        self, certificates: ssl.SSLContext, connections: int, headers: Mapping[str, str]
    ) -> None:
        self._certificates = certificates
        self._limit = connections
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, Proxy | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request, and returns the complete answer.

        Raises:
            ProxyTrouble: the proxy cannot be used, or refuses the request.
            AnswerTooLarge: the answer is too large.
            ServerTrouble: it cannot be unpacked.
            httpx.TransportError: the request cannot be sent, or its answer is not valid HTTP.
        """
        proxy = self._proxy(request.url)
        try:
            with _as_transport_error():
                async with await self._send(request, proxy) as answer:
                    body = await _body(answer, request.url.host)
        except aiohttp.ClientHttpProxyError as error:
            raise proxy_refused(proxy, error.status) from None
        headers = [
            (name, value)
            for name, value in answer.raw_headers
            if name.lower() != b"content-encoding"  # the body is unpacked
        ]
        return httpx.Response(answer.status, headers=headers, content=body)

    def _proxy(self, url: httpx.URL) -> Proxy | None:
        """The proxy of a host, found once."""
        origin = f"{url.scheme}://{url.netloc.decode()}"
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return self._proxies[origin]

    async def aclose(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, request: httpx.Request, proxy: Proxy | None) -> aiohttp.ClientResponse:
        return await self._connections().request(
            request.method,
            URL(str(request.url), encoded=True),  # else it writes cursors differently
            headers=request.headers.multi_items(),
            data=await request.aread() or None,
            allow_redirects=False,
            auto_decompress=False,
            proxy=proxy.url if proxy else None,
            proxy_headers=_proxy_headers(proxy),
        )

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:  # it can only be made where an event loop runs
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._certificates, limit=self._limit),
                headers=self._headers,
                timeout=TIMEOUT,
                cookie_jar=aiohttp.DummyCookieJar(),  # each request has its credentials
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


async def _body(answer: aiohttp.ClientResponse, host: str) -> bytes:
    """The unpacked body of an answer."""
    packing = ", ".join(answer.headers.getall("content-encoding", [])).strip().lower()
    pieces, size = [], 0
    async for piece in _unpacked(answer, packing, host):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise AnswerTooLarge(
                f"{host} sent an answer of more than {LARGEST_ANSWER // 1_000_000} MB.",
                remedy="No page of a directory is so large: look for a proxy that changes answers, or report"
                " it to the provider of the API.",
            )
        pieces.append(piece)
    return b"".join(pieces)


async def _unpacked(
    answer: aiohttp.ClientResponse, packing: str, host: str
) -> AsyncIterator[bytes]:
    if packing in {"identity", ""}:
        async for block in answer.content.iter_any():
            yield block
        return
    if packing not in {"gzip", "x-gzip", "deflate"}:
        raise _cannot_unpack(host, "an encoding that was not asked for")
    unpacker = Unpacker()
    try:
        async for block in answer.content.iter_any():
            for piece in unpacker.pieces(block):
                yield piece
    except zlib.error:
        raise _cannot_unpack(host, "its compression is broken") from None
    if not unpacker.complete:
        raise _cannot_unpack(host, "its compression breaks off")


def _cannot_unpack(host: str, why: str) -> ServerTrouble:
    return ServerTrouble(
        f"{host} sent an answer that cannot be unpacked: {why}.",
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
