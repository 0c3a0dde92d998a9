"""Exports the published day, and remembers what the last export told, so that no change goes untold."""

from datetime import date

from pydantic import BaseModel, ConfigDict

from opensense_okta.lake import Lake, write_whole
from opensense_okta.organization import Organization
from opensense_okta.publishing.exports import Exported, export
from opensense_okta.publishing.standing import Base, published

STATE = "exported.json"


class LastExport(BaseModel):
    """The day that was last exported, and the one that its changes were told against."""

    model_config = ConfigDict(frozen=True)

    told: Base
    before: Base | None


def export_published(organization: Organization, lake: Lake, day: date) -> list[Exported]:
    """Writes the exports of a day, if it is the published one and exports are wanted.

    Changes are told against the last day whose export arrived: a day that could not be delivered is
    made up for by the next one.

    Raises:
        ExportFailed: nothing half-written is left; publishing itself has happened.
    """
    now = published(lake)
    if organization.publish.csv is None or now is None or now.day != day:
        return []
    last = last_export(lake)
    before = last.before if last and last.told.day == day else last.told if last else None
    people = before.table(lake, "people") if before else None
    tables = lake.resolved(day).folder / now.id
    done = export(
        organization, lake, tables, day, before=people if people and people.exists() else None
    )
    told = LastExport(told=Base(day=day, id=now.id), before=before)
    write_whole(lake.folder / STATE, told.model_dump_json(indent=2))
    return done


def last_export(lake: Lake) -> LastExport | None:
    """What the last export told, or None."""
    try:
        return LastExport.model_validate_json((lake.folder / STATE).read_bytes())
    except FileNotFoundError:
        return None
