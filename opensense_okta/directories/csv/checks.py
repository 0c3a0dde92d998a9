"""The questions put to a snapshot of files."""

from opensense_okta.directories.checks import SHARED, Check

UNENDED = "{files_unended:,} files end without a line break."

CHECKS: tuple[Check, ...] = (
    *SHARED,
    Check(
        "files_whole",
        "raw_users",
        blocks_publishing=True,
        question="Do the files end as those before did, or are there no fewer users?",
        predicate=lambda n: (
            n["files_unended"] <= n.get("files_unended_before", n["files_unended"])
            or n["users"] >= n["users_before"]
        ),
        message=f"{UNENDED} {{users:,}} users were listed, {{users_before:,}} in the snapshot before.",
        failure_hint="The files before ended with one: this one was most likely cut off in its last row. Look"
        " at its end, and export it again.",
    ),
    Check(
        "files_ended",
        "raw_users",
        blocks_publishing=False,
        question="Does every file end with a line break?",
        predicate=lambda n: n["files_unended"] == 0,
        message=UNENDED,
        failure_hint="A file without a final line break may be truncated; the reader cannot tell. Let the"
        " export end every row with a line break.",
    ),
    Check(
        "files_fresh",
        "raw_users",
        blocks_publishing=False,
        question="Were the files written in the last few days (`stale_after_days`)?",
        predicate=lambda n: n["file_age_days"] <= n["stale_after_days"],
        message="The oldest file of users was written {file_age_days:,} days before it was read; it is stale"
        " after {stale_after_days:,}.",
        failure_hint="The export has probably stopped: ask whoever makes the file. `when_stale` says what the"
        " old values are worth meanwhile.",
    ),
)
