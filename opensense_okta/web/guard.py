"""The guard in front of Dagster's UI: no other web page acts or reads through a visitor's browser.

Dagster's web server runs mutations that come by GET, and looks at neither `Origin` nor `Host` (tried with
1.13.27): a picture in an e-mail could start runs. The guard refuses such requests before Dagster sees them.
Programs other than browsers send neither `Origin` nor `Sec-Fetch-Site` and pass.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
GRAPHQL: Final = "/graphql"
PROGRAMS_ONLY: Final = (
    "/report_asset_materialization",
    "/report_asset_check",
    "/report_asset_observation",
)
"""Dagster's routes that write events of any asset; nothing of this program uses them."""

FORMS: Final = ("/sign-in", "/sign-out")
FORMS_BELOW: Final = "/directory/"
"""Routes that take forms, from own pages only."""

NO_PAGES: Final = (GRAPHQL, "/logs", "/notebook", "/dagit", "/download_debug")
"""Routes to which no other site may link."""

ONCE: Final = (
    "host",
    "origin",
    "content-type",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
)
"""Headers that count only if a request has them once."""

OWN_SITE: Final = (None, "none", "same-origin")
UNUSUAL: Final = re.compile(r"[\x00-\x1f\x7f\\]")
"""Characters that a path of the UI never has."""

HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY: Final = "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
"""Beside Dagster's own content security policy: a browser applies both."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the status, and a sentence."""

    status: int
    reason: str


@dataclass(frozen=True)
class Names:
    """The names under which the UI answers.

    Attributes:
        hosts: each with its port, as in the header `Host`.
        address: under which browsers reach it.
        public_origin: the origin of the public address, such as `https://dagster.acme.com`; None: there is
            none.
    """

    hosts: frozenset[str]
    address: str
    public_origin: str | None = None

    @classmethod
    def of(cls, host: str, port: int, public_url: str | None = None) -> "Names":
        """The loopback names and the host, each with the port, and the public address."""
        own = f"[{host}]" if ":" in host else host.lower()
        names = [*LOOPBACK, own]
        hosts = {f"{name}:{port}" for name in names}
        if port == 80:
            hosts.update(names)
        if public_url is None:
            return cls(frozenset(hosts), f"http://{own}:{port}")
        public = urlsplit(public_url.lower())
        netloc = public.netloc.removesuffix(DEFAULT_PORTS[public.scheme])  # browsers leave it out
        origin = f"{public.scheme}://{netloc}"
        return cls(frozenset({*hosts, netloc}), origin, origin)

    def origins(self, host: str) -> set[str]:
        """The origins of own pages of a request with this `Host`.

        A page of the public address without TLS is foreign: anybody on the way can write it.
        """
        if self.public_origin is None:
            return {f"http://{host}"}
        is_public = urlsplit(self.public_origin).netloc == host
        return {self.public_origin} if is_public else {f"http://{host}", self.public_origin}


class Guard:
    """An ASGI application that passes on what comes from its own pages and from programs."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or passes it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = refusal(scope, self._names)
        if scope["type"] == "websocket":
            if refused:
                await send({"type": "websocket.close", "code": 1008, "reason": refused.reason})
            else:
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.append("Content-Security-Policy", POLICY)
            await send(message)

        if refused is None:
            await self._app(scope, receive, send_guarded)
        else:
            answer = PlainTextResponse(f"{refused.reason}\n", refused.status)
            await answer(scope, receive, send_guarded)


def refusal(scope: Scope, names: Names) -> Refusal | None:
    """Why a request is refused; None: it is passed on."""
    headers = Headers(scope=scope)
    doubled = [name for name in ONCE if len(headers.getlist(name)) > 1]
    if doubled:
        return Refusal(400, f"The request has several headers {doubled[0]}.")
    host = headers.get("host", "").lower()
    if host not in names.hosts:
        return Refusal(
            421,
            f"This server does not answer under that name. Open {names.address}, or start"
            " `opensense-okta ui` with `--public-url` and the address in your browser.",
        )
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in names.origins(host):
        return Refusal(403, "The request comes from a page of another site.")
    if UNUSUAL.search(scope["path"]):
        return Refusal(400, "The path has characters that no path of this server has.")
    path = _plain(scope["path"])
    foreign = headers.get("sec-fetch-site") not in OWN_SITE
    if foreign and not _is_link(scope, headers, path):
        return Refusal(403, "The request comes from a page of another site.")
    return None if scope["type"] == "websocket" else _refused_method(scope, path, headers)


def _plain(path: str) -> str:
    """A path without doubled or trailing slashes."""
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def _is_link(scope: Scope, headers: Headers, path: str) -> bool:
    """Whether a visitor followed a link, as from a mail or chat, to a page."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and not _is_below(path, (*NO_PAGES, *PROGRAMS_ONLY))
    )


def _refused_method(scope: Scope, path: str, headers: Headers) -> Refusal | None:
    if _is_below(path, PROGRAMS_ONLY):
        return Refusal(403, "Events of assets cannot be reported here.")
    if scope["method"] == "POST" and _takes_forms(scope["path"]):
        return _refused_form(headers)
    if path == GRAPHQL:
        return _refused_query(scope["method"], headers)
    if scope["method"] not in ("GET", "HEAD"):
        return Refusal(405, "Only GraphQL and forms take data.")
    return None


def _refused_query(method: str, headers: Headers) -> Refusal | None:
    if method != "POST":
        return Refusal(405, "GraphQL is asked by POST.")
    if _media_type(headers) != "application/json":
        return Refusal(415, "The body must be JSON, with `Content-Type: application/json`.")
    return None


def _takes_forms(path: str) -> bool:
    return path in FORMS or (path.startswith(FORMS_BELOW) and path == _plain(path))


def _refused_form(headers: Headers) -> Refusal | None:
    """Why a form is refused. Browsers send its origin, which has been compared with the own ones."""
    if "origin" not in headers:
        return Refusal(403, "A form is sent from a page of this server.")
    if _media_type(headers) != "application/x-www-form-urlencoded":
        return Refusal(415, "The body must be a form: `application/x-www-form-urlencoded`.")
    return None


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_below(path: str, routes: Sequence[str]) -> bool:
    return any(path == route or path.startswith(f"{route}/") for route in routes)
