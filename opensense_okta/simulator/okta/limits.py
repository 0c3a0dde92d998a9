"""Okta's rate limits: requests of a kind in a window, and requests at the same time."""

import math
from collections import Counter
from dataclasses import dataclass

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.messages import Headers

CONCURRENCY_RESET = 116
"""Seconds to the reset time that Okta sends when too many requests run at once; only a suggestion."""


@dataclass(slots=True)
class Limits:
    """How many requests of each kind are allowed in a window.

    Attributes:
        users: The listing of users, and paths below a user.
        groups: The listings of groups and of members.
        single: One user or group, by its id.
        token: The token endpoint.
        other: All other paths.
        window_seconds: The length of a window, which starts with its first request.
        concurrent: How many requests may run at the same time; None allows any number.
        others: Requests of each kind that other clients of the org make in a window.
    """

    users: int = 600
    groups: int = 500
    single: int = 1000
    token: int = 300
    other: int = 1200
    window_seconds: float = 60.0
    concurrent: int | None = None
    others: int = 0


class Meter:
    """Counts requests against the limits."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.refused = 0
        self._clock = clock
        self._ends: dict[str, int] = {}
        self._used: Counter[str] = Counter()

    def used(self, bucket: str) -> int:
        """The number of requests of a kind in its current window."""
        return self._used[bucket]

    def take(self, bucket: str) -> tuple[bool, Headers]:
        """Whether a request is allowed, and the rate-limit headers of its reply."""
        now = self._clock.now()
        if self._ends.get(bucket, 0) <= now:
            self._ends[bucket] = math.ceil(now + self.limits.window_seconds)
            self._used[bucket] = 0
        limit: int = getattr(self.limits, bucket)
        left = limit - self._used[bucket] - self._used_by_others(bucket, now)
        allowed = left > 0
        self._used[bucket] += allowed
        self.refused += not allowed
        return allowed, _headers(limit, max(0, left - 1), self._ends[bucket])

    def crowded(self, at_once: int) -> Headers | None:
        """The headers of the refusal when too many requests run at the same time."""
        if self.limits.concurrent is None or at_once <= self.limits.concurrent:
            return None
        self.refused += 1
        return _headers(0, 0, int(self._clock.now()) + CONCURRENCY_RESET)

    def _used_by_others(self, bucket: str, now: float) -> int:
        """Requests of other clients, spread evenly over the window."""
        left = (self._ends[bucket] - now) / self.limits.window_seconds
        return round(self.limits.others * min(1.0, max(0.0, 1.0 - left)))


def _headers(limit: int, remaining: int, reset: int) -> Headers:
    return [
        ("x-rate-limit-limit", str(limit)),
        ("x-rate-limit-remaining", str(remaining)),
        ("x-rate-limit-reset", str(reset)),
    ]
