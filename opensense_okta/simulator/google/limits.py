"""Google's quotas: queries of a user and project in a minute, and queries of an account at the same time.

No header has what is left (docs/google-api.md, "Limits").
"""

from collections import Counter
from dataclasses import dataclass

from opensense_okta.simulator.clock import Clock


@dataclass(slots=True)
class Limits:
    """How much may be asked.

    Attributes:
        per_minute: queries of one user and project.
        at_once: queries of the account that may run at the same time, of all applications.
    """

    per_minute: int = 2400
    at_once: int = 10


class Quota:
    """Counts queries against the limits."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.refused = 0
        self._clock = clock
        self._minute = 0.0
        self._used: Counter[str] = Counter()

    def refusal(self, bucket: str, at_once: int) -> tuple[int, str] | None:
        """Status and reason if a query is refused; else it is counted."""
        now = self._clock.now()
        if now - self._minute >= 60:
            self._minute = now
            self._used.clear()
        if at_once > self.limits.at_once:
            self.refused += 1
            return 429, "rateLimitExceeded"
        if self._used[bucket] >= self.limits.per_minute:
            self.refused += 1
            return 403, "rateLimitExceeded"
        self._used[bucket] += 1
        return None
