"""Which requests the guard refuses: no other web page acts or reads through a visitor's browser."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from opensense_okta.web.guard import HEADERS, POLICY, Guard, Names

RECORDED = json.loads(Path(__file__).with_name("ui_requests.json").read_text())
"""Written by `record_requests.py` from a session of Chromium over the pages of Dagster's UI."""

HOST = "127.0.0.1:3000"
OWN = f"http://{HOST}"
NAMES = Names.of("127.0.0.1", 3000)
JSON = "application/json"
EVIL = "https://evil.example"
REBOUND = "evil.example:3000"

Header = tuple[str, str]


@dataclass(frozen=True)
class Request:
    """A request; by default Dagster's UI asks GraphQL."""

    method: str = "POST"
    path: str = "/graphql"
    raw: str | None = None
    headers: tuple[Header, ...] = ()
    websocket: bool = False


@dataclass
class Passed:
    """An application that records whether it was asked."""

    asked: bool = False
    sent: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.asked = True
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            headers = [(b"content-security-policy", b"script-src 'nonce-x'")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})


def answer(request: Request, names: Names = NAMES) -> tuple[bool, int, list[Message]]:
    """Whether the request was passed on, the status of the answer, and what was sent."""
    app, sent = Passed(), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "websocket" if request.websocket else "http",
        "method": request.method,
        "path": request.path,
        "raw_path": (request.raw or request.path).encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in request.headers],
    }
    asyncio.run(Guard(app, names)(scope, receive, send))
    return app.asked, int(sent[0].get("status", 0)), sent


def of_page(**changed: str) -> tuple[Header, ...]:
    """The headers that Dagster's UI sends with a request to GraphQL; an empty value leaves one out."""
    headers = {
        "host": HOST,
        "origin": OWN,
        "content-type": JSON,
        "sec-fetch-site": "same-origin",
        "sec-fetch-mode": "cors",
        "sec-fetch-dest": "empty",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return tuple((name, value) for name, value in headers.items() if value)


LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "cross-site"}


def link(**changed: str) -> tuple[Header, ...]:
    """The headers of a link on another site that a visitor follows."""
    return (
        ("host", HOST),
        *{**LINK, **{n.replace("_", "-"): v for n, v in changed.items()}}.items(),
    )


def form(**changed: str) -> tuple[Header, ...]:
    """The headers of a form that a visitor fills in on a page of this server."""
    own = {
        "content_type": "application/x-www-form-urlencoded",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    return of_page(**{**own, **changed})


HOSTILE: Mapping[str, tuple[Request, int]] = {
    # GraphQL by GET, as an image or link of another site asks it
    "image": (Request("GET", headers=link(sec_fetch_mode="no-cors", sec_fetch_dest="image")), 403),
    "script": (Request("GET", headers=link(sec_fetch_mode="no-cors", sec_fetch_dest="script")), 403),
    "link to GraphQL": (Request("GET", headers=link()), 403),
    "GraphQL by GET": (Request("GET", headers=of_page(origin="", content_type="")), 405),
    "GraphQL by GET without Sec-Fetch": (Request("GET", headers=(("host", HOST),)), 405),
    "encoded path": (Request("GET", raw="/%67raphql", headers=(("host", HOST),)), 405),
    "trailing slash": (Request("GET", "/graphql/", headers=(("host", HOST),)), 405),
    "doubled slash": (Request("GET", "//graphql", headers=(("host", HOST),)), 405),
    "HEAD": (Request("HEAD", headers=(("host", HOST),)), 405),
    "PUT": (Request("PUT", headers=of_page()), 405),
    "OPTIONS": (Request("OPTIONS", headers=of_page()), 405),
    # another origin
    "foreign origin": (Request(headers=of_page(origin=EVIL)), 403),
    "origin null": (Request(headers=of_page(origin="null")), 403),
    "origin with another port": (Request(headers=of_page(origin="http://127.0.0.1:8000")), 403),
    "origin with TLS": (Request(headers=of_page(origin=f"https://{HOST}")), 403),
    "origin that begins alike": (Request(headers=of_page(origin=f"{OWN}.evil.example")), 403),
    "origin with a user": (Request(headers=of_page(origin=f"http://{HOST}@evil.example")), 403),
    "origin of another loopback name": (Request(headers=of_page(origin="http://localhost:3000")), 403),
    "two origins": (Request(headers=(*of_page(), ("origin", EVIL))), 400),
    "same site": (Request(headers=of_page(origin="", sec_fetch_site="same-site")), 403),
    "cross site": (Request(headers=of_page(origin="", sec_fetch_site="cross-site")), 403),
    "unknown site": (Request(headers=of_page(sec_fetch_site="other")), 403),
    "a form's navigation": (Request(headers=(*link(), ("content-type", JSON))), 403),
    "frame": (Request("GET", "/runs", headers=link(sec_fetch_dest="iframe")), 403),
    "object": (Request("GET", "/runs", headers=link(sec_fetch_dest="object")), 403),
    "fetch of a page": (Request("GET", "/", headers=link(sec_fetch_mode="cors")), 403),
    "link to a run's debug file": (Request("GET", "/download_debug/1", headers=link()), 403),
    "link to a log": (Request("GET", "/logs/1/compute", headers=link()), 403),
    "link to a notebook": (Request("GET", "/notebook", headers=link()), 403),
    # another host: DNS rebinding and tricks
    "foreign host": (Request(headers=of_page(host="evil.example:3000")), 421),
    "rebound name": (Request(headers=of_page(host=REBOUND, origin=f"http://{REBOUND}")), 421),
    "no host": (Request(headers=of_page(host="")), 421),
    "host of another port": (Request(headers=of_page(host="127.0.0.1:80")), 421),
    "host without its port": (Request(headers=of_page(host="127.0.0.1")), 421),
    "host with a dot": (Request(headers=of_page(host="localhost.:3000")), 421),
    "host with a user": (Request(headers=of_page(host=f"{HOST}@evil.example")), 421),
    "user before the host": (Request(headers=of_page(host=f"evil@{HOST}")), 421),
    "two hosts": (Request(headers=(("host", "evil.example"), *of_page())), 400),
    "two hosts in one": (Request(headers=of_page(host=f"{HOST}, evil.example")), 421),
    "another spelling of loopback": (Request(headers=of_page(host="2130706433:3000")), 421),
    "all interfaces": (Request(headers=of_page(host="0.0.0.0:3000")), 421),
    "decimal port": (Request(headers=of_page(host="127.0.0.1:03000")), 421),
    # bodies that browsers send without asking first
    "text": (Request(headers=of_page(content_type="text/plain")), 415),
    "text that names JSON": (Request(headers=of_page(content_type="text/plain;a=application/json")), 415),
    "form": (Request(headers=of_page(content_type="application/x-www-form-urlencoded")), 415),
    "upload": (Request(headers=of_page(content_type="multipart/form-data; boundary=x")), 415),
    "GraphQL's own type": (Request(headers=of_page(content_type="application/graphql")), 415),
    "no type": (Request(headers=of_page(content_type="")), 415),
    "two types": (Request(headers=(*of_page(), ("content-type", "text/plain"))), 400),
    "a type that begins alike": (Request(headers=of_page(content_type="application/jsonx")), 415),
    # events of assets, and other routes that write
    "materialization": (Request(path="/report_asset_materialization/x/y", headers=of_page()), 403),
    "check": (Request(path="/report_asset_check/x", headers=(("host", HOST),)), 403),
    "observation": (Request(path="//report_asset_observation/x", headers=(("host", HOST),)), 403),
    "POST to a page": (Request(path="/runs", headers=of_page()), 405),
    # forms
    "foreign form": (Request(path="/sign-in", headers=form(origin=EVIL)), 403),
    "form of origin null": (Request(path="/sign-in", headers=form(origin="null")), 403),
    "form without an origin": (Request(path="/sign-in", headers=form(origin="")), 403),
    "cross-site form": (Request(path="/sign-out", headers=form(sec_fetch_site="cross-site")), 403),
    "form of another port": (Request(path="/directory/x", headers=form(origin="http://127.0.0.1:80")), 403),
    "form as text": (Request(path="/sign-in", headers=form(content_type="text/plain")), 415),
    "form upload": (Request(path="/directory/x", headers=form(content_type="multipart/form-data")), 415),
    "form as JSON": (Request(path="/directory/acme", headers=form(content_type=JSON)), 415),
    "form without a type": (Request(path="/sign-in", headers=form(content_type="")), 415),
    "form to GraphQL": (Request(headers=form()), 415),
    "form to a page of Dagster": (Request(path="/runs", headers=form()), 405),
    "form to a path like sign-in": (Request(path="/sign-in/", headers=form()), 405),
    "form to a path below sign-in": (Request(path="/sign-in/x", headers=form()), 405),
    "form beside the directory": (Request(path="/directory", headers=form()), 405),
    "form to a doubled slash": (Request(path="/directory//acme", headers=form()), 405),
    "form by PUT": (Request("PUT", "/sign-in", headers=form()), 405),
    "form to reports of events": (Request(path="/report_asset_check/x", headers=form()), 403),
    "DELETE": (Request("DELETE", "/runs", headers=of_page()), 405),
    # WebSockets
    "foreign WebSocket": (Request(websocket=True, headers=of_page(origin=EVIL)), 0),
    "WebSocket of origin null": (Request(websocket=True, headers=of_page(origin="null")), 0),
    "WebSocket of a foreign host": (Request(websocket=True, headers=of_page(host="evil.example")), 0),
    "cross-site WebSocket": (Request(websocket=True, headers=of_page(sec_fetch_site="cross-site")), 0),
    # line breaks and separators
    "line break": (Request("GET", "/runs\r\nx: y", raw="/runs%0d%0ax:%20y", headers=(("host", HOST),)), 400),
    "NUL": (Request("GET", "/runs\x00", raw="/runs%00", headers=(("host", HOST),)), 400),
    "backslash": (Request("GET", "/\\graphql", headers=(("host", HOST),)), 400),
    "encoded slash": (Request("GET", "//graphql", raw="/%2fgraphql", headers=(("host", HOST),)), 405),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_request_is_refused(case: str) -> None:
    request, status = HOSTILE[case]
    passed, answered, sent = answer(request)
    assert not passed
    assert answered == status
    if request.websocket:
        assert [(message["type"], message["code"]) for message in sent] == [
            ("websocket.close", 1008)
        ]
    else:
        text = sent[1]["body"].decode()
        assert 0 < len(text) < 200
        assert "evil" not in text  # nothing of the request is repeated
        assert (b"content-type", b"text/plain; charset=utf-8") in sent[0]["headers"]


WELCOME: Mapping[str, Request] = {
    "GraphQL of the UI": Request(headers=of_page()),
    "JSON with a charset": Request(headers=of_page(content_type="application/json; charset=utf-8")),
    "a program": Request(headers=(("host", HOST), ("content-type", JSON))),
    "a health check": Request("GET", "/server_info", headers=(("host", HOST),)),
    "a typed address": Request("GET", "/", headers=link(sec_fetch_site="none")),
    "a link in a mail": Request("GET", "/runs/1", headers=link()),
    "a script of the UI": Request("GET", "/_next/x.js", headers=of_page(origin="", sec_fetch_dest="script")),
    "a font of the UI": Request("GET", "/vendor/x.woff2", headers=of_page(sec_fetch_dest="font")),
    "a debug file": Request("GET", "/download_debug/1", headers=of_page(origin="")),
    "sign-in": Request(path="/sign-in", headers=form()),
    "sign-out": Request(path="/sign-out", headers=form()),
    "a form of a page": Request(path="/directory/acme/2026-11-30", headers=form()),
    "a WebSocket of the UI": Request(websocket=True, headers=of_page()),
    "a WebSocket of a program": Request(websocket=True, headers=(("host", HOST),)),
    "localhost": Request(headers=of_page(host="localhost:3000", origin="http://localhost:3000")),
    "IPv6": Request(headers=of_page(host="[::1]:3000", origin="http://[::1]:3000")),
    "capitals": Request(headers=of_page(host="LOCALHOST:3000", origin="http://LocalHost:3000")),
}  # fmt: skip


@pytest.mark.parametrize("case", WELCOME)
def test_a_request_of_the_ui_or_of_a_program_is_passed_on(case: str) -> None:
    passed, _, _ = answer(WELCOME[case])
    assert passed


def recorded_request(request: Mapping[str, Any]) -> Request:
    headers = dict(request["headers"])
    websocket = headers.pop("upgrade", "") == "websocket"
    return Request(
        request["method"], request["path"], headers=tuple(headers.items()), websocket=websocket
    )


@pytest.mark.parametrize(
    "request_", RECORDED, ids=lambda request: f"{request['method']} {request['path']}"
)
def test_what_dagsters_ui_requests_on_all_its_pages_is_passed_on(
    request_: Mapping[str, Any],
) -> None:
    passed, _, _ = answer(recorded_request(request_))
    assert passed


def test_the_recording_has_pages_files_graphql_and_a_websocket() -> None:
    requests = [recorded_request(request) for request in RECORDED]
    assert sum(request.path == "/graphql" and request.method == "POST" for request in requests)
    assert sum(request.websocket for request in requests)
    assert len({request.path for request in requests}) > 25


@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        ("dagster.acme.com", "https://dagster.acme.com", True),  # a proxy that keeps the host
        (HOST, "https://dagster.acme.com", True),  # one that does not
        ("dagster.acme.com", "http://dagster.acme.com.evil.example", False),
        ("dagster.acme.com:3000", "https://dagster.acme.com", False),
        ("acme.com", "https://acme.com", False),
        ("dagster.acme.com", "http://dagster.acme.com", False),  # a page that came without TLS
        (HOST, f"http://{HOST}", True),  # `ssh -L`
    ],
)
def test_the_public_address_is_one_more_name(host: str, origin: str, passes: bool) -> None:
    for address in ("https://dagster.acme.com/", "HTTPS://Dagster.acme.com:443"):
        names = Names.of("127.0.0.1", 3000, address)
        passed, _, _ = answer(Request(headers=of_page(host=host, origin=origin)), names)
        assert passed == passes


@pytest.mark.parametrize(
    ("listens", "public", "address"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:3000"),
        ("::1", None, "http://[::1]:3000"),
        ("0.0.0.0", "https://dagster.acme.com", "https://dagster.acme.com"),  # noqa: S104 - named only
    ],
)
def test_an_unknown_host_learns_the_right_address(
    listens: str, public: str | None, address: str
) -> None:
    _, status, sent = answer(Request(headers=(("host", "evil"),)), Names.of(listens, 3000, public))
    assert status == 421
    assert f"Open {address}, or start" in sent[-1]["body"].decode()


@pytest.mark.parametrize(
    ("listens", "host"), [("192.0.2.7", "192.0.2.7:3000"), ("2001:db8::7", "[2001:db8::7]:3000")]
)
def test_the_host_that_it_listens_on_is_one_more_name(listens: str, host: str) -> None:
    request = Request(headers=of_page(host=host, origin=f"http://{host}"))
    assert answer(request, Names.of(listens, 3000))[0]
    assert not answer(request)[0]


def test_every_answer_forbids_frames_and_keeps_dagsters_policy() -> None:
    _, _, sent = answer(WELCOME["a typed address"])
    headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    policies = [value for name, value in headers if name == "content-security-policy"]
    assert policies == ["script-src 'nonce-x'", POLICY]
    assert {(name.lower(), value) for name, value in HEADERS.items()} <= set(headers)
    _, _, refused = answer(HOSTILE["image"][0])
    assert (b"x-frame-options", b"DENY") in refused[0]["headers"]


TEXT = st.text(st.characters(codec="latin-1"), max_size=30)


@given(host=TEXT, origin=TEXT, path=TEXT)
def test_no_other_host_or_origin_ever_passes(host: str, origin: str, path: str) -> None:
    own = host.lower() in NAMES.hosts and origin.lower() == f"http://{host.lower()}"
    headers = (("host", host), ("origin", origin), ("content-type", JSON))
    passed, _, _ = answer(Request(path=f"/{path}", headers=headers))
    assert own or not passed
