"""State files: the small JSON files of a lake, such as manifests, judgements and approvals.

Each has a format number. A file of a newer format is refused, because an older version cannot know
what it leaves out. Files of version 0.1 have no number; they are read as format 1.
"""

import json
from pathlib import Path
from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from opensense_okta.config.errors import UserError
from opensense_okta.storage.files import atomic_write

FORMAT = 2
"""Of every state file that this version writes. Raise it when an older version must not read them."""

UNCHANGED = "Nothing was changed; the published directory stays as it is."

M = TypeVar("M", bound=BaseModel)


class StateFileTooNew(UserError):
    """A newer version of this program wrote the file."""


class StateFileDamaged(UserError):
    """The file is not what this program writes."""


class _Header(msgspec.Struct):
    """What every state file is read for first; a file of 0.1 may also be a list."""

    format: int = 1


def read_state(path: Path, model: type[M]) -> M | None:
    """The content of a state file, or None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it is not JSON, or not the JSON of the model.
    """
    text = read_text(path)
    if text is None:
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # Only the place of the first mistake: pydantic would quote values, which may be personal data.
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise _damaged(path, f"{place or 'its content'} is missing or wrong") from None


def write_state(path: Path, content: BaseModel) -> None:
    """Replaces a state file in one step."""
    document = {"format": FORMAT, **content.model_dump(mode="json")}
    atomic_write(path, json.dumps(document, indent=2, ensure_ascii=False))


def read_text(path: Path) -> bytes | None:
    """The text of a state file whose format this version knows, or None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it is not JSON.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        header = msgspec.json.decode(text, type=_Header | list)
    except msgspec.MsgspecError:
        raise _damaged(path, "it is not the JSON of a state file") from None
    if isinstance(header, _Header) and header.format > FORMAT:
        raise StateFileTooNew(
            f"{path} has format {header.format}, and this version of opensense_okta reads formats up to"
            f" {FORMAT}. A newer version wrote it.",
            impact=UNCHANGED,
            remedy="update opensense_okta to that version or a later one.",
        )
    return text


def _damaged(path: Path, reason: str) -> StateFileDamaged:
    return StateFileDamaged(
        f"{path} is damaged: {reason}.",
        impact=UNCHANGED,
        remedy="restore the file from a backup of the lake.",
    )
