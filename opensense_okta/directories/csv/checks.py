"""The checks of a snapshot that was read from files."""

from opensense_okta.directories.checks import NESTED_GROUPS_KNOWN, SHARED, Check, Table

UNENDED = "{files_unended:,} files end without a line break."

LISTS: tuple[tuple[Table, str], ...] = (("raw_groups", "groups"), ("memberships", "memberships"))

ROW_CHECKS: tuple[Check, ...] = (
    Check(
        "rows_filled",
        "raw_users",
        blocks_publishing=False,
        question="Does every row have more than an id?",
        predicate=lambda n: n["rows_id_only"] == 0,
        message="{rows_id_only:,} rows have nothing but an id and were set aside. The first (0: none):"
        " file {rows_id_only_file:,}, line {rows_id_only_line}.",
        failure_hint="Such a row is a total or a remark, and no person. Leave it out of the export.",
    ),
    Check(
        "cells_without_errors",
        "raw_users",
        blocks_publishing=False,
        question="Are the cells free of a spreadsheet's errors, such as #N/A?",
        predicate=lambda n: n["cells_error"] == 0,
        message="{cells_error:,} cells hold a spreadsheet's error, such as #N/A, and were read as blank. The"
        " first (0: none): file {cells_error_file:,}, line {cells_error_line}, column {cells_error_column}.",
        failure_hint="Correct the formulas in the spreadsheet.",
    ),
    Check(
        "numbers_whole",
        "raw_users",
        blocks_publishing=False,
        question="Are ids and phone numbers written with all digits?",
        predicate=lambda n: n["cells_scientific"] == 0,
        message="{cells_scientific:,} ids or phone numbers are in scientific notation, such as 4.9E+11. The"
        " first (0: none): file {cells_scientific_file:,}, line {cells_scientific_line}, column"
        " {cells_scientific_column}.",
        failure_hint="A spreadsheet has dropped digits. Format the column as text before the export.",
    ),
)

CHECKS: tuple[Check, ...] = (
    *SHARED,
    NESTED_GROUPS_KNOWN,
    Check(
        "files_whole",
        "raw_users",
        blocks_publishing=True,
        question="Do the files end with a line break as before, or have as many users as before?",
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
        failure_hint="A file without a final line break may be truncated; the reader cannot know. Let the"
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
        failure_hint="The export has probably stopped: ask the people who make the file. `when_stale` in the"
        " organization file says how the old values are used.",
    ),
    *ROW_CHECKS,
    *(
        Check(
            "list_filled",
            table,
            blocks_publishing=True,
            question="Are there still rows, if there were some in the last snapshot?",
            predicate=lambda n, name=name: n[name] > 0 or n.get(f"{name}_before", 0) == 0,  # type: ignore[misc]  # bound now
            message=f"{{{name}:,}} {name} are in the files.",
            failure_hint="There were some in the last snapshot, so the export most likely failed: look at the"
            " file. If all of them are really gone, approve the day.",
        )
        for table, name in LISTS
    ),
)
