"""The HR department's file: its people, compared with Okta and Entra."""

import csv
import io
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from opensense_okta.simulator.company.cast import FRONT_DESK, NULL, Part
from opensense_okta.simulator.company.hr import HEADER, hr_csv
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import Profile
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.files import atomic_write

Row = dict[str, str]


@pytest.fixture(scope="module")
def org() -> Org:
    return Org.create(day=date(2026, 11, 23))


@pytest.fixture(scope="module")
def tenant(org: Org) -> Tenant:
    return Tenant(org)


@pytest.fixture(scope="module")
def rows(org: Org) -> list[Row]:
    return list(csv.DictReader(io.StringIO(hr_csv(org))))


def with_email(rows: list[Row], email: str) -> list[Row]:
    return [row for row in rows if row["Work Email"] == email]


def profile(org: Org, part: Part) -> Profile:
    player: Profile = org.users[org.parts[part]]["profile"]
    return player


def test_the_file_is_a_csv_and_the_same_for_the_same_org(org: Org) -> None:
    text = hr_csv(org)
    assert text.startswith(",".join(HEADER) + "\r\n")
    assert text == hr_csv(Org.create(day=date(2026, 11, 23)))
    numbers = [row["employee_number"] for row in csv.DictReader(io.StringIO(text))]
    assert numbers == sorted(set(numbers))


def test_employee_numbers_are_oktas_with_their_leading_zeros(org: Org, rows: list[Row]) -> None:
    okta = {user["profile"].get("employeeNumber") for user in org.users.values()}
    shared = [row for row in rows if row["employee_number"] in okta]
    assert len(shared) > len(rows) * 0.9
    assert all(row["employee_number"].startswith("0") for row in shared)


def test_some_titles_and_mobiles_differ(org: Org, rows: list[Row]) -> None:
    by_number = {row["employee_number"]: row for row in rows}
    differ: Counter[str] = Counter()
    for user in org.users.values():
        row = by_number.get(user["profile"].get("employeeNumber", ""), {})
        for there, here in (("title", "Job Title"), ("mobilePhone", "Mobile")):
            differ[there] += bool(row) and row[here] != (user["profile"].get(there) or "")
    assert 0 < differ["title"] < len(rows) / 4
    assert 0 < differ["mobilePhone"] < len(rows) / 4


def test_people_who_left_are_inactive(org: Org, rows: list[Row]) -> None:
    by_number = {row["employee_number"]: row for row in rows}
    for user in org.users.values():
        row = by_number.get(user["profile"].get("employeeNumber", ""))
        if row and user["status"] == "DEPROVISIONED":
            assert row["active"] == "false"
    assert by_number[profile(org, Part.LEFT)["employeeNumber"]]["active"] == "false"


def test_the_cast_has_the_cases_of_its_table(org: Org, tenant: Tenant, rows: list[Row]) -> None:
    rehired = with_email(rows, profile(org, Part.REHIRED)["email"])
    assert sorted(row["active"] for row in rehired) == ["false", "true"]
    leaver = profile(org, Part.HANDED_ON)
    [new_hire] = with_email(rows, leaver["email"])
    assert new_hire["employee_number"] != leaver["employeeNumber"]
    namesake = profile(org, Part.NAMESAKE)
    name = (namesake["firstName"], namesake["lastName"])
    assert len([row for row in rows if (row["First Name"], row["Last Name"]) == name]) == 2
    [null] = [row for row in rows if row["Last Name"] == "Null"]
    assert (null["Work Email"], null["employee_number"]) == (NULL[2], NULL[3])
    assert len(with_email(rows, FRONT_DESK)) == 2
    assert tenant.user(FRONT_DESK)
    promoted = profile(org, Part.PROMOTED)
    [row] = with_email(rows, promoted["email"])
    assert row["Job Title"] != promoted["title"]
    for part in (Part.OKTA_ONLY, Part.LENDER):
        assert with_email(rows, profile(org, part)["email"]) == []


def test_some_people_are_only_in_the_hr_file(org: Org, tenant: Tenant, rows: list[Row]) -> None:
    known = {user["profile"]["email"] for user in org.users.values()}
    known |= {user.get("mail", "").lower() for user in tenant.truth().users}
    alone = [row for row in rows if row["Work Email"] and row["Work Email"] not in known]
    assert {"Albrecht", "Żak"} <= {row["Last Name"] for row in alone}


def test_every_part_keeps_its_user_for_all_days() -> None:
    org = Org.create(day=date(2026, 11, 23))
    parts = dict(org.parts)
    assert set(parts) == set(Part)
    org.advance(date(2027, 2, 1))
    assert org.parts == parts
    assert hr_csv(org)
    assert Tenant(org).truth().users


def test_the_file_is_private_and_replaces_the_previous_file(org: Org, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("old")
    path.chmod(0o644)
    atomic_write(path, hr_csv(org))
    assert path.read_bytes().decode() == hr_csv(org)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("users", [0, 1, 5, 20])
def test_a_very_small_company_also_has_a_file(users: int) -> None:
    org = Org.create(users=users, groups=2, memberships=0, day=date(2026, 11, 23))
    assert hr_csv(org).startswith("employee_number,")
