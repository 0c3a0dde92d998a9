"""The questions put to a snapshot of files."""

from opensense_okta.directories.checks import SHARED, Check

FRESH_DAYS = 3  # what `stale_after_days` is when nobody sets it

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "files_fresh",
        "raw_users",
        holds=False,
        question="Were the files written in the last few days?",
        passes=lambda n: n["file_age_days"] <= FRESH_DAYS,
        says="The newest file of users was written {file_age_days:,} days before it was read.",
        otherwise="The export has probably stopped: ask whoever makes the file. `when_stale` says what the"
        " old values are worth meanwhile.",
    ),
)
