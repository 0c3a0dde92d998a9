"""State files: the small JSON files of a lake, such as manifests, judgements and approvals.

Each is written over the version that was read. Each has a format number: a file of a newer format is
refused, because an older version cannot know what it leaves out. Files of version 0.1 have no number; they
are read as format 1.
"""

import json
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from opensense_okta.config.errors import UserError
from opensense_okta.storage.store import ABSENT, Store, Version

FORMAT = 2
"""Of every state file that this version writes. Raise it when an older version must not read them."""

UNCHANGED = "Nothing was changed; the published directory stays as it is."

NO_JSON = "it is not the JSON of a state file"

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


@dataclass(frozen=True)
class SeenState(Generic[M]):
    """A state file as it was read.

    Attributes:
        content: None if the file is missing or damaged.
        version: over which the next content is written.
    """

    content: M | None
    version: Version


def read_state(store: Store, name: str, model: type[M]) -> M | None:
    """The content of a state file, or None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it cannot be read, is not JSON, or not the JSON of the model.
    """
    return _read(store, name, model)[0]


def usable_state(store: Store, name: str, model: type[M]) -> M | None:
    """The content of a state file, or None where it is missing or damaged.

    For files without which the work goes on: `opensense-okta doctor` and the log of a run name them.

    Raises:
        StateFileTooNew: a newer version wrote it.
    """
    return seen_state(store, name, model).content


def seen_state(store: Store, name: str, model: type[M]) -> SeenState[M]:
    """The content of a state file, None where it is missing or damaged, and its version.

    Raises:
        StateFileTooNew: a newer version wrote it.
    """
    try:
        return SeenState(*_read(store, name, model))
    except StateFileDamaged:
        return SeenState(None, store.version(name))


def write_state(store: Store, name: str, content: BaseModel, over: Version) -> Version:
    """Replaces a state file in one step, and returns the new version.

    Raises:
        Changed: another process replaced the version `over`.
    """
    document = {"format": FORMAT, **content.model_dump(mode="json")}
    return store.write(name, json.dumps(document, indent=2, ensure_ascii=False).encode(), over)


def ids_in(store: Store, name: str) -> set[str]:
    """All ids in a state file: its own, and those of what it was made from.

    Raises:
        StateFileDamaged: the file cannot be read.
    """
    ids: set[str] = set()

    def note(pairs: list[tuple[str, object]]) -> None:
        ids.update(str(value) for key, value in pairs if key == "id")

    text, _ = _read_text(store, name, UNKNOWN_KIND)
    if text is not None:
        try:
            json.loads(text, object_pairs_hook=note)
        except (ValueError, RecursionError):
            raise _damaged(store.url(name), NO_JSON, UNKNOWN_KIND) from None
    return ids


def _read(store: Store, name: str, model: type[M]) -> tuple[M | None, Version]:
    kind: IfDamaged = getattr(model, "IF_DAMAGED", UNKNOWN_KIND)
    text, version = _read_text(store, name, kind)
    if text is None:
        return None, version
    try:
        return model.model_validate_json(text), version
    except ValidationError as error:
        # Only the place of the first mistake: pydantic would quote values, which may be personal data.
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        reason = f"{place or 'its content'} is missing or wrong"
        raise _damaged(store.url(name), reason, kind) from None


def _read_text(store: Store, name: str, kind: IfDamaged) -> tuple[bytes | None, Version]:
    """The text of a state file whose format this version knows; None where there is no such file.

    Raises:
        StateFileTooNew: a newer version wrote it.
        StateFileDamaged: it cannot be read, or is not JSON.
    """
    file = store.url(name)
    try:
        document = store.read(name)
    except PermissionError:
        reason = "this user has no right to read it"
        remedy = "make the user of Dagster's processes the owner of the file, with mode 0600."
        raise _damaged(file, reason, IfDamaged(kind.impact, remedy)) from None
    except OSError as error:
        raise _damaged(file, f"it cannot be read ({error.strerror})", kind) from None
    if document is None:
        return None, ABSENT
    try:
        header = msgspec.json.decode(document.data, type=_Header | list)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _damaged(file, NO_JSON, kind) from None
    if isinstance(header, _Header) and header.format > FORMAT:
        raise StateFileTooNew(
            f"{file} has format {header.format}, and this version of opensense_okta reads formats up to"
            f" {FORMAT}. A newer version wrote it.",
            impact=UNCHANGED,
            remedy="update opensense_okta to that version or a later one.",
        )
    return document.data, document.version


def _damaged(file: str, reason: str, kind: IfDamaged) -> StateFileDamaged:
    return StateFileDamaged(f"{file} is damaged: {reason}.", impact=kind.impact, remedy=kind.remedy)
