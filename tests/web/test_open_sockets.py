"""An open WebSocket ends when the person who opened it is not signed in any more."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opensense_okta.web import open_sockets
from opensense_okta.web.accounts import Accounts
from opensense_okta.web.passwords import PasswordFile
from opensense_okta.web.sign_in import SignIn
from tests.support.signing_in import HASH, PASSWORD, cheap, write_users

COOKIE = "opensense_okta_3000"
CLOSED = {"type": "websocket.close", "code": 1008, "reason": "Sign in."}


async def logs(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that accepts, and answers until the visitor is gone; then it has one more answer."""
    while (message := await receive())["type"] != "websocket.disconnect":
        kind = "accept" if message["type"] == "websocket.connect" else "send"
        await send({"type": f"websocket.{kind}"})
    await send({"type": "websocket.send", "text": message})


async def signed_in(app: ASGIApp) -> httpx.AsyncClient:
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:3000"
    )
    page = (await client.get("/sign-in")).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    await client.post("/sign-in", data={**fields, "name": "ada", "password": PASSWORD})
    return client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    write_users(file, f"ada:{HASH}\nbob:{HASH}\n")
    return file


def sent_while(file: Path, ends: str, *, then_writes: bool) -> list[Message]:
    """What a visitor gets by a WebSocket, during which the session ends."""
    app = SignIn(logs, Accounts(PasswordFile(file)), 3000)
    sent: list[Message] = []
    changes: dict[str, Callable[[], None]] = {
        "user is removed": lambda: write_users(file, f"bob:{HASH}\n"),
        "password is replaced": lambda: write_users(file, f"ada:{cheap('battery staple')}\n"),
        "file gets a mistake": lambda: write_users(file, "ada\n"),
        "nothing": lambda: None,
    }

    async def opened() -> None:
        client = await signed_in(app)
        headers = [(b"cookie", f"{COOKIE}={client.cookies[COOKIE]}".encode())]
        to_come: list[Message] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "more"},
        ]

        async def receive() -> Message:
            if to_come:
                return to_come.pop(0)
            if ends == "visitor signs out":
                await client.post("/sign-out")
            else:
                changes[ends]()
            if then_writes or ends == "nothing":
                return {"type": "websocket.receive" if then_writes else "websocket.disconnect"}
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "headers": headers}
        await app(scope, receive, send)
        await client.aclose()

    asyncio.run(asyncio.wait_for(opened(), 30))
    return sent


@pytest.mark.parametrize("then_writes", [False, True])
@pytest.mark.parametrize(
    "ends",
    ["visitor signs out", "user is removed", "password is replaced", "file gets a mistake"],
)
def test_a_websocket_ends_with_its_session(
    file: Path, monkeypatch: pytest.MonkeyPatch, ends: str, then_writes: bool
) -> None:
    monkeypatch.setattr(open_sockets, "CHECK_AFTER", 0.01)
    answered = [{"type": "websocket.accept"}, {"type": "websocket.send"}]
    assert sent_while(file, ends, then_writes=then_writes) == [*answered, CLOSED]


def test_a_visitor_who_goes_away_ends_it_as_ever(file: Path) -> None:
    *answered, last = sent_while(file, "nothing", then_writes=False)
    assert answered == [{"type": "websocket.accept"}, {"type": "websocket.send"}]
    assert last == {"type": "websocket.send", "text": {"type": "websocket.disconnect"}}
