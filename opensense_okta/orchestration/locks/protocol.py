"""The locks of one organization's runs.

There are two for each run: the organization's, which the run holds that works, and the run's own, which it
holds from its start to its end, also while it waits. A killed process loses both, so it never blocks the
next run, and a run in progress without its own lock is an orphan.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final, Protocol

import dagster as dg

REMIND: Final = timedelta(minutes=5)
"""How often a waiting run reports that it waits."""

ANOTHER_PROCESS: Final = "another process"


class Locks(Protocol):
    """The locks of one organization."""

    @property
    def patience(self) -> timedelta:
        """How long a run in progress must be without its lock until it is an orphan."""

    def of_run(
        self, run_id: str, *, report: Callable[[str], None], remind: timedelta = REMIND
    ) -> AbstractContextManager[None]:
        """Holds the run's and the organization's lock; waits as long as another run holds the latter.

        Args:
            run_id: The run that wants to work.
            report: Called with the reason when the run starts to wait, and again from time to time.
            remind: How often it is called again.

        Raises:
            UserError: These locks exclude nobody here, or cannot be reached.
        """

    def without_a_run(self, *, report: Callable[[str], None]) -> AbstractContextManager[None]:
        """Holds the organization's lock for work that is no run; the argument is that above."""

    def idle(self) -> AbstractContextManager[bool]:
        """Holds the organization's lock if no run does, and yields whether it does; never waits."""

    def ending_orphans(self) -> AbstractContextManager[bool]:
        """Yields whether orphans may be ended now; never waits."""

    def abandoned(self, in_progress: Callable[[], Sequence[dg.DagsterRun]]) -> Sequence[str]:
        """The ids of runs that held their lock once, and that no process holds now.

        Args:
            in_progress: Returns the organization's runs that Dagster shows as in progress.
        """

    def forget(self, run_ids: Sequence[str]) -> None:
        """Removes what abandoned runs left behind."""


LocksOf = Callable[[dg.DagsterInstance, str], Locks]
"""Returns the locks of an organization, as the instance has them."""


def describe_wait(holder: str) -> str:
    """Describes what a run waits for: another run, or work that is no run."""
    at_work = f"run {holder}" if holder else ANOTHER_PROCESS
    return f"{at_work} is at work for this organization: waiting until it ends"
