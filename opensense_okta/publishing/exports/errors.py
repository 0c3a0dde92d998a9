"""What can go wrong with an export, worded for the person who has to mend it."""

from collections.abc import Iterator
from contextlib import contextmanager

BEFORE_STAYS = (
    "The directory itself is published. At the export's place every file is still whole: the new one,"
    " or the one before. The next sync exports again, and `opensense-okta approve` does so of a day that was"
    " let through."
)


class ExportFailed(Exception):
    """The published people could not be brought to the export's place.

    Attributes:
        what: what happened.
        means: what it means for the published data.
        remedy: what to do next.
        heals: whether time alone may heal it.
        organization: whose export; known once the export has ended.
    """

    def __init__(self, what: str, *, remedy: str, transient: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.means = BEFORE_STAYS
        self.remedy = remedy
        self.transient = transient
        self.organization = ""

    def __str__(self) -> str:
        whose = f"{self.organization}: " if self.organization else ""
        return f"{whose}{self.what} {self.means} What to do: {self.remedy}"


@contextmanager
def failure_of(organization: str) -> Iterator[None]:
    """Lets a failure say whose export it was."""
    try:
        yield
    except ExportFailed as error:
        error.organization = organization
        raise
