"""A small company with three directories, whose days are read, resolved and published.

Everything is real but the command around it: the simulated Okta and Entra answer over HTTP, HR's file
lies on disk, and a day goes through reading, resolving and publishing, as the daily job has it.
"""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import duckdb
import time_machine

from opensense_okta.config.attributes import ACTIVE
from opensense_okta.config.models import Organization
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.publishing.publish import Held, Publication, publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.simulator.company.changes import Rates
from opensense_okta.simulator.company.hr import hr_csv
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra import server as entra_server
from opensense_okta.simulator.entra.tenant import TENANT_ID, Tenant
from opensense_okta.simulator.okta import server as okta_server
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from tests.support.company import UNHURRIED
from tests.support.lakes import copied

MONDAY = date(2026, 11, 23)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)

# A day there begins eleven hours before it does in UTC, so a sync at ten in the evening UTC is of the
# next day already.
ZONE, TEN_BEFORE = "Pacific/Auckland", timedelta(hours=2)

# Nothing happens by itself: what differs between two days is the disaster alone.
STILL = Rates(*[0.0] * 10)

Rows = list[list[str]]


@dataclass(frozen=True)
class Synced:
    """How a day's sync ended.

    Attributes:
        errors: of the directories that could not be read.
        outcome: what was published, or why it was held.
    """

    errors: Mapping[str, DirectoryError]
    outcome: Publication | Held

    @property
    def held(self) -> Held:
        """Why it was held, which it was."""
        assert isinstance(self.outcome, Held), self.outcome
        return self.outcome

    @property
    def publication(self) -> Publication:
        """What was published, which it was."""
        assert isinstance(self.outcome, Publication), str(self.outcome)
        return self.outcome


@dataclass(frozen=True)
class Addresses:
    """The addresses of the company's directories, which are the same on all days."""

    hr: Path
    token: Path
    okta: int = 0
    entra: int = 0

    def settings(self) -> dict[str, Any]:
        """The organization file."""
        secret = {"file": str(self.token)}
        entra = f"http://127.0.0.1:{self.entra}"
        return {
            "name": "acme",
            "timezone": ZONE,
            "first_day": str(MONDAY),
            "directories": {
                "okta": {
                    "kind": "okta",
                    "endpoint": f"http://127.0.0.1:{self.okta}",
                    "api_token": secret,
                    "rate_limit_share": 1.0,
                },
                "entra": {
                    "kind": "entra",
                    "tenant_id": TENANT_ID,
                    "client_id": entra_server.CLIENT_ID,
                    "client_secret": secret,
                    "authority": entra,
                    "graph": entra,
                    "requests_per_second": 1000.0,
                },
                "hr": {
                    "kind": "csv",
                    "users": str(self.hr),
                    "id": "employee_number",
                    "attributes": {
                        "given_name": "First Name",
                        "family_name": "Last Name",
                        "email": "Work Email",
                        "title": "Job Title",
                        "department": "Department",
                        "cost_center": "Cost Center",
                        "mobile_phone": "Mobile",
                        "manager": "Manager Number",
                    },
                },
            },
            "resolution": {
                "match": ["employee_number", "email"],
                "attributes": {"title": {"precedence": ["hr", "entra", "okta"]}},
            },
        }


@dataclass
class Company:
    """What the directories say at the moment, and the organization file; a test changes them."""

    org: Org
    okta: okta_server.Simulator
    entra: entra_server.Simulator
    hr: Path
    settings: dict[str, Any]
    rewrite_hr: Callable[[Rows], Rows] = field(default=lambda rows: rows)

    @property
    def tenant(self) -> Tenant:
        """The Entra tenant."""
        return self.entra.tenant

    @property
    def organization(self) -> Organization:
        """What the organization file says."""
        return Organization.model_validate(self.settings)

    @property
    def staff(self) -> list[str]:
        """The Okta ids of those who have an active account there."""
        users = self.org.users.items()
        return [user_id for user_id, user in users if user["status"] in ACTIVE["okta"]]

    def sync(self, lake: Lake, day: date) -> Synced:
        """Reads every directory on that day, resolves what there is, and publishes it."""
        with self.evening_of(day):
            errors = self.read(lake, day)
            resolve(self.organization, day, lake)
            try:
                return Synced(errors, publish(self.organization, lake, day))
            except Held as held:
                return Synced(errors, held)

    def read(self, lake: Lake, day: date) -> dict[str, DirectoryError]:
        """Reads every directory on that day, but for what the chain has read; the errors by directory."""
        self.org.advance(day)
        self.export_hr()
        organization, errors = self.organization, {}
        run = Run(id=f"run of {day}", attempt_group=f"run of {day}")
        with self.evening_of(day):
            for directory in organization.directories:
                try:
                    take_snapshot(organization, directory, day, lake, run, lambda _progress: None)
                except DirectoryError as error:
                    errors[directory] = error
        return errors

    def evening_of(self, day: date) -> Any:  # noqa: ANN401 - time_machine's own class has no public name
        """Travels to the hour at which a day is synced."""
        return time_machine.travel(datetime.combine(day, time(), UTC) - TEN_BEFORE)

    def export_hr(self) -> None:
        """Writes HR's file of the day."""
        text = io.StringIO()
        rows = list(csv.reader(io.StringIO(hr_csv(self.org))))
        csv.writer(text, lineterminator="\r\n").writerows(self.rewrite_hr(rows))
        self.hr.write_text(text.getvalue(), encoding="utf-8", newline="")


@contextmanager
def working(place: Addresses) -> Iterator[Company]:
    """The company as it was founded, its directories listening."""
    org = Org.create(users=80, groups=10, memberships=160, day=MONDAY, rates=STILL)
    secret = place.token.read_text()
    app = replace(entra_server.APP, secrets=(secret,))
    with (
        running(
            okta_server.Simulator(org, tokens=[secret], limits=UNHURRIED), port=place.okta
        ) as okta,
        running(entra_server.Simulator(Tenant(org), apps=[app]), port=place.entra) as entra,
    ):
        okta_port, entra_port = (
            int(simulator.url.rpartition(":")[2]) for simulator in (okta, entra)
        )
        here = replace(place, okta=okta_port, entra=entra_port)
        yield Company(org, okta, entra, place.hr, here.settings())


@dataclass(frozen=True)
class Monday:
    """The first day, published: where the directories are, and a lake to begin every story with."""

    place: Addresses
    root: Path

    @classmethod
    def begin(cls, root: Path) -> Self:
        """Lets the company's first day be published below a folder, and the next two be read."""
        token = root / "token"
        token.write_text("simulated-secret")
        token.chmod(0o600)
        place = Addresses(root / "people.csv", token)
        with working(place) as company:
            place = replace(place, okta=_port(company.okta.url), entra=_port(company.entra.url))
            lake = Lake(root / "monday", "acme")
            assert not company.sync(lake, MONDAY).errors
            undisturbed = copied(lake, root / "undisturbed")
            for day in (TUESDAY, WEDNESDAY):
                assert not company.read(undisturbed, day)
        return cls(place, root)

    @cached_property
    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Who is published on the first day."""
        return content(Lake(self.root / "monday", "acme"))

    def lake(self, name: str, *, struck: Collection[str]) -> Lake:
        """A lake of one's own that holds the first day.

        Of the directories that are not struck it holds what is read of them on the next days, so that
        those need not be read once more: what is answered of them does not differ.
        """
        lake = copied(Lake(self.root / "monday", "acme"), self.root / name)
        undisturbed = Lake(self.root / "undisturbed", "acme")
        for directory in {"okta", "entra", "hr"} - set(struck):
            for day in (TUESDAY, WEDNESDAY):
                read, kept = (each.snapshot(directory, day).folder for each in (undisturbed, lake))
                shutil.copytree(read, kept, copy_function=os.link)
        return lake


def digest(lake: Lake) -> str:
    """Of the published database, byte by byte."""
    return hashlib.sha256(lake.database.read_bytes()).hexdigest()


def content(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Who is published: people, accounts, groups and memberships."""
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        return {
            table: connection.table(table).order("all").fetchall()
            for table in ("people", "accounts", "groups", "memberships")
        }


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
