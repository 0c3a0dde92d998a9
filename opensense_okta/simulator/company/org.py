"""An Okta org that is created from a seed and a size, and changes from day to day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Self

from opensense_okta.simulator.company.changes import Day, Rates
from opensense_okta.simulator.company.founding import fill
from opensense_okta.simulator.company.state import State


class Org(State):
    """An Okta org; the same seed, size and days give the same org.

    Attributes:
        rates: How much changes on a day.
        day_passed: Functions to call after days have passed.
    """

    rates: Rates
    day_passed: list[Callable[[], None]]

    @classmethod
    def create(
        cls,
        seed: int = 1,
        users: int = 200,
        groups: int = 20,
        memberships: int = 600,
        day: date | None = None,
        *,
        rates: Rates | None = None,
        everyone_has_deprovisioned: bool = False,
    ) -> Self:
        """Create an org; the same arguments give the same org.

        Args:
            seed: The seed of all random values.
            users: The number of users, of all statuses.
            groups: The number of groups, including "Everyone" and "Okta Administrators".
            memberships: The number of memberships, without those of "Everyone".
            day: The org's first day; today (UTC) by default.
            rates: How much changes on a day.
            everyone_has_deprovisioned: Whether "Everyone" lists deactivated users too.
        """
        org = cls(
            seed,
            day or datetime.now(UTC).date(),
            everyone_has_deprovisioned=everyone_has_deprovisioned,
        )
        org.rates = rates or Rates()
        org.day_passed = []
        fill(org, users, groups, memberships)
        return org

    def advance(self, day: date) -> None:
        """Simulate the days before `day`; the changes of a day are visible on the next day."""
        passes = self.day < day
        while self.day < day:
            Day(self, self.rates).simulate()
            self.day += timedelta(days=1)
        for callback in self.day_passed if passes else ():
            callback()
