"""How a reply gets on the wire: whole, slowly, in part, or not at all."""

import asyncio
import socket
import struct
from email.utils import formatdate
from typing import Any

from starlette.types import Receive, Send

from opensense_okta.simulator.messages import Headers, Reply

_DRIPS = 10
_LINGER_ZERO = struct.pack("ii", 1, 0)
"""Makes the end of a connection a reset."""


async def deliver(reply: Reply, usual: Headers, now: float, receive: Receive, send: Send) -> None:
    """Send a reply with the usual headers; a status of 0 stands for a connection that is reset."""
    if not reply.status:
        await _reset(receive, send)
        return
    await send(_start(reply, usual, now))
    if reply.keep is not None:
        await send(_part(reply.body[: reply.keep], more=True))
        _transport(send).close()
        await _gone(receive)
        return
    if reply.seconds:
        size = len(reply.body) // _DRIPS + 1
        for start in range(0, len(reply.body), size):
            await asyncio.sleep(reply.seconds / _DRIPS)
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
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is no more."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> asyncio.Transport:
    """The connection under uvicorn's `send`, which ASGI gives no way to end early."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined] # uvicorn's
    return transport
