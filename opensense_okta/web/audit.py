"""The audit log: which named user has looked at which people, and when.

It is one file of JSON lines for each month in the folder `ui_audit` of `DAGSTER_HOME`, which only its owner
may read. It has ids of people, no names of them. Nothing deletes it.
"""

import errno
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from opensense_okta.config.environment import dagster_home
from opensense_okta.config.errors import UserError
from opensense_okta.storage.files import make_private_dir
from opensense_okta.web.visitor import Visitor

FOLDER: Final = "ui_audit"


class AuditFailed(UserError):
    """A look at a person cannot be recorded, so the person is not shown."""


def record_look(
    visitor: Visitor, page: str, organization: str, day: date, people: Sequence[str] = ()
) -> None:
    """Adds a line; nothing if the visitor is not named.

    Args:
        visitor: who looks.
        page: `search`, `person` or `day`.
        organization: whose people they are.
        day: as of which the people are shown.
        people: the ids of the people that are shown; examples of a day, and similar texts, have none.

    Raises:
        AuditFailed: the line cannot be written.
    """
    if visitor.name is None:
        return
    folder, now = dagster_home() / FOLDER, datetime.now(UTC)
    look = {
        "time": now.isoformat(timespec="seconds"),
        "user": visitor.name,
        "page": page,
        "organization": organization,
        "day": str(day),
        "people": list(people),
    }
    line = json.dumps(look, ensure_ascii=False) + "\n"
    try:
        _append(make_private_dir(folder) / f"{now:%Y-%m}.jsonl", line.encode())
    except OSError as error:
        raise AuditFailed(
            f"The audit log in {folder} cannot be written: {error.strerror}.",
            impact="Nobody is shown, because the look would not be recorded.",
            remedy="free space on that disk, and check that this program may write there.",
        ) from None


def _append(path: Path, line: bytes) -> None:
    """Adds one line at once, so that lines of several requests are never mixed."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, line) < len(line):
            with suppress(OSError):  # half of a line is worse than none
                os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
