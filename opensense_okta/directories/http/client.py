"""HTTP requests with rate limits, retries and credentials.

A request waits for its rate limiter, sends credentials to the configured host only, follows no redirect, and
is repeated with back-off after a transient error.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeVar
from urllib.parse import urljoin

import httpx
import tenacity

from opensense_okta.directories.errors import (
    CursorLost,
    DirectoryError,
    RateLimited,
    ServerTrouble,
    Unreachable,
    UntrustedLink,
)
from opensense_okta.directories.http.headers import LATEST, http_date, numbers
from opensense_okta.directories.http.proxy import proxy_for
from opensense_okta.directories.http.rate_limit import (
    Clock,
    ConcurrencyLimit,
    RateLimiter,
    RateLimitHeaders,
    jittered,
)
from opensense_okta.directories.http.transport import ENCODINGS, Sender, Transport

USER_AGENT = "opensense_okta"
CONNECTIONS = 10  # bulk jobs rarely need more at once (docs/okta-api.md, "Concurrency")
TRIES = 6  # about a minute with back-off; longer failures are for the retry sensor
FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.5, 30.0  # seconds
LONGEST_ANSWER = 120.0  # seconds for a whole answer, also a slow one
LONGEST_WAIT = 300.0  # seconds; a longer Retry-After ends the run

P = TypeVar("P")
Headers = Mapping[str, str]
Auth = httpx.Auth
Request = httpx.Request
Response = httpx.Response


@dataclass(frozen=True)
class Answer:
    """A complete HTTP response.

    Attributes:
        scheme: of the request's Authorization header, such as `Bearer`; empty if it had none.
    """

    url: str
    status: int
    headers: Headers
    body: bytes
    links: Mapping[str, str]
    scheme: str = ""

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        return self.headers.get(name, "")


@dataclass
class Usage:
    """Counts of the requests so far."""

    requests: int = 0
    received: int = 0  # bytes of bodies, unpacked
    retries: int = 0


def reports_no_limits(_answer: Answer) -> RateLimitHeaders | None:
    """The rate limit that an answer reports, for an API that reports none."""
    return None


def some_seconds(_refusals: int) -> float:
    """Seconds until fewer requests run at once (docs/okta-api.md, "Concurrency")."""
    return jittered(5.0)


@dataclass(frozen=True)
class Protocol:
    """What differs between APIs.

    Attributes:
        error: returns the typed error of an answer, or None.
        busy: whether an answer reports too many concurrent requests.
        allowance: returns the rate limit that an answer reports, or None.
        setting: the key of the organization file with the API's address.
        connections: the most requests at once.
        throttled: seconds to wait after so many refusals of a request for its rate limit, if none of them
            says how long.
    """

    error: Callable[[Answer], DirectoryError | None]
    busy: Callable[[Answer], bool]
    allowance: Callable[[Answer], RateLimitHeaders | None] = reports_no_limits
    setting: str = "endpoint"
    connections: int = CONNECTIONS
    throttled: Callable[[int], float] = some_seconds


@dataclass
class Api:
    """A client of one API at one origin."""

    origin: str
    sender: Sender
    protocol: Protocol
    usage: Usage = field(default_factory=Usage)
    clock: Clock = field(default_factory=Clock)
    slots: ConcurrencyLimit = field(init=False)

    def __post_init__(self) -> None:
        """All requests of the API share the slots."""
        self.slots = ConcurrencyLimit(self.protocol.connections)

    async def get(
        self,
        url: str,
        limiter: RateLimiter,
        parse: Callable[[Answer], P],
        headers: Headers | None = None,
        tries: int | None = None,
    ) -> P:
        """Reads one page, and repeats the request after a transient error.

        Args:
            url: a path, or an absolute address of the same origin.
            limiter: the rate limiter of the address.
            parse: parses an answer; raises `ServerTrouble` if it is not valid.
            headers: additional headers.
            tries: attempts for a request that may be too large (an error or a timeout); None: the usual
                number.

        Raises:
            DirectoryError: the request failed; if the error is transient, also the last attempt.
        """
        address = self._trusted(url)

        async def once() -> P:
            return parse(await self._once(address, limiter, headers or {}))

        return await tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_worth_repeating),
            stop=_stop_after(tries or TRIES),
            wait=self._back_off,
            sleep=self.clock.sleep,
            before_sleep=self._count_retry,
            reraise=True,
        )(once)

    @cached_property
    def _own_origin(self) -> str:
        return _origin(httpx.URL(self.origin))

    def _trusted(self, url: str) -> httpx.URL:
        address, target = _target(self.origin + "/", url)
        if target != self._own_origin:
            raise UntrustedLink(
                f"The API pointed to another host: {target} instead of {self.origin}.",
                remedy=f"Check that `{self.protocol.setting}` is the organization's own (not a former"
                " name, a custom domain's twin or a proxy). The token was not sent there.",
            )
        return address

    async def _once(self, url: httpx.URL, limiter: RateLimiter, headers: Headers) -> Answer:
        await limiter.acquire()
        try:
            async with self.slots.slot():
                answer = await self._ask(url, headers)
        except BaseException as failed:
            limiter.reset()
            _apply_retry_after(failed, limiter)  # the token endpoint has limits, too
            raise
        if self.protocol.busy(answer):
            limiter.reset()
            self.slots.decrease()
        else:
            limiter.update(self.protocol.allowance(answer))
            self.slots.increase()
        self.usage.received += len(answer.body)
        error = self.protocol.error(answer)
        if error is None:
            return answer
        _apply_retry_after(error, limiter)
        raise error

    async def _ask(self, url: httpx.URL, headers: Headers) -> Answer:
        try:
            async with asyncio.timeout(LONGEST_ANSWER):
                response = await self.sender.get(url, headers)
        except (httpx.TransportError, TimeoutError) as error:
            # Its text may quote a header.
            raise _unreachable(self.origin, self.protocol.setting, error) from None
        finally:
            self.usage.requests = self.sender.sent
        if response.is_redirect:
            _, target = _target(str(url), response.headers.get("location", ""))
            raise UntrustedLink(
                f"{self.origin} redirects to {target}; redirects are not followed with a token.",
                remedy=f"Set `{self.protocol.setting}` to where the organization really is.",
            )
        return answer_of(response)

    def _back_off(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        growing = min(FIRST_BACK_OFF * 2 ** (state.attempt_number - 1), LONGEST_BACK_OFF)
        if isinstance(error, RateLimited) and error.retry_at is not None:
            return jittered(1.0)  # the limiter waits for the budget itself
        if isinstance(error, RateLimited):
            return self.protocol.throttled(state.attempt_number)
        if isinstance(error, DirectoryError) and error.retry_at is not None:
            return _seconds_until(error.retry_at) + jittered(growing)
        return jittered(growing)

    def _count_retry(self, _state: tenacity.RetryCallState) -> None:
        self.usage.retries += 1


@asynccontextmanager
async def connect(origin: str, auth: Auth, protocol: Protocol) -> AsyncIterator[Api]:
    """Connections to one API, closed at the end.

    Raises:
        ProxyTrouble: at a request: the proxy for its host cannot be used.
        Unreachable: the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read.
    """
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": ENCODINGS,
        "User-Agent": USER_AGENT,
    }
    async with Transport(_trusted_certificates(), CONNECTIONS, headers) as transport:
        yield Api(origin, Sender(transport, auth), protocol)


def answer_of(response: Response) -> Answer:
    """The Answer of a response that was read completely."""
    links = {name: link["url"] for name, link in response.links.items() if name and "url" in link}
    request = response.request
    return Answer(
        str(request.url),
        response.status_code,
        response.headers,
        response.content,
        links,
        request.headers.get("authorization", "").partition(" ")[0],
    )


class HeaderAuth(httpx.Auth):
    """Authorization by a constant header."""

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the header."""
        request.headers["Authorization"] = self._value
        yield request


def retry_after(answer: Answer) -> datetime | None:
    """The time of a Retry-After header (seconds, whole or not, or a date; RFC 9110 §10.2.3), or None."""
    text = answer.header("retry-after")
    seconds = max(numbers(text), default=None)
    if seconds is None:
        return http_date(text)
    now = datetime.now(UTC)
    return now + timedelta(seconds=min(seconds, (LATEST - now).total_seconds()))


def _apply_retry_after(error: BaseException, limiter: RateLimiter) -> None:
    """Pauses the limiter until the time that the API named."""
    if isinstance(error, RateLimited) and error.retry_at is not None:
        limiter.pause(_seconds_until(error.retry_at))


def _worth_repeating(error: BaseException) -> bool:
    if not isinstance(error, DirectoryError) or not error.transient:
        return False
    if isinstance(error, CursorLost):  # the same address would fail again
        return False
    far = error.retry_at is not None and _seconds_until(error.retry_at) > LONGEST_WAIT
    return not far


def _stop_after(tries: int) -> Callable[[tenacity.RetryCallState], bool]:
    def stop(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        too_much = isinstance(error, ServerTrouble | Unreachable)
        return state.attempt_number >= (tries if too_much else TRIES)

    return stop


def _seconds_until(moment: datetime) -> float:
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _target(base: str, link: str) -> tuple[httpx.URL, str]:
    """The address a link leads to and that address's origin, or words when it is no address.

    It is parsed once, by the client that sends the request: that costs 0.1 ms.
    """
    try:
        address = httpx.URL(urljoin(base, link))
        return address, _origin(address)
    except (ValueError, httpx.InvalidURL):
        return httpx.URL(), "something that is no address"


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


def _trusted_certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        unreadable = Unreachable(
            f"The certificates to trust cannot be read ({error.strerror or error}).",
            remedy="Set SSL_CERT_FILE or SSL_CERT_DIR to certificates in PEM form, or unset them.",
        )
        unreadable.transient = False
        raise unreadable from None


def _unreachable(origin: str, setting: str, error: Exception) -> DirectoryError:
    cause: BaseException | None = error
    while cause is not None:
        # aiohttp's own error is of this class, too, but has no message; it has the other as its cause.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            refused = Unreachable(
                f"The certificate of {origin} is not trusted ({cause.verify_message}).",
                remedy=f"Check `{setting}`; where a company proxy re-signs traffic, set SSL_CERT_FILE to"
                " its certificate.",
            )
            refused.transient = False
            return refused
        cause = cause.__cause__ or cause.__context__
    proxy = proxy_for(origin)
    named = (
        f"the proxy that the environment variable {proxy.variable} names" if proxy else "the proxy"
    )
    return Unreachable(
        f"{origin} could not be reached or broke off ({type(error).__name__}{_reason(error)}).",
        remedy=f"If it continues: check `{setting}`, DNS, the firewall and"
        f" {named} from this machine.",
    )


def _reason(error: Exception) -> str:
    text = "" if isinstance(error, httpx.LocalProtocolError) else str(error).strip()
    return f": {text}" if text else ""
