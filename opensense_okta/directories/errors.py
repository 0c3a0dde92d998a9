"""The errors of a read. Each says what happened, what it means for the published data, and what to do.

Retries, in order:

1. the client (`http/client.py`) repeats a request that is retryable, and waits as long as the API says;
2. the retry sensor (`orchestration/retries.py`) starts the whole sync again after an error whose
   `transient` is true. Complete snapshots are reused, so that costs little;
3. all other errors need a person: the remedy says what to do.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from opensense_okta.config.errors import UserError
from opensense_okta.storage.file_errors import storage_refusal

NOTHING_LOST = (
    "Nothing of this read is used; what is stored and published of this directory stays as it was."
)

SET_CLOCK = "Set this machine's clock (chrony or ntpd): a server may accept only a few seconds of difference."


class DirectoryError(UserError):
    """A directory could not be read; `subject` is `organization/directory`, known when the read has ended."""

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        impact: str = NOTHING_LOST,
        transient: bool | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(
            message, impact=impact, remedy=remedy, transient=transient, retry_at=retry_at
        )


class CredentialsRejected(DirectoryError):
    """The API does not accept the token or the app's credentials."""


class AccessDenied(DirectoryError):
    """The credentials are good, but a scope or an administrator role is missing."""


class SessionLost(DirectoryError):
    """The API refuses a token that it accepted before (docs/okta-api.md, "Errors", E0000005)."""

    TRANSIENT = True


class WrongAddress(DirectoryError):
    """The endpoint is not the address of the API."""


class RequestRefused(DirectoryError):
    """The API does not understand or no longer supports a request."""


class Gone(DirectoryError):
    """A record was deleted between its listing and the request."""


class CursorLost(DirectoryError):
    """The API no longer accepts the cursor of a listing."""

    TRANSIENT = True


class RateLimited(DirectoryError):
    """The rate limit of the API is used up, and waiting for it within this run did not help."""

    TRANSIENT = True


class Unreachable(DirectoryError):
    """There is no connection, or it was interrupted."""

    TRANSIENT = True


class ProxyTrouble(DirectoryError):
    """The proxy that an environment variable names cannot be used, or refuses a connection."""


class AnswerTooLarge(DirectoryError):
    """An answer or a file is larger than any directory needs."""


class ServerTrouble(DirectoryError):
    """The API has an internal error, or its answer cannot be read."""

    TRANSIENT = True


class UntrustedLink(DirectoryError):
    """The API links to another host; the token is not sent there (invariant 6)."""


class IncompleteListing(DirectoryError):
    """A listing that cannot be proven complete: an error, never a deletion (invariant 2)."""


class StorageTrouble(DirectoryError):
    """The records could not be written to disk."""

    TRANSIENT = True


class PastDay(DirectoryError):
    """APIs return current data only; a past day cannot be read."""


@dataclass(frozen=True)
class Meaning:
    """A row of the tables of errors: what an answer of an API means, and what to do.

    Attributes:
        error: its type.
        message: what happened, as a sentence without a full stop.
        remedy: what to do.
        words: parts of the API's description that identify the error; empty if a code does.
    """

    error: type[DirectoryError]
    message: str
    remedy: str
    words: tuple[str, ...] = ()

    def because(self, evidence: str, retry_at: datetime | None = None) -> DirectoryError:
        """The error, with the API's own words as evidence."""
        return self.error(f"{self.message} ({evidence}).", remedy=self.remedy, retry_at=retry_at)


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group of concurrent tasks."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def storage_trouble(error: OSError | duckdb.IOException) -> StorageTrouble:
    """The error of records that could not be written."""
    refused = storage_refusal(error)
    if refused is None:
        return StorageTrouble(
            f"The records could not be written: {error}.",
            remedy="Look at the disk of OPENSENSE_DATA, then start the sync again.",
        )
    return StorageTrouble(refused.message, remedy=refused.remedy, transient=refused.transient)
