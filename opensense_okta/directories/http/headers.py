"""Numbers and dates of headers. What cannot be right is ignored, like a header that is missing."""

import email.utils
import re
from datetime import UTC, datetime
from functools import lru_cache

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Dates outside of this are mistakes: no clock that matters here is so wrong."""


def numbers(text: str) -> list[float]:
    """The numbers of a header, which may have come several times (RFC 9110 §5.3: joined by commas)."""
    parts = (part.strip() for part in text.split(","))
    return [float(part) for part in parts if _NUMBER.fullmatch(part)]


@lru_cache(maxsize=64)  # the answers of a second have the same date
def http_date(text: str) -> datetime | None:
    """The time in a Date or Retry-After header; None if there is none."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:  # the zone -0000, and a header that came twice
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment if EARLIEST <= moment < LATEST else None


def times(text: str) -> list[float]:
    """The times of a header that has seconds since 1970."""
    return [
        seconds for seconds in numbers(text) if EARLIEST.timestamp() <= seconds < LATEST.timestamp()
    ]
