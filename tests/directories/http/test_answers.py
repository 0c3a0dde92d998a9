"""Answers as they come over the wire: packed in any way, broken, or far too large."""

import gzip
import socketserver
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.http import transport
from opensense_okta.directories.http.transport import LARGEST_ANSWER, Unpacker
from tests.directories.http.test_client import get
from tests.support.reads import failure
from tests.support.replay import Reply, serving

BODY = b"[" + b'{"id":"00u1"},' * 20_000 + b"{}]"
MEGABYTE = 1_000_000


def raw_deflate(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


@cache
def bomb() -> bytes:
    """2 MB of gzip that unpack to 2 GB."""
    pack, zeros = zlib.compressobj(wbits=31), bytes(10 * MEGABYTE)
    head = pack.compress(zeros) + pack.flush(zlib.Z_FULL_FLUSH)
    tenth = pack.compress(zeros) + pack.flush(zlib.Z_FULL_FLUSH)
    return head + 199 * tenth  # without its checksum, which nobody gets to see


def answer_to(body: bytes, packing: str | None, status: int = 200) -> Reply:
    headers = (("content-encoding", packing),) if packing else ()
    return Reply(status, body, headers)


@pytest.mark.parametrize(
    ("body", "packing"),
    [
        (BODY, None),
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), "GZIP"),
        (gzip.compress(BODY, mtime=0), "x-gzip"),
        (gzip.compress(BODY[:100], mtime=0) + gzip.compress(BODY[100:], mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0) + b"\0\0\0", "gzip"),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "deflate"),
    ],
)
def test_a_body_is_read_however_it_is_packed(body: bytes, packing: str | None) -> None:
    with serving(lambda _target: answer_to(body, packing)) as peer:
        assert get(peer.url).body == BODY
        assert set(peer.asked[0].headers["accept-encoding"].split(", ")) == {"gzip", "deflate"}


def test_an_empty_body_may_say_that_it_is_packed() -> None:
    with serving(lambda _target: answer_to(b"", "gzip")) as peer:
        assert get(peer.url).body == b""


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_pieces_lose_nothing_however_the_blocks_are_cut(size: int, length: int) -> None:
    body = bytes(index * index % 251 for index in range(length))
    packed, unpacker = gzip.compress(body), Unpacker()
    blocks = (packed[start : start + size] for start in range(0, len(packed), size))
    assert b"".join(piece for block in blocks for piece in unpacker.pieces(block)) == body
    assert unpacker.complete


@pytest.mark.parametrize(
    ("body", "packing"),
    [
        (b"not packed at all", "gzip"),
        (gzip.compress(BODY, mtime=0)[:-9], "gzip"),
        (gzip.compress(BODY, mtime=0)[:40] + bytes(40), "gzip"),
        (gzip.compress(BODY, mtime=0) + b"more", "gzip"),
        (BODY, "br"),
        (gzip.compress(gzip.compress(BODY, mtime=0), mtime=0), "gzip, gzip"),
    ],
    ids=["not packed", "cut off", "damaged", "more behind", "another packing", "packed twice"],
)
def test_a_body_that_cannot_be_unpacked_is_trouble_that_may_pass(body: bytes, packing: str) -> None:
    with serving(lambda _target: answer_to(body, packing)) as peer:
        error = failure(lambda: get(peer.url, tries=2))
        assert len(peer.asked) == 2
    assert type(error) is errors.ServerTrouble
    assert "cannot be unpacked" in error.message


OK = b"HTTP/1.1 200 OK\r\n"
PERSON = b"Ada.Lovelace@acme.test"


@contextmanager
def sending(raw: bytes) -> Iterator[str]:
    """A server that sends these bytes to each request and closes the connection; yields its address."""

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(raw)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the connection ended before the answer was complete"),
        (OK + b"Content-Length: 100\r\n\r\n" + PERSON, "the connection ended before"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + PERSON + b"\r\n", "is not valid HTTP"),
        (PERSON + b"\r\n\r\n", "is not valid HTTP"),
        (OK + b"X: a\0" + PERSON + b"\r\nContent-Length: 0\r\n\r\n", "is not valid HTTP"),
        (OK + 2 * b"Content-Length: 1\r\n" + b"\r\n" + PERSON, "is not valid HTTP"),
        (OK + b"X: " + 70_000 * b"a" + b"\r\n\r\n" + PERSON, "is not valid HTTP"),
    ],
    ids=["nothing", "cut off", "a bad chunk", "no HTTP", "a zero byte", "two lengths", "too long"],
)
def test_an_answer_that_is_no_http_may_pass_and_is_never_quoted(raw: bytes, words: str) -> None:
    with sending(raw) as origin:
        error = failure(lambda: get(origin, tries=2))
    assert type(error) is errors.Unreachable
    assert error.transient
    assert words in error.message
    assert PERSON.decode() not in str(error)


def test_an_encoding_on_two_lines_is_two_encodings() -> None:
    once = gzip.compress(b"[]", mtime=0)
    lines = 2 * b"Content-Encoding: gzip\r\n" + b"Content-Length: %d\r\n\r\n" % len(once)
    with sending(OK + lines + once) as origin:
        error = failure(lambda: get(origin, tries=1))
    assert "an encoding that was not asked for" in error.message


def test_a_long_header_is_read() -> None:
    policy = b"Content-Security-Policy: " + 20_000 * b"a" + b"\r\n"
    with sending(OK + policy + b"Content-Length: 2\r\n\r\n[]") as origin:
        assert get(origin).body == b"[]"


def test_an_answer_that_unpacks_to_gigabytes_is_refused_without_taking_the_memory() -> None:
    assert len(bomb()) < 3 * MEGABYTE
    with serving(lambda _target: answer_to(bomb(), "gzip")) as peer:
        tracemalloc.start()
        try:
            error = failure(lambda: get(peer.url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(peer.asked) == 1
    assert type(error) is errors.AnswerTooLarge
    assert "more than 256 MB" in error.message
    assert not error.transient
    assert peak < LARGEST_ANSWER + 30 * MEGABYTE


@pytest.mark.parametrize("status", [401, 429, 500])
@pytest.mark.parametrize("packing", [None, "gzip"])
def test_refusals_are_bounded_too(
    monkeypatch: pytest.MonkeyPatch, status: int, packing: str | None
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", len(BODY) - 1)
    body = gzip.compress(BODY, mtime=0) if packing else BODY
    with serving(lambda _target: answer_to(body, packing, status)) as peer:
        assert type(failure(lambda: get(peer.url))) is errors.AnswerTooLarge
