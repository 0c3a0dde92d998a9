"""An Okta org that lives: founded from a seed and a size, and changing from day to day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Self

from opensense_okta.simulator.company.changes import Day, Rates
from opensense_okta.simulator.company.founding import found
from opensense_okta.simulator.company.state import State


class Org(State):
    """An Okta org; the same seed, size and days give the same org."""

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
        """Found an org; the same arguments give the same org.

        Args:
            seed: What all that is drawn follows from.
            users: How many users, of all statuses.
            groups: How many groups, "Everyone" and "Okta Administrators" among them.
            memberships: How many memberships, those of "Everyone" not counted.
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
        found(org, users, groups, memberships)
        return org

    def advance(self, day: date) -> None:
        """Let the days up to `day` pass; what happened on a day shows from the next one on.

        Afterwards everything in `day_passed` is called.
        """
        passes = self.day < day
        while self.day < day:
            Day(self, self.rates).pass_()
            self.day += timedelta(days=1)
        for tell in self.day_passed if passes else ():
            tell()
