"""Graph's throttling of directory calls: a bucket of resource units for an app in a tenant.

Nothing tells a caller how much is left (docs/entra-api.md, "Throttling").
"""

from dataclasses import dataclass

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.entra.tenant import TENANT_ID
from opensense_okta.simulator.messages import Headers

LARGE = 8000
MEDIUM = 5000
SMALL = 3500


def units_for(users: int) -> int:
    """The documented bucket of a tenant of that size, in units in ten seconds."""
    return SMALL if users < 50 else MEDIUM if users <= 500 else LARGE


@dataclass(slots=True)
class Limits:
    """How much an app may use.

    Attributes:
        units: Resource units in a window; None takes what the tenant's size gives.
        window_seconds: How long it takes to fill an empty bucket.
    """

    units: int | None = None
    window_seconds: float = 10.0


class Bucket:
    """What is left to each app."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.refused = 0
        self.used = 0
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def wait(self, app: str, users: int) -> float:
        """Seconds until the app may call again; 0 when it may now."""
        left, rate = self._level(app, users)
        return 0.0 if left >= 1 else (1 - left) / rate

    def take(self, app: str, users: int, units: int) -> None:
        """Charge a call that was answered; what failed costs nothing."""
        left, _ = self._level(app, users)
        self.used += units
        self._levels[app] = (left - units, self._clock.now())

    def _level(self, app: str, users: int) -> tuple[float, float]:
        """Units left now, and units that come back in a second."""
        most = float(self.limits.units or units_for(users))
        rate = most / self.limits.window_seconds
        left, when = self._levels.get(app, (most, 0.0))
        return min(most, left + (self._clock.now() - when) * rate), rate


def refusal_headers(app: str, seconds: float | None, reason: str) -> Headers:
    """The headers of a 429; the wait has a fraction, as documented, or is not told."""
    headers = [
        ("x-ms-throttle-scope", f"Tenant_Application/ReadWrite/{app}/{TENANT_ID}"),
        ("x-ms-throttle-information", reason),
    ]
    return headers if seconds is None else [("retry-after", f"{seconds:.3f}"), *headers]
