"""What is stored of forgetting: the work that has begun, and a record without personal data."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import IfDamaged, read_state, seen_state, write_state

BEGUN = "forgetting.json"
RECORD = "forgotten.json"


class Begun(BaseModel):
    """A person whose data is being removed. The file is deleted when all of it is gone.

    Attributes:
        person_id: of the person.
        accounts: as `directory/id`.
        by: who started it.
        forgotten: what the manifest of each changed day will say, by the name of the day's folder.
    """

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "Data of a person may be removed only in part.",
        "delete the file, and start `opensense-okta forget` for that person again.",
    )

    person_id: str
    accounts: tuple[str, ...]
    by: str
    forgotten: Mapping[str, int]


class Forgotten(BaseModel):
    """A person was forgotten. It does not say who.

    Attributes:
        at: when it was completed.
        by: who started it.
        files: how many files were changed.
        rows: how many rows were removed from them.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    by: str
    files: int
    rows: int


class Record(BaseModel):
    """All that was forgotten, oldest first."""

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "The record of earlier uses of `forget` is lost.",
        "restore the file from a backup, or delete it.",
    )

    forgotten: tuple[Forgotten, ...] = ()


def begun(lake: Lake) -> Begun | None:
    """The work that was interrupted; None: there is none.

    Raises:
        StateFileDamaged: the file cannot be read.
    """
    return read_state(lake.store, BEGUN, Begun)


def begin(lake: Lake, work: Begun) -> None:
    """Stores what is about to be removed, so that an interrupted removal can be completed."""
    write_state(lake.store, BEGUN, work, lake.store.version(BEGUN))


def complete(lake: Lake, done: Forgotten) -> None:
    """Adds to the record, and deletes the file of the work that had begun."""
    seen = seen_state(lake.store, RECORD, Record)
    earlier = seen.content.forgotten if seen.content else ()
    write_state(lake.store, RECORD, Record(forgotten=(*earlier, done)), seen.version)
    lake.store.remove([BEGUN])
