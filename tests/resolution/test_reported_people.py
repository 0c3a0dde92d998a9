"""The lives that people reported in public, from the files of two directories to the resolved day."""

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import tables_of
from tests.support.stored import DAY, Row, record_identities

FILES = Path(__file__).parent / "reported_people"
YESTERDAY = DAY - timedelta(days=1)

Replace = Mapping[str, str]


class Company:
    """Two directories of files whose days are resolved and recorded in the identity ledger."""

    def __init__(self, lake: Lake, folder: Path, directories: Mapping[str, str]) -> None:
        self._lake, self._folder, self._ids = lake, folder, directories
        self.placeholders = 0

    def resolve(
        self, source: Path, day: date, match: list[str], replace: Replace | None = None
    ) -> None:
        """Reads the files of a folder, some texts of them replaced, and resolves and records the day."""
        shutil.copytree(source, self._folder, dirs_exist_ok=True)
        for name in self._ids:
            path = self._folder / f"{name}.csv"
            text = path.read_text(encoding="utf-8")
            for old, new in (replace or {}).items():
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")
        directories = {
            name: {"kind": "csv", "users": str(self._folder / f"{name}.csv"), "id": column}
            for name, column in self._ids.items()
        }
        organization = Organization.model_validate(
            {
                "name": "acme",
                "timezone": "UTC",
                "first_day": "2026-11-01",
                "directories": directories,
                "resolution": {"match": match},
            }
        )
        with time_machine.travel(datetime.combine(day, time(12), UTC), tick=True):
            run = Run("run", uuid4().hex)
            for name in directories:
                take_snapshot(organization, name, day, self._lake, run, no_progress)
        manifest = resolve(organization, day, self._lake)
        self.placeholders = manifest.evidence["accounts_with_placeholders"]
        record_identities(self._lake, day)

    def people(self, day: date = DAY) -> dict[str, Row]:
        """The day's people by their accounts."""
        rows = tables_of(self._lake, day)["people"]
        return {" ".join(map(str, _list(row["accounts"]))): row for row in rows}

    def conflicts(self) -> set[tuple[str, str]]:
        """The kinds of today's conflicts, each with its attribute."""
        return {
            (str(row["kind"]), str(row["attribute"])) for row in tables_of(self._lake)["conflicts"]
        }


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


@pytest.fixture
def company(lake: Lake, tmp_path: Path) -> Callable[..., Company]:
    return lambda **directories: Company(lake, tmp_path / "files", directories)


def test_a_new_hire_has_nothing_of_the_person_who_had_the_address(
    company: Callable[..., Company],
) -> None:
    two = company(okta="id", entra="id")
    two.resolve(FILES / "reused_address" / "day1", YESTERDAY, ["email"])
    two.resolve(FILES / "reused_address" / "day2", DAY, ["email"])

    before, people = two.people(YESTERDAY), two.people()

    new, old = people["okta/o9"], people["entra/e1"]
    assert old["person_id"] == before["okta/o1 entra/e1"]["person_id"] != new["person_id"]
    assert (new["active"], old["active"]) == (True, False)
    assert new["title"] is new["department"] is new["mobile_phone"] is new["work_phone"] is None
    assert ("reused_key", "email") in two.conflicts()
    assert len(people) == len(before) + 1


def test_an_account_that_was_made_again_is_the_same_person(company: Callable[..., Company]) -> None:
    two = company(okta="id", entra="id")
    two.resolve(FILES / "reused_address" / "day1", YESTERDAY, ["email"])
    two.resolve(FILES / "reused_address" / "day2", DAY, ["email"], {"Bob,New": "Bob,Old"})

    person = two.people()["okta/o9 entra/e1"]

    assert person["person_id"] == two.people(YESTERDAY)["okta/o1 entra/e1"]["person_id"]
    assert ("reused_key", "email") not in two.conflicts()


def test_a_new_surname_and_address_in_one_directory_keeps_the_person(
    company: Callable[..., Company],
) -> None:
    two = company(okta="id", entra="id")
    two.resolve(FILES / "name_change" / "day1", YESTERDAY, ["email"])
    two.resolve(FILES / "name_change" / "day2", DAY, ["email"])

    before, people = two.people(YESTERDAY), two.people()

    anna = people["okta/o1 entra/e1"]
    assert anna["person_id"] == before["okta/o1 entra/e1"]["person_id"]
    assert (anna["title"], anna["mobile_phone"]) == ("Engineer", "+49 170 1")
    assert two.conflicts() >= {("value", "email"), ("kept_together", "email")}
    assert set(people) == set(before)


def test_placeholders_of_numbers_make_nobody_one_person(company: Callable[..., Company]) -> None:
    two = company(hr="id", ad="id")
    two.resolve(FILES / "placeholder_number", DAY, ["employee_number", "email"])

    assert set(two.people()) == {"hr/h1", "hr/h2 ad/a2", "hr/h3", "ad/a1", "ad/a3"}
    assert two.placeholders == 4


def test_the_account_of_a_rehired_person_joins_the_active_row(
    company: Callable[..., Company],
) -> None:
    two = company(hr="employee_number", ad="id")
    first = {"2001,Anna": "3001,Zoe", "Meyer,anna@x.example,Engineer": "Xu,zoe@x.example,Engineer"}
    two.resolve(FILES / "rehired", YESTERDAY, ["email"], {**first, "Intern,no": "Intern,yes"})
    two.resolve(FILES / "rehired", DAY, ["email"])

    before, people = two.people(YESTERDAY), two.people()

    active, left = people["hr/2001 ad/a1"], people["hr/1001"]
    assert active["person_id"] == before["hr/1001 ad/a1"]["person_id"] != left["person_id"]
    assert (active["active"], left["active"]) == (True, False)
    assert (active["title"], active["mobile_phone"]) == ("Engineer", "+49 30 1")
