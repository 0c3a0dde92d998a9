"""Graph's throttling: each application has a bucket of resource units in a tenant.

No header has the units that are left (docs/entra-api.md, "Throttling").
"""

from dataclasses import dataclass

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.entra.tenant import TENANT_ID
from opensense_okta.simulator.messages import Headers

LARGE = 8000
MEDIUM = 5000
SMALL = 3500


def units_for(users: int) -> int:
    """The documented size of a tenant's bucket: units in ten seconds."""
    return SMALL if users < 50 else MEDIUM if users <= 500 else LARGE


@dataclass(slots=True)
class Limits:
    """How much an application may use.

    Attributes:
        units: Resource units in a window; None depends on the number of users.
        window_seconds: Seconds until an empty bucket is full.
    """

    units: int | None = None
    window_seconds: float = 10.0


class Bucket:
    """The units that are left for each application."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.refused = 0
        self.used = 0
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def wait(self, app: str, users: int) -> float:
        """Seconds until the application may call again; 0 if it may call now."""
        left, rate = self._level(app, users)
        return 0.0 if left >= 1 else (1 - left) / rate

    def take(self, app: str, users: int, units: int) -> None:
        """Subtract the units of a successful call; failed calls cost nothing."""
        left, _ = self._level(app, users)
        self.used += units
        self._levels[app] = (left - units, self._clock.now())

    def _level(self, app: str, users: int) -> tuple[float, float]:
        """Units that are left, and units that are added in a second."""
        size = float(self.limits.units or units_for(users))
        rate = size / self.limits.window_seconds
        left, when = self._levels.get(app, (size, 0.0))
        return min(size, left + (self._clock.now() - when) * rate), rate


def refusal_headers(app: str, seconds: float | None, reason: str) -> Headers:
    """The headers of a 429; Retry-After has a fraction, as documented, or is missing."""
    headers = [
        ("x-ms-throttle-scope", f"Tenant_Application/ReadWrite/{app}/{TENANT_ID}"),
        ("x-ms-throttle-information", reason),
    ]
    return headers if seconds is None else [("retry-after", f"{seconds:.3f}"), *headers]
