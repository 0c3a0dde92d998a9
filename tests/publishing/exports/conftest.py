"""Exports people that are written by hand."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from opensense_okta.publishing.exports.columns import headers_of
from opensense_okta.publishing.exports.export import ExportResult, export
from opensense_okta.publishing.exports.state import DeliveredExport
from opensense_okta.storage.lake import Lake
from tests.support.exporting import DAY, Exports, Person, Read, acme, resolved


@pytest.fixture
def exports(lake: Lake, tmp_path: Path) -> Exports:
    """Exports people to `exports/people.csv` in the organization's folder of the lake."""

    def run(
        people: Sequence[Person],
        *,
        before: Sequence[Person] | None = None,
        again: Sequence[Person] | None = None,
        csv: str = "{path: exports/people.csv, columns: [person_id, given_name, title]}",
        csv_before: str = "",
        without: str = "",
        without_before: str = "",
        with_columns: bool = True,
    ) -> list[ExportResult]:
        organization = acme(tmp_path, csv_before or csv)
        headers = headers_of(organization)

        def delivered(name: str, those: Sequence[Person] | None) -> DeliveredExport | None:
            if those is None:
                return None
            export = DeliveredExport(
                day=DAY,
                id=name,
                headers=tuple(headers.values()),
                columns=tuple(headers) if with_columns else (),
                rows=organization.publish.csv.rows if organization.publish.csv else "person",
            )
            people = export.people(lake)
            people.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(resolved(lake, those, without=without_before), people)
            return export

        return export(
            acme(tmp_path, csv),
            lake,
            resolved(lake, people, without=without),
            DAY,
            before=delivered("before", before),
            again=delivered("again", again),
        )

    return run


@pytest.fixture
def read(lake: Lake) -> Read:
    return Read(lake.scratch / "exports")
