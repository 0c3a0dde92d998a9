"""Which export was delivered last, so that the next change file misses no change.

The exported people are stored as `exported/<id>/people.parquet` in the organization's folder of the lake:
the day may be published again, or deleted by retention, before the next export is delivered.
"""

import shutil
from datetime import date
from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.config.export_path import EXPORTED
from opensense_okta.config.models import Organization
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import IfDamaged, usable_state, write_state

STATE = "exported.json"
PEOPLE = "people.parquet"


class DeliveredExport(BaseModel):
    """A delivered export: the id of the published tables, and the headers."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str
    headers: tuple[str, ...] = ()

    def people(self, lake: Lake) -> Path:
        """The file of the people that were exported."""
        return people_folder(lake, self.id) / PEOPLE


class ExportState(BaseModel):
    """The last delivered export, and the export of an earlier day that its changes refer to."""

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "The next export is complete, and its change file has everyone as added.",
        "nothing, if the readers of the change file accept that; else restore the file from a backup before"
        " the next sync.",
    )

    delivered: DeliveredExport = Field(validation_alias=AliasChoices("delivered", "told"))
    before: DeliveredExport | None


def people_folder(lake: Lake, published_id: str) -> Path:
    """The folder of the exported people."""
    return lake.folder / EXPORTED / published_id


def last_export(lake: Lake) -> ExportState | None:
    """The state after the last delivered export; None: there was none, or the file is damaged."""
    return usable_state(lake.folder / STATE, ExportState)


def record_export(lake: Lake, state: ExportState) -> None:
    """Stores the state, and deletes the people of exports that no change file refers to any more."""
    write_state(lake.folder / STATE, state)
    needed = {delivered.id for delivered in (state.delivered, state.before) if delivered}
    for folder in (lake.folder / EXPORTED).iterdir():
        if folder.name not in needed:
            shutil.rmtree(folder)


def export_pending(organization: Organization, lake: Lake) -> bool:
    """Whether the published day should be exported and its export was not delivered."""
    last, now = last_export(lake), published(lake)
    if organization.publish.csv is None or now is None:
        return False
    return last is None or last.delivered.id != now.id
