"""Sign-in: nobody passes without a session or, for scripts, HTTP Basic authentication.

It is between the guard, which has refused what other sites send, and the pages and Dagster. It is plain ASGI,
because it must see WebSockets, too.
"""

import base64
import binascii
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from opensense_okta.web.accounts import DELAY, Accounts, TooManyAttempts
from opensense_okta.web.forms import TOKEN, is_token, read_form
from opensense_okta.web.open_sockets import serve_while
from opensense_okta.web.pages.rendering import POLICY, PRIVATE, page
from opensense_okta.web.passwords import PasswordFileMistake
from opensense_okta.web.sessions import DURATION, Session, Sessions
from opensense_okta.web.visitor import Visitor

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
HOME: Final = "/directory/"  # of the pages
OPEN: Final = f"{HOME}style.css"  # the sign-in page's, too
LOCAL: Final = re.compile(r"/(?![/\\])[^\\\x00-\x1f\x7f]*")
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="opensense-okta", charset="UTF-8"'}
HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": PRIVATE}

WRONG: Final = "The name or the password is wrong."
WRONG_TOKEN: Final = "This is not the token of this start. Take the newest link from the terminal."  # noqa: S105 - a sentence
TOO_OLD: Final = "The page was open too long, or the browser keeps no cookies. Try again."
TOO_MANY: Final = "Too many wrong passwords were sent. Try again in a few minutes."
UNUSABLE: Final = (
    "The password file cannot be used, so nobody can sign in. The log of the UI names the mistake."
)

_log = logging.getLogger(__name__)


class SignIn:
    """An ASGI application that passes on what a visitor sends, with `scope["user"]`, a `Visitor`.

    Args:
        app: the pages and Dagster.
        accounts: who may sign in.
        port: of the server. It is in the cookie's name: a browser sends cookies to all ports of a host.
        secure: whether browsers use TLS, so that they send the cookie by TLS only.
        read_only: whether visitors change nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        port: int,
        *,
        secure: bool = False,
        read_only: bool = False,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._sessions = Sessions()
        self._secure = secure
        self._read_only = read_only
        self._cookie = f"{'__Host-' if secure else ''}opensense_okta_{port}"
        self._form_cookie = f"{self._cookie}_form"
        self._reported = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what concerns signing in, and passes on what a visitor sends."""
        if scope["type"] == "lifespan" or scope["path"] == OPEN:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        answer: Response | None = None
        try:
            session = self._session(connection)
            visitor = await self._visitor(connection, session)
            if scope["type"] == "http":
                answer = await self._own_page(Request(scope, receive), visitor, session)
        except TooManyAttempts:
            answer = PlainTextResponse(TOO_MANY, 429, {"Retry-After": f"{60 * DELAY:.0f}"})
            visitor = None
        except PasswordFileMistake as mistake:
            self._report(mistake)
            answer = PlainTextResponse(UNUSABLE, 503)
            visitor = None
        if visitor and answer is None:
            await self._pass_on(visitor, {**scope, "user": visitor}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "Sign in first."})
        else:
            answer = answer or _refused(connection)
            answer.headers.setdefault("Cache-Control", PRIVATE)
            await answer(scope, receive, send)

    async def _pass_on(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        by_session = self._session(connection) is not None
        known = self._accounts.known(visitor.name)

        def is_signed_in() -> bool:
            try:
                if by_session and self._session(connection) is None:
                    return False
                return self._accounts.known(visitor.name) == known
            except PasswordFileMistake:
                return False

        await serve_while(is_signed_in, self._app, scope, receive, send)

    def _session(self, connection: HTTPConnection) -> Session | None:
        cookie = connection.cookies.get(self._cookie)
        return self._sessions.find(cookie, self._accounts.known) if cookie else None

    async def _visitor(self, connection: HTTPConnection, session: Session | None) -> Visitor | None:
        """Who sends a request: credentials of a script count more than a cookie."""
        credentials = _basic(connection.headers.get("authorization", ""))
        if credentials is None:
            if session is None:
                return None
            return self._known(session.name, session.id)
        admitted = await self._accounts.admit(*credentials)
        return None if admitted is None else self._known(admitted[0], "")

    def _known(self, name: str | None, session: str) -> Visitor:
        token = self._sessions.digest("form", session, name or "")
        return Visitor(name, self._read_only, token)

    async def _own_page(
        self, request: Request, visitor: Visitor | None, session: Session | None
    ) -> Response | None:
        path, method = request.scope["path"], request.method
        if path == SIGN_IN and method == "POST":
            return await self._signed_in(request)
        if path == SIGN_IN and "token" in request.query_params and not self._accounts.named:
            return await self._opened_link(request)
        if path == SIGN_IN:
            return self._page(request, visitor)
        if path == SIGN_OUT and method == "POST":
            if session:
                self._sessions.finish(session)
            answer = RedirectResponse(SIGN_IN, 303)
            answer.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="lax")
            return answer
        return RedirectResponse(SIGN_IN, 303) if path == SIGN_OUT else None

    async def _signed_in(self, request: Request) -> Response:
        """The answer to a form that was filled in on the page."""
        try:
            fields = await read_form(request)
        except HTTPException as refused:
            return self._page(request, None, {}, refused.detail, refused.status_code)
        nonce = request.cookies.get(self._form_cookie, "")
        if not nonce or not is_token(
            fields.get(TOKEN, ""), self._sessions.digest("sign-in", nonce)
        ):
            return self._page(request, None, fields, TOO_OLD, 403)
        try:
            admitted = await self._accounts.admit(
                fields.get("name", ""), fields.get("password", "")
            )
        except TooManyAttempts:
            return self._page(request, None, fields, TOO_MANY, 429)
        if admitted is None:
            return self._page(request, None, fields, self._wrong, 403)
        return self._begun(admitted[0], fields.get("next", ""))

    async def _opened_link(self, request: Request) -> Response:
        """The answer to the link of this start. It works until the program ends, as Jupyter's does."""
        query = request.query_params
        admitted = await self._accounts.admit("", query["token"])
        if admitted is None:
            return self._page(request, None, {}, self._wrong, 403)
        return self._begun(admitted[0], query.get("next", ""))

    @property
    def _wrong(self) -> str:
        return WRONG if self._accounts.named else WRONG_TOKEN

    def _begun(self, name: str | None, wanted: str) -> Response:
        """Begins a session, and leads to the page that the visitor wanted."""
        answer = RedirectResponse(local_path(wanted), 303)
        answer.set_cookie(
            self._cookie,
            self._sessions.begin(name, self._accounts.known(name) or ""),
            max_age=int(DURATION.total_seconds()),
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    def _page(
        self,
        request: Request,
        visitor: Visitor | None,
        fields: Mapping[str, str] | None = None,
        mistake: str = "",
        status: int = 200,
    ) -> Response:
        """The form; for somebody who is signed in, the button that signs out."""
        given = request.query_params if fields is None else fields
        nonce = request.cookies.get(self._form_cookie) or secrets.token_urlsafe(16)
        answer = page(
            request,
            "sign_in",
            status,
            home=HOME,
            signed_in=visitor,
            named=self._accounts.named,
            form_token=self._sessions.digest("sign-in", nonce),
            name=fields.get("name", "") if fields else "",
            wanted=local_path(given.get("next", "")),
            mistake=mistake,
        )
        answer.headers.update(HEADERS)
        # Another site, or another server of this host, cannot make a browser sign in as somebody else: it
        # does not know what belongs to the cookie.
        answer.set_cookie(
            self._form_cookie, nonce, secure=self._secure, httponly=True, samesite="strict"
        )
        return answer

    def _report(self, mistake: PasswordFileMistake) -> None:
        """Logs a mistake of the password file, once."""
        if str(mistake) != self._reported:
            self._reported = str(mistake)
            _log.error("%s", mistake)


def local_path(wanted: str) -> str:
    """A path of this server, from a text that a link or form contains; `/` if it is none.

    Browsers read two slashes, or a slash and a backslash, as the beginning of another host, and leave out
    line breaks and tabs.
    """
    own = all(LOCAL.fullmatch(text) for text in (wanted, unquote(wanted), unquote(unquote(wanted))))
    return wanted if own and wanted.partition("?")[0] not in (SIGN_IN, SIGN_OUT) else "/"


def _basic(header: str) -> tuple[str, str] | None:
    """The name and password of a header (RFC 7617); None: it has none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


def _refused(connection: HTTPConnection) -> Response:
    """The answer to a stranger. Only programs are asked for a password: browsers would show a dialog."""
    headers, scope = connection.headers, connection.scope
    mode = headers.get("sec-fetch-mode")
    opens = mode == "navigate" or (mode is None and "text/html" in headers.get("accept", ""))
    if scope["method"] == "GET" and opens:
        asked = scope.get("raw_path", b"").decode("latin-1") or quote(scope["path"])
        query = scope["query_string"].decode("latin-1")
        wanted = local_path(f"{asked}?{query}" if query else asked)
        suffix = "" if wanted == "/" else f"?next={quote(wanted, safe='/')}"
        return RedirectResponse(f"{SIGN_IN}{suffix}", 303)
    by_program = mode is None and "origin" not in headers
    return PlainTextResponse("Sign in first.\n", 401, CHALLENGE if by_program else None)
