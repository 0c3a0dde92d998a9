"""The clock of a simulated API."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """A clock that may be wrong by some seconds."""

    skew: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch, by this clock."""
        return time.time() + self.skew
