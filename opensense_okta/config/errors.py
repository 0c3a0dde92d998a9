"""The base of every error that is written for the people who run a sync.

An error says what happened, what that means for the published directory, and what to do. The text
is put together here only, so that a terminal, a log and a run's page show the same.
"""

from datetime import datetime
from typing import ClassVar


class UserError(Exception):
    """An error with an impact and a remedy. `str(error)` is its whole text.

    Attributes:
        message: What happened, as sentences that name the evidence.
        impact: What it means for the published directory, as sentences; empty where it means nothing.
        remedy: What to do, as a sentence that may begin in lower case; empty where there is nothing to do.
        transient: Whether time alone may resolve it, so that a retry is useful.
        retry_at: A retry before this time (UTC) is useless; None where that is not known.
        subject: What the error is about, such as `acme/okta`. Often set later than the error is
            raised, by the caller that knows it.
    """

    TRANSIENT: ClassVar[bool] = False
    """Whether errors of the class are transient, where the one who raises it does not say."""

    def __init__(
        self,
        message: str,
        *,
        impact: str = "",
        remedy: str = "",
        transient: bool | None = None,
        retry_at: datetime | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.impact = impact
        self.remedy = remedy
        self.transient = self.TRANSIENT if transient is None else transient
        self.retry_at = retry_at
        self.subject = subject

    def __str__(self) -> str:
        subject = f"{self.subject}:" if self.subject else ""
        remedy = f"What to do: {self.remedy}" if self.remedy else ""
        return " ".join(part for part in (subject, self.message, self.impact, remedy) if part)
