"""What Opensense gets through a real SSH server; the expected files in `signatures/` are written by hand."""

import subprocess
from pathlib import Path

import pytest

from opensense_okta.publishing.exports.export import export_published
from opensense_okta.simulator.company.hr import HEADER
from opensense_okta.simulator.company.people import dice
from opensense_okta.storage.lake import Lake
from tests.support.ssh_server import serve
from tests.support.three_directories import MONDAY, TUESDAY, Addresses, Company, content, working

pytestmark = pytest.mark.slow

EXPECTED = Path(__file__).parent / "signatures"
ADA, BO, CLEO, ROBOT, GUEST = (
    f"{name}@acme.example" for name in ("ada.king", "bo.as", "cleo.wu", "robot", "guest")
)
HR = [
    HEADER,
    ("1", "Ada", "King", ADA, "Head of Sales", "Sales", "", "", "", "true"),
    ("2", "Bo", "Ås", BO, "", "Sales", "", "", "1", "true"),
]
FILES = ("people.csv", "groups.csv", "memberships.csv")


def test_the_delivered_files_are_those_written_by_hand(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("simulated-secret")
    token.chmod(0o600)
    lake, drop = Lake(tmp_path / "data", "acme"), tmp_path / "drop"
    with (
        serve(tmp_path_factory.mktemp("ssh")) as server,
        working(Addresses(tmp_path / "people.csv", token)) as company,
    ):
        subprocess.run(["cp", "-a", server.home, tmp_path / "home"], check=True)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        ids = employ(company)
        configure(company, server.url(drop / "people.csv"))
        synced = company.sync(lake, MONDAY)
        assert not synced.errors
        assert synced.publication
        published = str(content(lake))
        assert ADA in published
        assert CLEO in published  # with her first day, and not exported
        assert not {name for name in (ROBOT, GUEST) if name in published}
        export_published(company.organization, lake, MONDAY)
        for name in FILES:
            written = (EXPECTED / name).read_bytes().decode().format(**ids)
            assert (drop / name).read_bytes().decode() == written, name
        sha256sum = ["sha256sum", "--check", "--strict", "people.csv.sha256"]
        subprocess.run(sha256sum, cwd=drop, check=True)
        # Tomorrow she has started.
        assert company.sync(lake, TUESDAY).publication
        export_published(company.organization, lake, TUESDAY)
    started = "cleo.wu@acme.example,Cleo,Wu,Advisor,+47 22 33 44 66,,signature_sales"
    monday, tuesday = (EXPECTED / "people.csv").read_text(), (drop / "people.csv").read_text()
    assert {*tuesday.splitlines()} == {*monday.splitlines(), started}


def employ(company: Company) -> dict[str, str]:
    """Two people with an alias each, one who starts tomorrow, a service account and a guest.

    Returns the ids of their groups.
    """
    org, tenant = company.org, company.tenant
    groups = {name: org.add_group(dice(name), f"Signature {name}") for name in ("Sales", "Board")}
    people = (
        (ADA, "Ada", "King", "Clerk", "(212) 555-0123", "US", "Employee"),
        (BO, "Bo", "Ås", "Advisor", "22 33 44 55", "NO", "Employee"),
        (CLEO, "Cleo", "Wu", "Advisor", "22 33 44 66", "NO", "Employee"),
        (ROBOT, "Mail", "Robot", "Robot", "", "US", "Service"),
    )
    for email, first, last, title, phone, country, kind in people:
        user = org.add_user(
            dice(email), login=email, email=email, firstName=first, lastName=last,
            displayName=f"{first} {last}", title=title, mobilePhone=phone, countryCode=country,
            userType=kind, startDate=str(TUESDAY) if email == CLEO else "",
        )  # fmt: skip
        org.update_profile(user, dict.fromkeys(("employeeNumber", "managerId", "manager"), ...))
        org.add_member(groups["Sales"], user)
        if email == ADA:
            org.add_member(groups["Board"], user)
    nordics, oslo = tenant.add_group("Cloud Nordics"), tenant.add_group("Oslo")
    tenant.add_member(nordics, oslo, "group")
    for email, alias, group in ((ADA, "a.king", ""), (BO, "bo", oslo), (GUEST, "g", oslo)):
        addresses = [f"SMTP:{email}", f"smtp:{alias}@acme.example"]
        kind = "Guest" if email == GUEST else "Member"
        account = tenant.add_user(
            f"cloud.{email}", mail=email, userType=kind, proxyAddresses=addresses
        )
        tenant.add_member(group or tenant.add_group("Cloud Staff"), account)
    company.rewrite_hr = lambda _rows: [list(row) for row in HR]
    return {"nordics": nordics, "oslo": oslo, "sales": groups["Sales"], "board": groups["Board"]}


def configure(company: Company, url: str) -> None:
    """The organization file: who is read, which values win, and what is exported."""
    settings, directories = company.settings, company.settings["directories"]
    directories["okta"]["scope"] = {"groups": ["Signature*"], "exclude": {"user_type": ["Service"]}}
    directories["entra"]["scope"] = {"groups": ["Cloud*"], "exclude": {"user_type": ["Guest"]}}
    directories["okta"]["memberships"] = "full"
    directories["okta"]["attributes"] = {"start_date": "startDate"}
    settings["resolution"] = {
        "match": ["email"],
        "attributes": {
            "title": {"precedence": ["hr", "okta"]},
            "mobile_phone": {"format": "international"},
        },
    }
    columns = {
        "email": "email",
        "given_name": "first_name",
        "family_name": "family_name",
        "title": "title",
        "mobile_phone": "mobile_phone",
        "manager.display_name": "manager",
        "groups": "groups",
    }
    settings["publish"] = {
        "people": {"groups": ["Signature*"]},
        "csv": {
            "path": url,
            "columns": columns,
            "locked": ["title"],
            "unlocked": ["mobile_phone"],
            "groups": ["Signature Sales", "Signature Board", "Cloud Nordics", "Oslo"],
            "group_names": "opensense",
            "rows": "alias",
        },
    }
