"""Examines a directory's files: reads them as a sync would, and reports the result."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES
from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.config.secret import SecretMissing
from opensense_okta.config.sources import fields_of
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.csv import reader as csv
from opensense_okta.directories.csv.checks import ROW_CHECKS
from opensense_okta.directories.csv.normalize import NormalizedFile
from opensense_okta.directories.errors import DirectoryError, Unreachable
from opensense_okta.directories.protocol import no_progress
from opensense_okta.storage import engine

SIGNS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "vertical bar", " ": "space"}


async def examine(directory: CsvDirectory, stale_after_days: int) -> list[CheckResult]:
    """Checks what a sync would read: the files, their age, their header and their rows."""
    with TemporaryDirectory(prefix="opensense-doctor-") as folder:
        place = Path(folder)
        with ReadCheckpoint(place, csv.FILES) as checkpoint, engine.start(place) as connection:
            read = csv.Reader(directory, checkpoint, connection, None, True, no_progress)
            try:
                await read.run()
                evidence = read.collect_evidence()
                found = [*_rows(directory, evidence), *_spoilt_rows(evidence)]
            except SecretMissing as missing:
                found = [CheckResult.make("files", "error", missing.message, missing.remedy)]
            except DirectoryError as error:
                there = read.users and not isinstance(error, Unreachable)
                stage = "rows" if there else "files"
                found = [CheckResult.make(stage, "error", error.message, error.remedy)]
            return [*_understood(directory, read.users, stale_after_days), *found]


def _understood(
    directory: CsvDirectory, files: Sequence[NormalizedFile], stale_after_days: int
) -> list[CheckResult]:
    if not files:
        return []
    size = sum(file.size for file in files)
    names = files[0].name if len(files) == 1 else f"{len(files)} files, {files[0].name} the first"
    found = CheckResult.make("files", "passed", f"{names}; {size:,} bytes of users.")
    return [found, *_end(files), _age(files, stale_after_days), _header(directory, files[0])]


def _end(files: Sequence[NormalizedFile]) -> list[CheckResult]:
    """A warning if a file does not end with a line break; usually there is none."""
    unended = [file.name for file in files if not file.ended]
    if not unended:
        return []
    says = f"{unended[0]} ends without a line break, so its last cell may be truncated."
    return [
        CheckResult.make("end", "warning", says, "Let the export end every row with a line break.")
    ]


def _age(files: Sequence[NormalizedFile], stale_after_days: int) -> CheckResult:
    written = [file.modified for file in files if file.modified]
    if not written:
        says = "the server does not say when the files were written."
        return CheckResult.make(
            "age", "warning", says, "There is no warning when the export stops."
        )
    days = csv.age_in_days(files, datetime.now(UTC))
    says = f"last written {min(written):%Y-%m-%d %H:%M %Z}, {days} days ago; stale after {stale_after_days}."
    if days <= stale_after_days:
        return CheckResult.make("age", "passed", says)
    return CheckResult.make(
        "age", "warning", says, "Ask the people who make the file whether the export has stopped."
    )


def _header(directory: CsvDirectory, file: NormalizedFile) -> CheckResult:
    used = [
        f"{name} ({', '.join(fields)})" if name in directory.attributes else name
        for name in dict.fromkeys((*STANDARD_ATTRIBUTES, *directory.attributes))
        if (fields := [field for field in _fields(directory, name) if field in file.header.names])
    ]
    sign = SIGNS.get(file.header.delimiter, file.header.delimiter)
    says = f"{len(file.header.names)} columns, delimiter {sign}; attributes: {', '.join(used) or 'none'}."
    if nearly := _nearly_attributes(directory, file):
        says += f" Not taken for attributes, though nearly called so: {', '.join(nearly)}."
    if used and not nearly:
        return CheckResult.make("header", "passed", says)
    remedy = "Map columns to attributes: `attributes: {title: COLUMN}`."
    return CheckResult.make("header", "warning", says, remedy)


def _fields(directory: CsvDirectory, attribute: str) -> list[str]:
    """The columns that an attribute needs."""
    sources = directory.attributes.get(attribute, (attribute,))
    return [field for source in sources for field in fields_of(source)]


def _nearly_attributes(directory: CsvDirectory, file: NormalizedFile) -> list[str]:
    """Unused columns whose names differ from an attribute's only in case, blanks, `_` or `-`."""
    mapped = directory.attributes
    fields = [field for name in mapped for field in _fields(directory, name)]
    return [
        f"{header} ({name})"
        for header in file.header.named
        if (name := re.sub(r"[\s_-]+", "_", header.lower())) in STANDARD_ATTRIBUTES
        and not {name, header} & {*mapped, *fields}
        and name not in file.header.names
    ]


def _spoilt_rows(evidence: Mapping[str, int]) -> list[CheckResult]:
    """Warnings: rows that are set aside, error cells read as blank, numbers with lost digits."""
    results = (check.run(evidence) for check in ROW_CHECKS)
    return [
        CheckResult.make(result.name, "warning", result.message, result.hint)
        for result in results
        if not result.passed
    ]


def _rows(directory: CsvDirectory, evidence: Mapping[str, int]) -> list[CheckResult]:
    says = f"{evidence['users']:,} users, {evidence['users_inactive']:,} of them inactive."
    found = [CheckResult.make("rows", "passed", says)]
    if directory.groups is None and directory.memberships is None:
        return found
    unknown = evidence["members_unknown"] + evidence["groups_unknown"]
    says = f"{evidence['groups']:,} groups, {evidence['memberships']:,} memberships."
    if not unknown:
        return [*found, CheckResult.make("groups", "passed", says)]
    remedy = "Let one export make all files; `user_id` must be what `id` is among the users."
    says += f" {unknown:,} times a user or a group is named that no file lists."
    return [*found, CheckResult.make("groups", "warning", says, remedy)]
