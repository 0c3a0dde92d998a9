"""Keeps the calls of one rate-limit bucket within our share of it, evenly spread.

Headers report how many calls a bucket allows in its window, how many are left, and when the window ends
(docs/okta-api.md, "Rate limits"). Answers arrive out of order, so the smallest count of a window is used. A
window is identified by its end on the server's clock, because ours may be wrong.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

WINDOW = 60.0  # seconds; recorded windows are never longer (docs/okta-api.md, "Rate limits")
MARGIN = 1.0  # seconds after the announced end of a window (the same section)
SAME_WINDOW = 2.0  # seconds; ends that differ by less name the same window
CATCH_UP = 0.9  # of the even spacing, so that a slow minute does not end in a burst


@dataclass(frozen=True)
class RateLimitHeaders:
    """The rate limit that an answer reports.

    Attributes:
        limit: calls per window, of all clients.
        remaining: calls left in this window.
        ends: the end of the window, in seconds since 1970 on the server's clock; it identifies the window.
        seconds_left: seconds until then, at the time of the answer.
    """

    limit: int
    remaining: int
    ends: float
    seconds_left: float


@dataclass(frozen=True)
class Clock:
    """The source of time; tests replace it."""

    now: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Ceiling:
    """Spreads the calls of an API that does not report its limits.

    Attributes:
        per_second: the most calls per second, of all limiters that share this.
    """

    per_second: float = math.inf
    last: float = -math.inf


@dataclass
class RateLimiter:
    """Starts the calls of one bucket one after the other, within our share of its limit.

    Args:
        share: the share of the limit that may be used (0 < share <= 1).
        clock: the source of time.
        on_wait: is called with the seconds of each wait that is longer than the even spacing.
        ceiling: bounds the calls if the answers do not report limits; shared by the buckets of an API.
    """

    share: float
    clock: Clock = field(default_factory=Clock)
    on_wait: Callable[[float], None] = lambda _seconds: None
    ceiling: Ceiling = field(default_factory=Ceiling)
    waits: int = 0
    waited: float = 0.0
    headroom: float | None = None
    _limit: int | None = None
    _remaining: int = 0
    _window: float = -math.inf
    _window_ends: float = 0.0
    _assumed: bool = False
    _used: int = 0
    _in_flight: int = 0
    _last: float = -math.inf
    _blocked_until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def per_minute(self) -> int:
        """Calls per minute within the share; 0 if the API does not report its limits."""
        return math.floor((self._limit or 0) * self.share)

    async def acquire(self) -> None:
        """Waits until the next call may start. Call `update` or `reset` when it has ended."""
        async with self._lock:
            if self._in_flight and not self._answered.is_set():
                await self._answered.wait()  # the first answer has the limit
            while (seconds := self._seconds_to_wait()) > 0:
                await self.clock.sleep(seconds)
            self._last = self.ceiling.last = self.clock.now()
            self._used += 1
            self._in_flight += 1

    def update(self, allowance: RateLimitHeaders | None) -> None:
        """Ends a call; its answer had these headers, or none."""
        self._in_flight -= 1
        self._answered.set()
        if allowance is None:
            return
        if allowance.limit:
            left = allowance.remaining / allowance.limit
            self.headroom = left if self.headroom is None else min(self.headroom, left)
        later = allowance.ends - self._window
        if later <= (SAME_WINDOW if self._assumed else -SAME_WINDOW):
            return  # a late answer of an earlier window
        ends = self.clock.now() + min(max(allowance.seconds_left, 0.0), WINDOW)
        if later > SAME_WINDOW:
            self._window, self._assumed = allowance.ends, False
            self._window_ends = ends
            self._remaining = allowance.remaining
            self._used = min(self._used, self._in_flight + 1)
        else:
            self._window_ends = min(self._window_ends, ends)  # later ends come from slower answers
            self._remaining = min(self._remaining, allowance.remaining)
        self._limit = allowance.limit

    def reset(self) -> None:
        """Ends a call without an answer."""
        self._in_flight -= 1
        self._answered.set()

    def pause(self, seconds: float) -> None:
        """Starts no call for so many seconds, because the API asked for it."""
        self._blocked_until = max(self._blocked_until, self.clock.now() + seconds)
        self._note_wait(seconds)

    def _seconds_to_wait(self) -> float:
        now = self.clock.now()
        if now < self._blocked_until:
            return self._blocked_until - now
        if self._limit is None:
            if not self._answered.is_set():  # the first answer may have the limit
                return 0.0
            return max(self.ceiling.last + 1 / self.ceiling.per_second - now, 0.0)
        if now >= self._window_ends + MARGIN:
            self._assume_window(self._limit, now)
        left = max(self._window_ends - now, 0.0)
        ours = math.floor(self._limit * self.share) or 1
        others = (
            (self._limit - ours) * left / WINDOW
        )  # the rest of the other clients' share, evenly spread
        free = min(ours - self._used, self._remaining - self._in_flight - others)
        if free < 1:
            wait = self._window_ends + MARGIN - now
            self._note_wait(wait)
            return wait
        max_per_second = CATCH_UP * WINDOW / ours
        return max(self._last + max(left / free, max_per_second) - now, 0.0)

    def _assume_window(self, limit: int, now: float) -> None:
        """Assumes a window like the last one until an answer reports the new one."""
        self._assumed = True
        self._window_ends = now + WINDOW
        self._remaining = limit
        self._used = self._in_flight

    def _note_wait(self, seconds: float) -> None:
        self.waits += 1
        self.waited += seconds
        self.on_wait(seconds)


class ConcurrencyLimit:
    """Limits concurrent requests: half as many after a complaint of the API, then slowly more again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._taken = 0
        self._good = 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for a slot, and holds it."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._taken < self._allowed)
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            async with self._freed:
                self._freed.notify_all()  # several may start if the limit was increased

    def decrease(self) -> None:
        """Halves the limit."""
        self._allowed = max(self._allowed // 2, 1)
        self._good = 0

    def increase(self) -> None:
        """Adds a slot after ten good answers for each slot."""
        self._good += 1
        if self._good >= 10 * self._allowed and self._allowed < self._most:
            self._allowed += 1
            self._good = 0


def jittered(seconds: float) -> float:
    """A random time between half of the seconds and all, so that workers do not retry at the same time."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load is not cryptography
