"""Exports the published day, and remembers what readers of the exports know, so that no change goes untold.

What was exported is kept as `exported/<id>/people.parquet` in the organization's folder of the lake:
the day may be published again, or be let go by retention, before the next export arrives.
"""

import shutil
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from opensense_okta.config.export_path import EXPORTED
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.delivery import deliver
from opensense_okta.publishing.exports.errors import failure_of
from opensense_okta.publishing.exports.files import ExportResult, PreviousExport, export, headers_of
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import read_state, write_state

STATE = "exported.json"
PEOPLE = "people.parquet"


class ExportRef(BaseModel):
    """An export that arrived: which published tables, under which headers."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str
    headers: tuple[str, ...] = ()


class ExportState(BaseModel):
    """The export that arrived last, and the one of an earlier day that its changes were told against."""

    model_config = ConfigDict(frozen=True)

    told: ExportRef
    before: ExportRef | None


def export_published(organization: Organization, lake: Lake, day: date) -> list[ExportResult]:
    """Writes the exports of a day, if it is the published one and exports are wanted.

    Changes are told against the last day whose export arrived: a day that could not be delivered is
    made up for by the next one. Of a day that is exported again everything is told again, and what
    its export before had told otherwise.

    Raises:
        ExportFailed: nothing half-written is left; publishing itself has happened.
    """
    settings, now = organization.publish.csv, published(lake)
    if settings is None or now is None or now.day != day:
        return []
    last = last_export(lake)
    again = last is not None and last.told.day == day
    before = last.before if last and again else last.told if last else None
    people = lake.resolved(day).table(now, "people")
    with failure_of(organization.name):
        deliver([people], str(_kept(lake) / now.id))
        done = export(
            organization,
            lake,
            people,
            day,
            before=_known(lake, before),
            again=_known(lake, last.told) if last and again else None,
        )
        told = ExportRef(day=day, id=now.id, headers=tuple(headers_of(organization).values()))
    state = ExportState(told=told, before=before)
    write_state(lake.folder / STATE, state)
    _forget_all_but(lake, state)
    return done


def export_pending(organization: Organization, lake: Lake) -> bool:
    """Whether what is published should have been exported, and did not arrive."""
    last, now = last_export(lake), published(lake)
    if organization.publish.csv is None or now is None:
        return False
    return last is None or last.told.id != now.id


def last_export(lake: Lake) -> ExportState | None:
    """What the last export told, or None."""
    return read_state(lake.folder / STATE, ExportState)


def _kept(lake: Lake) -> Path:
    return lake.folder / EXPORTED


def _known(lake: Lake, one: ExportRef | None) -> PreviousExport | None:
    """What readers know after an export; None: nothing, or nobody knows any more."""
    people = _kept(lake) / one.id / PEOPLE if one else None
    return (
        PreviousExport(people, frozenset(one.headers))
        if one and people and people.exists()
        else None
    )


def _forget_all_but(lake: Lake, state: ExportState) -> None:
    needed = {one.id for one in (state.told, state.before) if one}
    for folder in _kept(lake).iterdir():
        if folder.name not in needed:
            shutil.rmtree(folder)
