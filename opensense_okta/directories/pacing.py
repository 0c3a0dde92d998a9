"""Keeps the calls of one rate-limit bucket within our share of it, evenly spread.

The API says in headers how many calls a bucket allows in its window, how many are left and when the
window ends (okta-api.md §3). A governor believes the smallest count it saw in a window, since
counters arrive out of order, and measures the window by the server's own clock, since ours may be
wrong.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

WINDOW = 60.0  # seconds; recorded windows are never longer (okta-api.md §3)
MARGIN = 1.0  # seconds after the announced end of a window (rl-best-practices: Reset - Date + 1)
CATCH_UP = 0.9  # of the even spacing, so that a slow minute does not end in a burst


@dataclass(frozen=True)
class Allowance:
    """What an answer says of its bucket: calls per window, calls left, seconds until the window ends."""

    limit: int
    remaining: int
    seconds_left: float


@dataclass(frozen=True)
class Clock:
    """Time as the governor sees it; tests bring their own."""

    now: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Governor:
    """Lets calls of one bucket go, one after the other, as the share of its budget allows.

    Args:
        share: of what the API allows in a window, how much may be used (0 < share <= 1).
        clock: where time comes from.
        waiting: told the seconds of each wait for the budget that is longer than the even spacing.
    """

    share: float
    clock: Clock = field(default_factory=Clock)
    waiting: Callable[[float], None] = lambda _seconds: None
    waits: int = 0
    waited: float = 0.0
    headroom: float | None = None
    _allowance: Allowance | None = None
    _window_ends: float = 0.0
    _used: int = 0
    _in_flight: int = 0
    _last: float = -math.inf
    _blocked_until: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _learned: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self) -> None:
        """Returns when the next call may go out. Its answer must be given to `learn` or `forget`."""
        async with self._turn:
            if self._in_flight and not self._learned.is_set():
                await self._learned.wait()  # the first answer says what the budget is
            while (seconds := self._seconds_to_wait()) > 0:
                await self.clock.sleep(seconds)
            self._last = self.clock.now()
            self._used += 1
            self._in_flight += 1

    def learn(self, allowance: Allowance | None) -> None:
        """Takes in what an answer says of the budget; None when it says nothing."""
        self._in_flight -= 1
        self._learned.set()
        if allowance is None:
            return
        now = self.clock.now()
        left = min(max(allowance.seconds_left, 0.0), WINDOW)
        known = self._allowance
        same_window = known is not None and abs(now + left - self._window_ends) < MARGIN + 1
        if known is not None and same_window:
            remaining = min(known.remaining, allowance.remaining)
        else:
            remaining = allowance.remaining
            self._used = min(self._used, self._in_flight + 1)
            self._window_ends = now + left
        self._allowance = Allowance(allowance.limit, remaining, left)
        if allowance.limit:
            self.headroom = min(
                1.0 if self.headroom is None else self.headroom, remaining / allowance.limit
            )

    def forget(self) -> None:
        """A call ended without an answer."""
        self._in_flight -= 1
        self._learned.set()

    def block(self, seconds: float) -> None:
        """No call goes out for so many seconds: the API said so, or its budget is used up."""
        self._blocked_until = max(self._blocked_until, self.clock.now() + seconds)
        self._note_wait(seconds)

    def _seconds_to_wait(self) -> float:
        now = self.clock.now()
        if now < self._blocked_until:
            return self._blocked_until - now
        if self._allowance is None:
            return 0.0
        if now >= self._window_ends + MARGIN:
            self._open_window(now)
        free = self._free()
        if free <= 0:
            wait = self._window_ends + MARGIN - now
            self._note_wait(wait)
            return wait
        even = max(self._window_ends - now, 0.0) / free
        return max(self._last + max(even, self._fastest()) - now, 0.0)

    def _fastest(self) -> float:
        """Seconds between two calls when catching up: hardly more than an even spread of the share."""
        return CATCH_UP * WINDOW / self._ours()

    def _ours(self) -> int:
        limit = self._allowance.limit if self._allowance else 0
        return math.floor(limit * self.share) or 1

    def _free(self) -> int:
        allowance = self._allowance
        if allowance is None:
            return 1
        return min(self._ours() - self._used, allowance.remaining - self._in_flight)

    def _open_window(self, now: float) -> None:
        if self._allowance is None:
            return
        limit = self._allowance.limit
        self._allowance = Allowance(limit, limit, WINDOW)
        self._window_ends = now + WINDOW
        self._used = self._in_flight

    def _note_wait(self, seconds: float) -> None:
        self.waits += 1
        self.waited += seconds
        self.waiting(seconds)


class Slots:
    """How many requests may run at once: fewer after the API complained, slowly more again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._taken = 0
        self._good = 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds one of the slots."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._taken < self._allowed)
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            async with self._freed:
                self._freed.notify()

    def narrow(self) -> None:
        """Half as many from now on."""
        self._allowed = max(self._allowed // 2, 1)
        self._good = 0

    def widen(self) -> None:
        """One more, once ten answers for each slot were good."""
        self._good += 1
        if self._good >= 10 * self._allowed and self._allowed < self._most:
            self._allowed += 1
            self._good = 0


def jittered(seconds: float) -> float:
    """Between half and all of the seconds, so that workers do not come back all at once."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load is not cryptography
