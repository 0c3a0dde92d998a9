"""Sending a reply: complete, slowly, in part, or as a reset connection."""

import asyncio
import socket
import struct
from email.utils import formatdate
from typing import Any

from starlette.types import Receive, Send

from opensense_okta.simulator.messages import Headers, Reply

_SLOW_PARTS = 10
"""In how many parts a slow body is sent."""

_LINGER_ZERO = struct.pack("ii", 1, 0)
"""With this option, closing a connection resets it."""


async def deliver(reply: Reply, usual: Headers, now: float, receive: Receive, send: Send) -> None:
    """Send a reply with the usual headers; status 0 means to reset the connection."""
    if not reply.status:
        await _reset(receive, send)
        return
    await send(_start(reply, usual, now))
    if reply.keep is not None:
        await send(_part(reply.body[: reply.keep], more=True))
        _transport(send).close()
        await _closed(receive)
        return
    if reply.seconds:
        size = len(reply.body) // _SLOW_PARTS + 1
        for start in range(0, len(reply.body), size):
            await asyncio.sleep(reply.seconds / _SLOW_PARTS)
            await send(_part(reply.body[start : start + size], more=True))
        await send(_part(b"", more=False))
        return
    await send(_part(reply.body, more=False))


def _start(reply: Reply, usual: Headers, now: float) -> dict[str, Any]:
    headers: Headers = [
        ("date", formatdate(now, usegmt=True)),
        ("content-length", str(len(reply.body))),
        *usual,
        *reply.headers,
    ]
    if reply.body:
        headers.append(("content-type", reply.content_type))
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http.response.start", "status": reply.status, "headers": raw}


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _reset(receive: Receive, send: Send) -> None:
    transport = _transport(send)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
    await _closed(receive)


async def _closed(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> asyncio.Transport:
    """The connection behind uvicorn's `send`; ASGI has no way to close it early."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined] # uvicorn's
    return transport
