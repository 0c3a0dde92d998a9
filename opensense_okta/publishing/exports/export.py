"""Exports the published day, and stores what was exported, so that change files miss no change.

The exported people are stored as `exported/<id>/people.parquet` in the organization's folder of the lake:
the day may be published again, or deleted by retention, before the next export is delivered.
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
    """A delivered export: the id of the published tables, and the headers."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str
    headers: tuple[str, ...] = ()


class ExportState(BaseModel):
    """The last delivered export, and the export of an earlier day that its changes refer to."""

    model_config = ConfigDict(frozen=True)

    told: ExportRef
    before: ExportRef | None


def export_published(organization: Organization, lake: Lake, day: date) -> list[ExportResult]:
    """Writes the exports of a day, if it is the published one and exports are wanted.

    The change file refers to the last earlier day whose export was delivered. So it also contains the
    changes of days that could not be delivered. If a day is exported again, the file contains all its
    changes again, and the people whose exported values differ from the day's previous export.

    Raises:
        ExportFailed: no incomplete file is left; the day stays published.
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
    """Whether the published day should be exported and its export was not delivered."""
    last, now = last_export(lake), published(lake)
    if organization.publish.csv is None or now is None:
        return False
    return last is None or last.told.id != now.id


def last_export(lake: Lake) -> ExportState | None:
    """The state after the last delivered export; None: there was none."""
    return read_state(lake.folder / STATE, ExportState)


def _kept(lake: Lake) -> Path:
    return lake.folder / EXPORTED


def _known(lake: Lake, one: ExportRef | None) -> PreviousExport | None:
    """What readers have of an export; None: there was no export, or its table is not stored any more."""
    people = _kept(lake) / one.id / PEOPLE if one else None
    return (
        PreviousExport(people, frozenset(one.headers))
        if one and people and people.exists()
        else None
    )


def _forget_all_but(lake: Lake, state: ExportState) -> None:
    needed = {ref.id for ref in (state.told, state.before) if ref}
    for folder in _kept(lake).iterdir():
        if folder.name not in needed:
            shutil.rmtree(folder)
