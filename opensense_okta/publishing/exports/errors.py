"""The error of a failed export."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from opensense_okta.config.errors import UserError
from opensense_okta.storage import engine

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


@contextmanager
def making_files(folder: Path) -> Iterator[None]:
    """Files in a temporary folder are made; what prevents that is reported."""
    try:
        yield
    except (OSError, duckdb.IOException, engine.MemoryTooSmall) as error:
        raise ExportFailed(
            f"The export's files could not be made in {folder.parent} ({type(error).__name__}).",
            remedy="check that the disk has room there, and that OPENSENSE_MEMORY_LIMIT is not too small.",
            transient=True,
        ) from error
