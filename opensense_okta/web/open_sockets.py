"""Ends a WebSocket when the session that opened it has ended.

A request is checked when it comes. A WebSocket stays open: it would show the logs of runs long after its
visitor has signed out, or has been removed from the users.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHECK_AFTER: Final = 5.0  # seconds
POLICY_VIOLATION: Final = 1008  # RFC 6455, section 7.4.1


async def serve_while(
    is_signed_in: Callable[[], bool], app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Passes a WebSocket on; when nobody is signed in any more, it is closed for both sides.

    Args:
        is_signed_in: is asked with each message, and every few seconds.
        app: which serves the WebSocket.
        scope: of the WebSocket.
        receive: its messages.
        send: answers.
    """
    is_closed = False

    async def receive_checked() -> Message:
        nonlocal is_closed
        message = asyncio.ensure_future(receive())
        try:
            while is_signed_in():
                if (await asyncio.wait({message}, timeout=CHECK_AFTER))[0] and is_signed_in():
                    return message.result()
        finally:
            message.cancel()
        if not is_closed:
            is_closed = True
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "Sign in."})
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def send_while_open(message: Message) -> None:
        if not is_closed:
            await send(message)

    await app(scope, receive_checked, send_while_open)
