"""The error of a failed export."""

from collections.abc import Iterator
from contextlib import contextmanager

from opensense_okta.config.errors import UserError

BEFORE_STAYS = (
    "The directory itself is published. Every file at the export's place is still complete: the new one"
    " or the previous one. The next sync exports again; for a day that was approved,"
    " `opensense-okta approve` does."
)


class ExportFailed(UserError):
    """The published people could not be written to the configured path or URL."""

    def __init__(self, message: str, *, remedy: str, transient: bool = False) -> None:
        super().__init__(message, impact=BEFORE_STAYS, remedy=remedy, transient=transient)


@contextmanager
def failure_of(organization: str) -> Iterator[None]:
    """Adds the organization's name to an error."""
    try:
        yield
    except ExportFailed as error:
        error.subject = organization
        raise
