"""Sign-in: who passes, for how long, and what hostile requests get."""

import asyncio
import base64
import html
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opensense_okta.web import accounts as accounts_module
from opensense_okta.web.accounts import DELAY, MOST_WAITING, REMEMBERED, Accounts
from opensense_okta.web.guard import Guard, Names
from opensense_okta.web.passwords import PasswordFile
from opensense_okta.web.sessions import DURATION
from opensense_okta.web.sign_in import SignIn, local_path
from tests.support.signing_in import HASH, PASSWORD, cheap, write_users

HOST = "127.0.0.1:3000"
ORIGIN = f"http://{HOST}"
COOKIE = "opensense_okta_3000"
NOON = "2026-11-30 12:00Z"
OPENS = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"}
ADA = ("ada", PASSWORD)


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that shows who asks."""
    visitor = HTTPConnection(scope).user
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        text = f"{scope['method']} {scope['path']} by {visitor.name}"
        headers = {"form-token": visitor.form_token, "read-only": str(visitor.read_only)}
        await PlainTextResponse(text, headers=headers)(scope, receive, send)


@dataclass
class Naps:
    """Sleep that takes no time, and how long it was asked for."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


class Browser:
    """Keeps cookies, and follows no redirects."""

    def __init__(self, app: ASGIApp, origin: str = ORIGIN) -> None:
        self._app = app
        self._origin = origin
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url=self._origin, cookies=self.cookies
            ) as client:
                response = await client.request(method, path, **request)
                self.cookies = client.cookies
                return response

        return asyncio.run(answer())

    def open(self, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        """A visitor opens a page."""
        return self.ask("GET", path, headers=OPENS, **request)

    def fill(self, **changed: str) -> dict[str, str]:
        """The fields of the form on the sign-in page, filled in."""
        page = self.open("/sign-in").text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        return {**hidden, "name": "ada", "password": PASSWORD, **changed}

    def send(self, fields: Mapping[str, str]) -> httpx.Response:
        """Sends the form."""
        return self.ask("POST", "/sign-in", headers={"origin": self._origin}, data=fields)

    def sign_in(self, **changed: str) -> httpx.Response:
        """Opens the page, fills it in and sends it."""
        return self.send(self.fill(**changed))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    write_users(
        file, f"ada:{HASH}\nzoë:{cheap('naïve password')}\nbob@acme.com:{cheap('a:b:c::')}\n"
    )
    return file


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def accounts(file: Path, naps: Naps) -> Accounts:
    return Accounts(PasswordFile(file), naps)


@pytest.fixture
def app(accounts: Accounts) -> Guard:
    return guarded(SignIn(pages, accounts, 3000))


@pytest.fixture
def browser(app: Guard) -> Browser:
    return Browser(app)


def guarded(app: ASGIApp) -> Guard:
    return Guard(app, Names.of("127.0.0.1", 3000, "https://dagster.acme.com"))


def who(response: httpx.Response) -> str | None:
    """Who the pages believe asks; None: the request has not reached them."""
    found = re.fullmatch(r"\w+ /\S* by (\S+)", response.text)
    return found and found[1]


# The form and the session.


def test_a_user_signs_in_and_comes_back_to_the_page(browser: Browser) -> None:
    led = browser.open("/directory/acme?day=2026-11-30&q=a%26b")
    assert led.status_code == 303
    page = browser.open(led.headers["location"])
    assert page.status_code == 200
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    signed_in = browser.send(
        {
            **{name: html.unescape(value) for name, value in fields.items()},
            "name": "ada",
            "password": PASSWORD,
        }
    )
    assert signed_in.status_code == 303
    assert signed_in.headers["location"] == "/directory/acme?day=2026-11-30&q=a%26b"
    assert who(browser.open(signed_in.headers["location"])) == "ada"
    assert who(browser.ask("POST", "/graphql", json={"query": "{ version }"})) == "ada"


def test_the_cookie_is_for_this_port_and_out_of_reach_of_scripts(browser: Browser) -> None:
    (cookie,) = browser.sign_in().headers.get_list("set-cookie")
    value, *attributes = cookie.split("; ")
    assert value.startswith(f"{COOKIE}=")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax"]
    claims = value.split(".")[1]
    shown = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode()
    assert HASH not in shown
    assert PASSWORD not in shown


def test_behind_tls_the_cookies_are_sent_by_tls_only(accounts: Accounts) -> None:
    browser = Browser(
        guarded(SignIn(pages, accounts, 3000, secure=True)), "https://dagster.acme.com"
    )
    (form,) = browser.open("/sign-in").headers.get_list("set-cookie")
    (cookie,) = browser.sign_in().headers.get_list("set-cookie")
    assert form.startswith(f"__Host-{COOKIE}_form=")
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "; Secure" in form
    assert "; Secure" in cookie
    assert who(browser.open("/")) == "ada"


def test_a_session_ends_after_twelve_hours(browser: Browser) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        browser.sign_in()
        kept = browser.cookies[COOKIE]
        clock.shift(DURATION - timedelta(seconds=1))
        assert who(browser.open("/")) == "ada"
        clock.shift(timedelta(seconds=2))
        late = browser.ask("GET", "/", headers={**OPENS, "cookie": f"{COOKIE}={kept}"})
        assert late.headers["location"] == "/sign-in"


def test_a_session_ends_when_the_user_is_removed_or_has_a_new_password(
    browser: Browser, file: Path
) -> None:
    browser.sign_in()
    write_users(file, f"bob:{HASH}\n")
    assert who(browser.open("/")) is None
    write_users(file, f"ada:{HASH}\n")
    assert who(browser.open("/")) == "ada"
    write_users(file, f"ada:{cheap('battery staple')}\n")
    assert who(browser.open("/")) is None


def test_signing_out_ends_the_session_also_for_a_copy_of_the_cookie(browser: Browser) -> None:
    browser.sign_in()
    kept = browser.cookies[COOKIE]
    page = browser.open("/sign-in").text
    assert "You are" in page
    assert '<form method="post" action="/sign-out">' in page
    assert browser.open("/sign-out").headers["location"] == "/sign-in"
    assert who(browser.open("/")) == "ada"  # a link signs nobody out
    form = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    out = browser.ask("POST", "/sign-out", headers=form)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert COOKIE not in browser.cookies
    assert who(browser.ask("GET", "/", headers={**OPENS, "cookie": f"{COOKIE}={kept}"})) is None
    browser.sign_in()
    assert who(browser.open("/")) == "ada"


def test_each_session_has_its_own_form_token(app: Guard) -> None:
    tokens = set()
    for _ in range(2):
        browser = Browser(app)
        browser.sign_in()
        tokens |= {browser.open(path).headers["form-token"] for path in ("/", "/directory/acme")}
    assert len(tokens) == 2
    assert all(len(token) == 64 for token in tokens)


@pytest.mark.parametrize("read_only", [False, True])
def test_pages_know_whether_the_visitor_may_change_something(
    accounts: Accounts, read_only: bool
) -> None:
    browser = Browser(guarded(SignIn(pages, accounts, 3000, read_only=read_only)))
    browser.sign_in()
    for credentials in (None, ADA):
        shown = browser.open("/directory/acme", auth=credentials)
        assert shown.headers["read-only"] == str(read_only)


def test_the_page_is_labelled_and_its_mistake_is_an_alert(browser: Browser) -> None:
    page = browser.open("/sign-in")
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers.get_list("content-security-policy")[0]
    assert "default-src 'none'; style-src 'self';" in policy
    assert "form-action 'self'" in policy
    assert 'name="viewport"' in page.text
    assert "role=" not in page.text
    for name in ("name", "password"):
        assert f'<label for="{name}">' in page.text
        assert f'<input id="{name}" name="{name}"' in page.text
    wrong = browser.sign_in(name="<b>", password="wrong one")
    assert wrong.status_code == 403
    assert (
        '<p role="alert" id="mistake" class="bad">The name or the password is wrong.</p>'
        in wrong.text
    )
    assert 'value="&lt;b&gt;"' in wrong.text
    assert "wrong one" not in wrong.text
    assert wrong.text.count('aria-describedby="mistake"') == 2


# Scripts.


def basic(text: str | bytes, scheme: str = "Basic") -> dict[str, str]:
    content = text if isinstance(text, bytes) else text.encode()
    return {"authorization": f"{scheme} {base64.b64encode(content).decode()}"}


def test_a_script_sends_its_password_with_each_request(browser: Browser) -> None:
    asked = browser.ask("POST", "/graphql", json={"query": "{ version }"}, auth=ADA)
    assert who(asked) == "ada"
    assert "set-cookie" not in asked.headers
    assert who(browser.ask("GET", "/", headers=basic("zoë:naïve password", "bAsIc"))) == "zoë"
    assert who(browser.ask("GET", "/", headers=basic("bob@acme.com:a:b:c::"))) == "bob@acme.com"
    asked = browser.ask("GET", "/")
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"] == 'Basic realm="opensense-okta", charset="UTF-8"'


NO_CREDENTIALS = {
    "no colon": basic("ada"),
    "nothing": basic(""),
    "no base64": {"authorization": "Basic %%%"},
    "the scheme only": {"authorization": "Basic"},
    "Latin-1": basic("zoë:naïve password".encode("latin-1")),
    "another scheme": {"authorization": f"Bearer {PASSWORD}"},
}


@pytest.mark.parametrize("case", NO_CREDENTIALS)
def test_what_is_no_password_is_answered_at_once(browser: Browser, naps: Naps, case: str) -> None:
    assert browser.ask("GET", "/", headers=NO_CREDENTIALS[case]).status_code == 401
    assert naps.seconds == []


WRONG = {
    "wrong password": "ada:wrong one",
    "empty password": "ada:",
    "unknown user": f"bob:{PASSWORD}",
    "no name": f":{PASSWORD}",
    "a colon more": f"ada:{PASSWORD}:",
    "another user's password": "ada:naïve password",
    "the hash": f"ada:{HASH}",
    "a capital": f"Ada:{PASSWORD}",
    "a NUL": f"ada\0:{PASSWORD}",
    "a long password": f"ada:{PASSWORD * 1000}",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_password_waits(browser: Browser, naps: Naps, case: str) -> None:
    assert browser.ask("GET", "/", headers=basic(WRONG[case])).status_code == 401
    assert naps.seconds == [DELAY]


def test_a_browser_is_never_asked_by_a_dialog(browser: Browser) -> None:
    for mode in ("cors", "no-cors", "same-origin"):
        headers = {"sec-fetch-mode": mode, "sec-fetch-site": "same-origin"}
        refused = browser.ask("GET", "/directory/acme", headers=headers)
        assert refused.status_code == 401
        assert "www-authenticate" not in refused.headers
    asked = browser.ask("POST", "/graphql", json={}, headers={"origin": ORIGIN})
    assert (asked.status_code, "www-authenticate" in asked.headers) == (401, False)


def test_a_right_password_is_remembered_for_five_minutes(
    browser: Browser, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    def count(password: str, known: str) -> bool:
        verified.append(password)
        return known == HASH and password == PASSWORD

    monkeypatch.setattr(accounts_module, "is_password", count)
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(3):
            assert who(browser.ask("GET", "/", auth=ADA)) == "ada"
        assert len(verified) == 1
        browser.ask("GET", "/", auth=("ada", "wrong one"))
        assert len(verified) == 2
        clock.shift(REMEMBERED)
        assert who(browser.ask("GET", "/", auth=ADA)) == "ada"
        assert len(verified) == 3
        write_users(file, f"bob:{HASH}\n")
        assert browser.ask("GET", "/", auth=ADA).status_code == 401


def test_an_unknown_user_is_verified_like_a_known_one(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    def count(password: str, known: str) -> bool:
        verified.append(known)
        return password == PASSWORD

    monkeypatch.setattr(accounts_module, "is_password", count)
    assert browser.ask("GET", "/", auth=("nobody", PASSWORD)).status_code == 401
    assert verified == [HASH]


# Many wrong ones.


def test_wrong_ones_wait_behind_each_other_and_a_right_one_does_not(file: Path) -> None:
    gate, asleep, naps = asyncio.Event(), asyncio.Event(), list[float]()

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        asleep.set()
        await gate.wait()

    app = guarded(SignIn(pages, Accounts(PasswordFile(file), sleep), 3000))

    async def story() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            wrong = [client.get("/", auth=("ada", f"wrong {n}")) for n in range(20)]
            waiting = asyncio.gather(*wrong)
            await asleep.wait()
            assert who(await client.get("/", auth=ADA)) == "ada"
            assert naps == [DELAY]  # the others wait behind it
            gate.set()
            assert {answer.status_code for answer in await waiting} == {401}

    asyncio.run(story())
    assert naps == [DELAY] * 20


def test_of_a_hundred_wrong_ones_no_more_are_verified(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, verified = asyncio.Event(), list[str]()

    async def sleep(_seconds: float) -> None:
        await gate.wait()

    def wrong(password: str, _known: str) -> bool:
        verified.append(password)
        return False

    monkeypatch.setattr(accounts_module, "is_password", wrong)
    accounts = Accounts(PasswordFile(file), sleep)
    app = guarded(SignIn(pages, accounts, 3000))

    async def story() -> None:
        waiting = [
            asyncio.create_task(accounts.admit("ada", f"wrong {n}")) for n in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            refused = await client.get("/", auth=("ada", "one more"))
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
            assert (await client.get("/")).status_code == 401  # strangers are answered at once
        gate.set()
        assert await asyncio.gather(*waiting) == [None] * MOST_WAITING

    asyncio.run(story())
    assert len(verified) == MOST_WAITING
    assert "one more" not in verified


def test_other_requests_are_answered_while_a_password_is_verified(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(_password: str, _known: str) -> bool:
        begun.set()
        return go.wait(timeout=60)

    monkeypatch.setattr(accounts_module, "is_password", slow)
    app = guarded(SignIn(pages, Accounts(PasswordFile(file)), 3000))

    async def story() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            verifying = asyncio.create_task(client.get("/", auth=ADA))
            await asyncio.to_thread(begun.wait, 60)
            assert (await client.get("/sign-in")).status_code == 200
            go.set()
            assert who(await verifying) == "ada"

    asyncio.run(story())


# Without users: the link of this start.


def test_the_link_of_this_start_signs_in_and_loses_its_token(naps: Naps, file: Path) -> None:
    accounts = Accounts(None, naps)
    browser = Browser(guarded(SignIn(pages, accounts, 3000)))
    for _ in range(2):  # it works until the program ends
        led = browser.open("/sign-in", params={"token": accounts.link_token})
        assert (led.status_code, led.headers["location"]) == (303, "/")
        assert led.headers["cache-control"] == "no-store"
    assert who(browser.open("/")) == "None"
    other = Browser(guarded(SignIn(pages, Accounts(None, naps), 3000)))
    refused = other.open("/sign-in", params={"token": accounts.link_token})
    assert refused.status_code == 403
    assert "Take the newest link from the terminal." in refused.text
    assert accounts.link_token not in refused.text
    assert other.open("/sign-in", params={"token": ""}).status_code == 403
    named = Browser(guarded(SignIn(pages, Accounts(PasswordFile(file)), 3000)))
    assert named.open("/sign-in", params={"token": ""}).status_code == 200
    assert who(named.open("/")) is None


def test_the_token_can_be_entered_and_scripts_can_send_it(naps: Naps) -> None:
    accounts = Accounts(None, naps)
    browser = Browser(guarded(SignIn(pages, accounts, 3000)))
    assert 'name="name"' not in browser.open("/sign-in").text
    assert browser.sign_in(password="no token").status_code == 403
    assert browser.sign_in(password=accounts.link_token).status_code == 303
    assert "so you have no name" in browser.open("/sign-in").text
    asked = Browser(guarded(SignIn(pages, accounts, 3000))).ask(
        "POST", "/graphql", json={}, auth=("", accounts.link_token)
    )
    assert who(asked) == "None"


# Hostile requests.


def forged(algorithm: str = "HS256", **claims: object) -> str:
    whole = {"jti": "x", "exp": 4_000_000_000, "known": "x", "sub": "ada", **claims}
    return jwt.encode({"alg": algorithm}, whole, OctKey.generate_key(256))


UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
FORGED = {
    "another key": forged(),
    "no signature": f"{UNSIGNED}.{forged().split('.')[1]}.",
    "no token": "ada",
    "empty": "",
    "no end": forged(exp=None),
    "dots": "....",
    "not ASCII": "a.b.\xe4",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_cookie_is_no_session(browser: Browser, case: str) -> None:
    headers = {**OPENS, "cookie": f"{COOKIE}={FORGED[case]}".encode("latin-1")}
    assert browser.ask("GET", "/", headers=headers).headers["location"] == "/sign-in"


def test_a_cookie_of_another_start_or_port_is_no_session(browser: Browser, file: Path) -> None:
    browser.sign_in()
    value = browser.cookies[COOKIE]
    assert who(browser.open("/")) == "ada"
    again = Browser(guarded(SignIn(pages, Accounts(PasswordFile(file)), 3000)))
    other = Browser(guarded(SignIn(pages, Accounts(PasswordFile(file)), 3001)))
    for elsewhere in (again, other):
        headers = {**OPENS, "cookie": f"{COOKIE}={value}; opensense_okta_3001={value}"}
        assert who(elsewhere.ask("GET", "/", headers=headers)) is None
    changed = value[:-2] + ("AA" if value[-2:] != "AA" else "BB")
    headers = {**OPENS, "cookie": f"{COOKIE}={changed}"}
    assert who(browser.ask("GET", "/", headers=headers)) is None


HOSTILE: Mapping[str, tuple[dict[str, Any], int]] = {
    "foreign origin": ({"headers": {"origin": "https://evil.example"}}, 403),
    "origin of another port": ({"headers": {"origin": "http://127.0.0.1:8000"}}, 403),
    "origin null": ({"headers": {"origin": "null"}}, 403),
    "no origin": ({"headers": {}}, 403),
    "cross-site": ({"headers": {"origin": ORIGIN, "sec-fetch-site": "cross-site"}}, 403),
    "text": ({"headers": {"origin": ORIGIN, "content-type": "text/plain"}}, 415),
    "JSON": ({"headers": {"origin": ORIGIN, "content-type": "application/json"}}, 415),
    "upload": ({"headers": {"origin": ORIGIN, "content-type": "multipart/form-data"}}, 415),
    "too long": ({"change": {"password": "x" * 20_000}}, 413),
    "without the token of the page": ({"change": {"form_token": ""}}, 403),
    "with another token": ({"change": {"form_token": "0" * 64}}, 403),
    "a field twice": ({"body": "name=ada&name=zoë"}, 400),
    "no form": ({"body": "{}"}, 400),
    "nothing": ({"body": ""}, 403),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_form_signs_nobody_in(browser: Browser, naps: Naps, case: str) -> None:
    request, status = HOSTILE[case]
    fields = {**browser.fill(), **request.get("change", {})}
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN}
    if "headers" in request:
        headers = {"content-type": headers["content-type"], **request["headers"]}
    body = request.get("body") or "&".join(f"{n}={quote(v, safe='')}" for n, v in fields.items())
    content = "" if request.get("body") == "" else body
    refused = browser.ask("POST", "/sign-in", headers=headers, content=content)
    assert refused.status_code == status
    assert COOKIE not in browser.cookies
    assert naps.seconds == []  # no password was tried


def test_a_form_of_another_browser_signs_nobody_in(app: Guard) -> None:
    victim, attacker = Browser(app), Browser(app)
    fields = attacker.fill()
    victim.open("/sign-in")
    refused = victim.send(fields)
    assert refused.status_code == 403
    assert "The page was open too long" in refused.text
    assert COOKIE not in victim.cookies
    victim.cookies.clear()
    assert victim.send(fields).status_code == 403


def test_two_tabs_can_be_signed_in_one_after_the_other(browser: Browser) -> None:
    first, second = browser.fill(), browser.fill()
    assert browser.send(second).status_code == 303
    assert browser.send(first).status_code == 303


def test_a_password_in_an_address_signs_nobody_in(browser: Browser, naps: Naps) -> None:
    asked = browser.open("/sign-in", params=browser.fill())
    assert asked.status_code == 200
    assert COOKIE not in browser.cookies
    assert PASSWORD not in asked.text
    assert naps.seconds == []


LOCAL = [
    "/",
    "/runs",
    "/directory/acme/2026-11-30?q=a%26b&x=%2F",
    "/directory/%C3%A4",
    "/a//b",
    "/a:b@c",
]
FOREIGN = [
    "",
    "runs",
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%2Fevil.example",
    "/%5Cevil.example",
    "%2F%2Fevil.example",
    "/%252Fevil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "\n//evil.example",
    "/runs\r\nset-cookie: x=y",
    "/runs%0d%0aset-cookie:%20x=y",
    "javascript:alert(1)",
    " //evil.example",
    "/sign-out",
    "/sign-in?next=/",
]


@pytest.mark.parametrize("wanted", LOCAL)
def test_sign_in_leads_to_a_page_of_this_server(browser: Browser, wanted: str) -> None:
    assert local_path(wanted) == wanted
    assert browser.sign_in(next=wanted).headers["location"] == wanted


@pytest.mark.parametrize("wanted", FOREIGN)
def test_sign_in_leads_nowhere_else(browser: Browser, wanted: str) -> None:
    assert local_path(wanted) == "/"
    page = browser.open(f"/sign-in?next={quote(wanted, safe='')}")
    assert '<input type="hidden" name="next" value="/">' in page.text
    answer = browser.sign_in(next=wanted)
    assert answer.headers["location"] == "/"
    assert len(answer.headers.get_list("set-cookie")) == 1


# The password file changes while the UI runs.


def test_a_file_with_a_mistake_lets_nobody_in_and_is_logged_once(
    browser: Browser, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    browser.sign_in()
    write_users(file, f"ada:{HASH}\nbob\n")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            refused = browser.open("/directory/acme")
            assert refused.status_code == 503
            assert "The log of the UI names the mistake." in refused.text
            assert str(file) not in refused.text
        assert browser.ask("GET", "/", auth=ADA).status_code == 503
    (record,) = caplog.records
    assert "line 2" in record.getMessage()
    write_users(file, f"ada:{HASH}\n")
    assert who(browser.open("/directory/acme")) == "ada"


# WebSockets.


def websocket(app: Guard, *headers: tuple[str, str]) -> Message:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in (("host", HOST), *headers)],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]


def test_a_websocket_needs_the_session_or_a_password(browser: Browser, app: Guard) -> None:
    browser.sign_in()
    closed = {"type": "websocket.close", "code": 1008, "reason": "Sign in first."}
    accepted = {"type": "websocket.accept"}
    own = ("origin", ORIGIN)
    assert websocket(app, own) == closed
    assert websocket(app, own, ("cookie", f"{COOKIE}={forged()}")) == closed
    assert websocket(app, own, *basic("ada:wrong one").items()) == closed
    assert websocket(app, own, ("cookie", f"{COOKIE}={browser.cookies[COOKIE]}")) == accepted
    assert websocket(app, *basic(f"ada:{PASSWORD}").items()) == accepted
