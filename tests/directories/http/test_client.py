"""One page read politely: what is repeated and how often, and where a token goes."""

import asyncio
import gzip
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.http.client import (
    FIRST_BACK_OFF,
    LONGEST_BACK_OFF,
    LONGEST_WAIT,
    TRIES,
    HeaderAuth,
    Usage,
    connect,
)
from opensense_okta.directories.http.rate_limit import RateLimiter
from opensense_okta.directories.okta.reader import PROTOCOL
from tests.support.reads import failure
from tests.support.replay import Peer, Reply, serving
from tests.support.virtual_time import Impatience

SECRET = "00-this-is-a-secret-00"

TROUBLE = Reply(503)
GOOD = Reply(200, b"good")


@dataclass(frozen=True)
class Got:
    """A page that was read, and what that took."""

    body: bytes
    links: dict[str, str]
    usage: Usage
    slept: list[float]


def get(
    origin: str,
    url: str = "/page",
    *,
    token: str = SECRET,
    tries: int | None = None,
    slept: list[float] | None = None,
) -> Got:
    """Reads one page; `slept` takes the waits also when it fails."""
    impatience = Impatience(slept=[] if slept is None else slept)

    async def read() -> Got:
        async with connect(origin, HeaderAuth(f"SSWS {token}"), PROTOCOL) as api:
            api.clock = impatience.clock
            governor = RateLimiter(1.0, api.clock)
            answer = await api.get(url, governor, lambda found: found, {"X-Own": "yes"}, tries)
            return Got(answer.body, dict(answer.links), api.usage, impatience.slept)

    return asyncio.run(read())


@pytest.fixture(scope="module")
def module_peer() -> Iterator[Peer]:
    with serving(lambda _target: GOOD) as running:
        yield running


@pytest.fixture
def peer(module_peer: Peer) -> Peer:
    module_peer.asked.clear()
    module_peer.answer = lambda _target: GOOD
    return module_peer


@pytest.fixture(scope="module")
def stranger() -> Iterator[Peer]:
    """A host that nobody should send anything to."""
    with serving(lambda _target: GOOD) as running:
        yield running


def one_after_the_other(*replies: Reply) -> Callable[[str], Reply]:
    """Answers with each reply in turn, and with a good one from then on."""
    waiting = list(replies)
    return lambda _target: waiting.pop(0) if waiting else GOOD


def test_a_page_is_read_with_the_token_and_the_usual_headers(peer: Peer) -> None:
    got = get(peer.url)
    assert got.body == b"good"
    assert got.usage == Usage(requests=1, received=4, retries=0)
    (asked,) = peer.asked
    assert asked.headers["authorization"] == f"SSWS {SECRET}"
    assert asked.headers["x-own"] == "yes"


def test_compressed_bodies_are_unpacked(peer: Peer) -> None:
    peer.answer = lambda _target: Reply(
        200, gzip.compress(b"x" * 999), (("content-encoding", "gzip"),)
    )
    assert get(peer.url).body == b"x" * 999


@pytest.mark.parametrize(
    "links",
    [
        ['<{url}/page>; rel="self"', '<{url}/two>; rel="next"'],
        ['<{url}/two>; rel="next"', '<{url}/page>; rel="self"'],
        ['<{url}/page>; rel="self", <{url}/two>; rel="next"'],
        ["<{url}/page>;rel=self,<{url}/two>;rel=next"],
    ],
)
def test_links_are_understood_joined_and_apart(peer: Peer, links: list[str]) -> None:
    headers = tuple(("link", link.format(url=peer.url)) for link in links)
    peer.answer = lambda _target: Reply(200, b"", headers)
    assert get(peer.url).links == {"self": f"{peer.url}/page", "next": f"{peer.url}/two"}


# -- repeating --------------------------------------------------------------------------------


@pytest.mark.parametrize("failures", range(TRIES))
def test_trouble_is_sat_out_with_longer_and_longer_waits(peer: Peer, failures: int) -> None:
    peer.answer = one_after_the_other(*[TROUBLE] * failures)
    got = get(peer.url)
    assert got.usage.requests == failures + 1
    assert got.usage.retries == len(got.slept) == failures
    for number, seconds in enumerate(got.slept):
        longest = min(FIRST_BACK_OFF * 2**number, LONGEST_BACK_OFF)
        assert longest / 2 <= seconds <= longest


def test_after_the_last_try_the_error_is_told(peer: Peer) -> None:
    peer.answer = lambda _target: TROUBLE
    slept: list[float] = []
    error = failure(lambda: get(peer.url, slept=slept))
    assert type(error) is errors.ServerTrouble
    assert len(peer.asked) == TRIES
    assert len(slept) == TRIES - 1


def test_fewer_tries_are_for_answers_that_were_too_much_to_ask_for(peer: Peer) -> None:
    peer.answer = lambda _target: TROUBLE
    failure(lambda: get(peer.url, tries=2))
    assert len(peer.asked) == 2
    peer.answer = one_after_the_other(*[Reply(429)] * (TRIES - 1))
    assert get(peer.url, tries=2).usage.requests == TRIES


def in_a_while(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 6, 8),
        ("2.5", 1.5, 3.5),
        ("0", 0, 1),
        ("-3", 0, 1),
        (lambda: in_a_while(30), 27, 31),
        (lambda: in_a_while(-30), 0, 1),
        (str(int(LONGEST_WAIT)), LONGEST_WAIT - 1, LONGEST_WAIT + 1),
        ("soon", 0, 1),
        ("", 0, 1),
        ("nan", 0, 1),
        ("inf", 0, 1),
        ("1e99", 0, 1),
        ("7, 5", 6, 8),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0, 1),
        ("Fri, 31 Dec 9999 23:59:59 -0500", 0, 1),
        ("Mon, 30 Feb 2026 12:00:00 GMT", 0, 1),
        (f"Mon, 01 Jan {'9' * 30} 12:00:00 GMT", 0, 1),
    ],
)
@pytest.mark.parametrize("status", [503, 500])
def test_a_retry_after_is_obeyed(
    peer: Peer, status: int, retry_after: str | Callable[[], str], least: float, most: float
) -> None:
    value = retry_after if isinstance(retry_after, str) else retry_after()
    peer.answer = one_after_the_other(Reply(status, b"", (("retry-after", value),)))
    (slept,) = get(peer.url).slept
    assert least <= slept <= most


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_beyond_all_patience_is_passed_on(peer: Peer, status: int) -> None:
    peer.answer = lambda _target: Reply(status, b"", (("retry-after", "4000"),))
    slept: list[float] = []
    error = failure(lambda: get(peer.url, slept=slept))
    assert error.transient
    assert error.retry_at is not None
    assert 3900 < (error.retry_at - datetime.now(UTC)).total_seconds() <= 4000
    assert len(peer.asked) == 1
    assert slept == []


def limited(seconds: float, limit: str = "600", skew: float = 0.0) -> Reply:
    """A 429 whose window ends in so many seconds, by a clock that is ahead of ours."""
    server = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=skew)
    headers = (
        ("date", format_datetime(server, usegmt=True)),
        ("x-rate-limit-limit", limit),
        ("x-rate-limit-remaining", "0"),
        ("x-rate-limit-reset", str(int(server.timestamp() + seconds))),
    )
    return Reply(429, b"", headers)


@pytest.mark.parametrize("skew", [0, -7200, 7200])
@pytest.mark.parametrize("seconds", [0, 5, 48, 60])
def test_a_used_up_limit_is_waited_for_by_the_servers_clock(
    peer: Peer, seconds: float, skew: float
) -> None:
    peer.answer = one_after_the_other(limited(seconds, skew=skew))
    waits = get(peer.url).slept
    assert seconds <= sum(waits) <= seconds + 3


@pytest.mark.parametrize("seconds", [-30, 116, 86_400])
def test_no_window_is_waited_for_longer_than_a_minute(peer: Peer, seconds: float) -> None:
    peer.answer = one_after_the_other(limited(seconds))
    assert sum(get(peer.url).slept) <= 63


def test_a_429_that_says_nothing_is_waited_out_for_a_minute(peer: Peer) -> None:
    peer.answer = one_after_the_other(Reply(429))
    assert 59 <= sum(get(peer.url).slept) <= 63


def test_a_429_may_say_when_to_come_back(peer: Peer) -> None:
    peer.answer = one_after_the_other(Reply(429, b"", (("retry-after", "12"),)))
    assert 11 <= sum(get(peer.url).slept) <= 14


HEADERS = ("date", "x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")


@pytest.mark.parametrize("joined", [False, True])
def test_headers_that_come_twice_are_waited_for_by_the_latest_reset(
    peer: Peer, joined: bool
) -> None:
    first, second = limited(7).headers, limited(5).headers
    headers = (
        tuple((name, f"{dict(first)[name]}, {dict(second)[name]}") for name in HEADERS)
        if joined
        else (*first, *second)
    )
    peer.answer = one_after_the_other(Reply(429, b"", headers))
    assert 7 <= sum(get(peer.url).slept) <= 10


@pytest.mark.parametrize("headers", [(), HEADERS], ids=["once", "twice"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("x-rate-limit-reset", value) for value in ("nan", "inf", "-inf", "1e300", "soon", "")),
        *(("x-rate-limit-reset", value) for value in ("-5", "9" * 400, "1780000000000", "0")),
        *(("x-rate-limit-remaining", value) for value in ("nan", "-1", "many", "1_0")),
        *(("x-rate-limit-limit", value) for value in ("nan", "inf", "-600")),
    ],
)
def test_a_number_that_cannot_be_right_is_ignored_like_a_missing_header(
    peer: Peer, name: str, value: str, headers: tuple[str, ...]
) -> None:
    odd = tuple((key, value if key == name else text) for key, text in limited(5).headers)
    again = odd if headers else ()
    peer.answer = one_after_the_other(Reply(429, b"", (*odd, *again)))
    assert 59 <= sum(get(peer.url).slept) <= 63


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0500",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 30 Feb 2026 12:00:00 GMT",
        f"Fri, 27 Nov {'9' * 30} 12:00:00 GMT",
        "yesterday",
        "",
    ],
)
def test_a_date_beyond_the_calendar_is_ignored_like_a_missing_one(peer: Peer, date: str) -> None:
    odd = tuple((name, date if name == "date" else value) for name, value in limited(9).headers)
    peer.answer = one_after_the_other(Reply(429, b"", odd))
    assert 8 <= sum(get(peer.url).slept) <= 12


def test_too_many_at_once_is_no_reason_to_wait_for_the_window(peer: Peer) -> None:
    limit = limited(116, limit="0")
    peer.answer = one_after_the_other(Reply(429, b"", limit.headers + limit.headers))
    (slept,) = get(peer.url).slept
    assert 2.5 <= slept <= 5


# -- where a token goes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/api/v1/users?after=200u",
        "//elsewhere.example/api/v1/users",
        "http://127.0.0.1:1/api/v1/users",
        "https://{host}/api/v1/users",
        "http://{host}.elsewhere.example/",
        "http://{host}@elsewhere.example/",
        "http://{host}\\@elsewhere.example/",
        "http://elsewhere.example#@{host}/",
        "ftp://{host}/",
        "http://[::1",
        "http://{host}:99999/",
        "http://elsewhere.example:x/",
        "/page\x7f",
        "javascript:alert(1)",
    ],
)
def test_an_address_elsewhere_is_refused_before_anything_is_sent(peer: Peer, link: str) -> None:
    error = failure(lambda: get(peer.url, link.format(host=peer.url.removeprefix("http://"))))
    assert type(error) is errors.UntrustedLink
    assert not error.transient
    assert peer.url in error.message
    assert "The token was not sent there." in error.remedy
    assert peer.asked == []


@pytest.mark.parametrize(
    "link",
    [
        "/page?after=200u%2B",
        "page?after=200u%2B",
        "{url}/page?after=200u%2B",
        "HTTP{rest}/page?after=200u%2B",
    ],
)
def test_an_address_at_the_origin_is_followed_verbatim(peer: Peer, link: str) -> None:
    get(peer.url, link.format(url=peer.url, rest=peer.url.removeprefix("http")))
    assert peer.targets == ["/page?after=200u%2B"]


@pytest.mark.parametrize(
    ("origin", "link"),
    [
        ("https://acme.okta.example:443", "https://acme.okta.example/page"),
        ("https://acme.okta.example", "https://ACME.okta.example:443/page"),
        ("http://127.0.0.1:80", "http://127.0.0.1/page"),
    ],
)
def test_a_usual_port_may_be_named_or_not(origin: str, link: str) -> None:
    error = failure(lambda: get(origin, link))
    assert type(error) is errors.Unreachable  # it was trusted; there is just nobody


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["{other}/page", "/login", "http://[::1", ""])
def test_redirects_are_not_followed(peer: Peer, stranger: Peer, status: int, location: str) -> None:
    headers = (("location", location.format(other=stranger.url)),)
    peer.answer = lambda _target: Reply(status, b"", headers)
    error = failure(lambda: get(peer.url))
    assert stranger.asked == []
    assert set(peer.targets) == {"/page"}
    if "[" not in location:
        assert type(error) is errors.UntrustedLink
        assert "Set `endpoint`" in error.remedy


# -- what is never shown -----------------------------------------------------------------------


def everything_told(error: BaseException) -> str:
    """All that a log, a traceback or a page of a UI could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error) + str(vars(error))


@pytest.mark.parametrize("token", [f"{SECRET}\nX-Injected: yes", f"{SECRET}\r\n", f"\0{SECRET}"])
def test_a_token_that_cannot_be_sent_is_never_quoted(peer: Peer, token: str) -> None:
    error = failure(lambda: get(peer.url, token=token))
    assert "LocalProtocolError" in error.message
    assert SECRET not in everything_told(error)
    assert peer.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_no_error_quotes_the_token_even_if_the_answer_does(peer: Peer, status: int) -> None:
    peer.answer = lambda _target: Reply(status, SECRET.encode())
    assert SECRET not in everything_told(failure(lambda: get(peer.url, tries=1)))


def test_nothing_is_logged_of_a_request(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    get(peer.url, "/page?email=ann@example.com")
    assert caplog.records == []


# -- certificates -----------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_is_for_a_person_to_solve(certificate: Path) -> None:
    with serving(lambda _target: GOOD, certificate=certificate) as peer:
        error = failure(lambda: get(peer.url.replace("http:", "https:")))
        assert peer.asked == []
    assert type(error) is errors.Unreachable
    assert not error.transient
    assert "certificate" in error.message
    assert "SSL_CERT_FILE" in error.remedy


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_wrong_ssl_cert_file_is_named(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "certificates.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    error = failure(lambda: get(peer.url))
    assert type(error) is errors.Unreachable
    assert not error.transient
    assert "SSL_CERT_FILE" in error.remedy
