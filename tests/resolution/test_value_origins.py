"""How a value came about: each computed or formatted value of a person is explained by table provenance."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.directories.values.lookup_file import LookupFileError
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.storage.lake import Lake
from tests.support.stored import DAY, OKTA, Row, company, resolved, store, user

ADA: Mapping[str, object] = {
    "email": "ada@acme.test",
    "firstName": "Ada",
    "lastName": "King",
    "city": "Oslo",
    "mobilePhone": "0171 1234567",
    "countryCode": "DE",
    "room": "1.07",
}
BOB: Mapping[str, object] = {
    "email": "bob@acme.test",
    "displayName": "Bob",
    "firstName": "Robert",
    "city": "Rome",
    "primaryPhone": "+39 06 123 4567",
    "mobilePhone": "4711",
    "countryCode": "IT",
}

VALUES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("Ada", "organization"): ("ACME", "only_value; constant"),
    ("Bob", "organization"): ("ACME", "only_value; constant"),
    ("Ada", "nickname"): ("Ada King", "only_value; joined from firstName and lastName"),
    ("Bob", "nickname"): ("Bob", "only_value"),  # its first choice is a field
    ("Ada", "desk"): ("1.07", "only_value"),
    ("Bob", "desk"): ("none", "only_value; constant"),
    ("Ada", "work_phone"): (
        "+47 22 00 00 00",
        'only_value; looked up in offices.csv by city, formatted from "004722000000"',
    ),
    ("Bob", "work_phone"): ("+39 06 123 4567", "only_value"),  # it has the format already
    ("Ada", "mobile_phone"): ("0171 1234567", "only_value"),
    ("Bob", "mobile_phone"): ("4711", "only_value"),  # it cannot be read
    ("Ada", "display_name"): ("Ada King", "only_value"),  # as in the table of the kind
}


def acme(folder: Path) -> Organization:
    """With computed values of each form; `fax` is looked up where no city is known."""
    (folder / "offices.csv").write_text("city,phone\nOslo,004722000000\n")
    offices = {"lookup": str(folder / "offices.csv"), "by": "city", "take": "phone"}
    sources = {
        "organization": {"constant": "ACME"},
        "nickname": ["displayName", {"join": ["firstName", "lastName"]}],
        "desk": ["room", {"constant": "none"}],
        "work_phone": ["primaryPhone", offices],
    }
    formats = {"work_phone": {"format": "international"}, "mobile_phone": {"format": "national"}}
    return company({"okta": {**OKTA, "attributes": sources}}, resolution={"attributes": formats})


@pytest.fixture(name="manifest")
def _manifest(lake: Lake, tmp_path: Path) -> ResolvedManifest:
    store(lake, [user("1", ADA), user("2", BOB)])
    return resolve(acme(tmp_path), DAY, lake)


def names(lake: Lake) -> dict[object, str]:
    return {row["person_id"]: str(row["display_name"])[:3] for row in resolved(lake, "people")}


@pytest.mark.usefixtures("manifest")
def test_provenance_says_how_each_value_came_about(lake: Lake) -> None:
    people = names(lake)
    rows: Mapping[tuple[str, object], Row] = {
        (people[row["person_id"]], row["attribute"]): row for row in resolved(lake, "provenance")
    }
    found = {key: (rows[key]["value"], rows[key]["rule"]) for key in VALUES}
    assert found == VALUES
    for person in resolved(lake, "people"):
        name = people[person["person_id"]]
        assert all(person[a] == value for (n, a), (value, _) in VALUES.items() if n == name)


def test_numbers_that_cannot_be_read_are_counted_and_warned_of(manifest: ResolvedManifest) -> None:
    checks = {result.name: result for result in check_resolved_day(manifest, None)}
    result = checks["phones_readable"]
    assert (result.outcome, result.numbers) == (
        "warning",
        {"phones_to_format": 4, "phones_unreadable": 1},
    )


def test_without_its_lookup_file_a_day_is_not_resolved(lake: Lake, tmp_path: Path) -> None:
    store(lake, [user("1", ADA)])
    organization = acme(tmp_path)
    (tmp_path / "offices.csv").unlink()
    with pytest.raises(
        LookupFileError, match=r"acme/okta: The lookup file .* Nothing was resolved"
    ):
        resolve(organization, DAY, lake)
    assert lake.resolved(DAY).manifest(ResolvedManifest) is None
