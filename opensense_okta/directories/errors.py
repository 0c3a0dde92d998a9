"""What can go wrong with a read: what happened, what it means, what to do, and whether time heals it.

Who tries again, in order:

1. the request (`http.py`) repeats what is retryable, waiting as the API says;
2. the retry sensor (`orchestration/retries.py`) starts the whole sync again, later, after an error
   whose `transient` is true; complete snapshots are reused, so that costs little;
3. nobody repeats the others: a person has to act, and the remedy says how.
"""

from dataclasses import dataclass
from datetime import datetime

NOTHING_LOST = "Nothing of this read is used; the published directory stays as it was."


class DirectoryError(Exception):
    """A directory could not be read.

    Attributes:
        what: what happened, in a sentence that names the evidence.
        means: what it means for the published data.
        remedy: what to do next.
        heals: whether time alone may heal it, so that trying again later is worthwhile.
        retry_at: before this time (UTC) trying again is useless; None when the API did not say.
        directory: whose directory, as `organization/directory`; known once the read has ended.
    """

    transient = False

    def __init__(
        self,
        what: str,
        *,
        remedy: str,
        means: str = NOTHING_LOST,
        retry_at: datetime | None = None,
        transient: bool | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.means = means
        self.remedy = remedy
        self.retry_at = retry_at
        self.directory = ""
        if transient is not None:
            self.transient = transient

    def __str__(self) -> str:
        whose = f"{self.directory}: " if self.directory else ""
        return f"{whose}{self.what} {self.means} What to do: {self.remedy}"


class CredentialsRejected(DirectoryError):
    """The API does not accept the token or the app's credentials."""


class AccessDenied(DirectoryError):
    """The credentials are good, but a scope or an administrator role is missing."""


class SessionLost(DirectoryError):
    """The API suddenly refuses a token that it took before (docs/okta-api.md, "Errors", E0000005)."""

    transient = True


class WrongAddress(DirectoryError):
    """What answers at the endpoint is not the API."""


class RequestRefused(DirectoryError):
    """The API does not understand or no longer supports a request."""


class Gone(DirectoryError):
    """What was asked for was deleted between its listing and the request."""


class CursorLost(DirectoryError):
    """The API no longer knows the place where a listing was to go on."""

    transient = True


class RateLimited(DirectoryError):
    """The API's budget is used up, and waiting for it within this run did not help."""

    transient = True


class Unreachable(DirectoryError):
    """No connection, or one that broke off."""

    transient = True


class ServerTrouble(DirectoryError):
    """The API answers with an error of its own, or with something unreadable."""

    transient = True


class UntrustedLink(DirectoryError):
    """The API points to another host; the token is not taken there (invariant 6)."""


class IncompleteListing(DirectoryError):
    """A listing that cannot be proven whole: an error, never a deletion (invariant 2)."""


class StorageTrouble(DirectoryError):
    """What was read could not be written."""

    transient = True


class PastDay(DirectoryError):
    """A day that is over was asked for, and an API only tells the present."""


@dataclass(frozen=True)
class Meaning:
    """What an answer means: the error, what happened in words, and the remedy."""

    error: type[DirectoryError]
    what: str
    remedy: str


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What happened first, of what tasks that ran side by side ended in."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
