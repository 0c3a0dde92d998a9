"""State files: the small JSON files of a lake, such as manifests, judgements and approvals.

Each has a format number. A file of a newer format is refused, because an older version cannot know
what it leaves out. Files of version 0.1 have no number; they are read as format 1.
"""

import json
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from opensense_okta.config.errors import UserError
from opensense_okta.storage.files import atomic_write

FORMAT = 2
"""Of every state file that this version writes. Raise it when an older version must not read them."""

UNCHANGED = "Nothing was changed; the published directory stays as it is."

M = TypeVar("M", bound=BaseModel)


class IfDamaged(NamedTuple):
    """What it means that a state file cannot be read, and what to do.

    A model of a state file has it as the class variable `IF_DAMAGED`.
    """

    impact: str
    remedy: str


UNKNOWN_KIND = IfDamaged(UNCHANGED, "restore the file from a backup of the lake.")


class StateFileTooNew(UserError):
    """A newer version of this program wrote the file."""


class StateFileDamaged(UserError):
    """The file is not what this program writes, or cannot be read at all."""


class _Header(msgspec.Struct):
    """What every state file is read for first; a file of 0.1 may also be a list."""

    format: int = 1


def read_state(path: Path, model: type[M]) -> M | None:
    """The content of a state file, or None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it cannot be read, is not JSON, or not the JSON of the model.
    """
    kind: IfDamaged = getattr(model, "IF_DAMAGED", UNKNOWN_KIND)
    text = read_text(path, kind)
    if text is None:
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # Only the place of the first mistake: pydantic would quote values, which may be personal data.
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise _damaged(path, f"{place or 'its content'} is missing or wrong", kind) from None


def usable_state(path: Path, model: type[M]) -> M | None:
    """The content of a state file, or None where it is missing or damaged.

    For files without which the work goes on: `opensense-okta doctor` and the log of a run name them.

    Raises:
        StateFileTooNew: a newer version wrote it.
    """
    try:
        return read_state(path, model)
    except StateFileDamaged:
        return None


def write_state(path: Path, content: BaseModel) -> None:
    """Replaces a state file in one step."""
    document = {"format": FORMAT, **content.model_dump(mode="json")}
    atomic_write(path, json.dumps(document, indent=2, ensure_ascii=False))


def read_text(path: Path, kind: IfDamaged = UNKNOWN_KIND) -> bytes | None:
    """The text of a state file whose format this version knows, or None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it cannot be read, or is not JSON.
    """
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        reason = "this user has no right to read it"
        remedy = "make the user of Dagster's processes the owner of the file, with mode 0600."
        raise _damaged(path, reason, IfDamaged(kind.impact, remedy)) from None
    except OSError as error:
        raise _damaged(path, f"it cannot be read ({error.strerror})", kind) from None
    try:
        header = msgspec.json.decode(text, type=_Header | list)
    except msgspec.MsgspecError:
        raise _damaged(path, "it is not the JSON of a state file", kind) from None
    if isinstance(header, _Header) and header.format > FORMAT:
        raise StateFileTooNew(
            f"{path} has format {header.format}, and this version of opensense_okta reads formats up to"
            f" {FORMAT}. A newer version wrote it.",
            impact=UNCHANGED,
            remedy="update opensense_okta to that version or a later one.",
        )
    return text


def _damaged(path: Path, reason: str, kind: IfDamaged) -> StateFileDamaged:
    return StateFileDamaged(f"{path} is damaged: {reason}.", impact=kind.impact, remedy=kind.remedy)
