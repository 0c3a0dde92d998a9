"""A person works in the browser alone: from the one-time link to the reason why a day is held back.

The real command `opensense-okta ui` serves the demo's organization, whose directories are simulated. The
browser is headless Chromium; without one the test is skipped.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.chromium import Tab, chromium, installed
from tests.support.dagster_servers import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
SIGN_IN = re.compile(r"(http://127\.0\.0\.1:\d+)(/sign-in\?token=\S+)")
URL = re.compile(r"http://127\.0\.0\.1:\d+")
DEMO = REPOSITORY / "dagster_home" / "organizations" / "demo.yaml"
KEPT = 60  # lines of HR's file on the day that is held back, of 180
RUN_SECONDS = 100  # a busy machine


@dataclass(frozen=True)
class Site:
    """The UI of the demo.

    Attributes:
        url: its origin.
        link: signs in.
        hr_file: HR's file, which a sync reads.
        environment: of the commands.
    """

    url: str
    link: str
    hr_file: Path
    environment: Mapping[str, str]


@contextmanager
def running(*arguments: str, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """A command of the product, which is terminated at the end; its output is in the log."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [COMMAND, *arguments], env=environment, stdout=output, stderr=output, cwd=REPOSITORY
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def simulated_company(hr_file: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The directories of the demo on free ports: the addresses of Okta and of Entra."""
    log, ready = hr_file.with_name("simulator.log"), hr_file.with_name("ready")
    options = ("--port", "0", "--hr-file", str(hr_file), "--ready-file", str(ready))
    with running("simulate", *options, environment=environment, log=log):
        until(lambda: ready.exists() and len(set(URL.findall(log.read_text()))) == 2)
        okta = ready.read_text().strip()
        (entra,) = set(URL.findall(log.read_text())) - {okta}
        yield okta, entra


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The UI as `make ui` starts it, before the first sync."""
    installed()
    organizations = tmp_path / "home" / "organizations"
    organizations.mkdir(parents=True)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path / "home"),
        "OPENSENSE_DATA": str(tmp_path / "data"),
        "DEMO_OKTA_API_TOKEN": "simulator-token",
        "DEMO_ENTRA_CLIENT_SECRET": "simulator~secret",
    }
    hr_file, log = tmp_path / "demo-hr.csv", tmp_path / "ui.log"
    with simulated_company(hr_file, environment) as (okta, entra):
        text = DEMO.read_text()
        for of_the_demo, here in (
            ("http://127.0.0.1:8765", okta),
            ("http://127.0.0.1:8766", entra),
            ("../../data/demo-hr.csv", str(hr_file)),
        ):
            assert of_the_demo in text
            text = text.replace(of_the_demo, here)
        (organizations / "demo.yaml").write_text(text)
        with running("ui", "--port", "0", environment=environment, log=log):
            until(lambda: SIGN_IN.search(log.read_text()))
            found = SIGN_IN.search(log.read_text())
            assert found
            yield Site(found[1], found[0], hr_file, environment)


def test_from_the_first_sync_to_a_held_day(site: Site, tmp_path: Path) -> None:
    with chromium(tmp_path / "browser") as tab:
        tab.open(f"{site.url}/directory/")
        tab.see("Open the link that opensense-okta ui printed")  # nobody sees anything before
        tab.open(site.link)
        today = materialize_today(tab, site)
        with held_sync(site):
            read_the_report(tab, site, today)
            find_a_person(tab, site)
        read_why_the_day_is_held_back(tab, site, today)
        # Dagster's own pages close the WebSocket of a page that is left.
        assert [error for error in tab.errors if "WebSocket is closed" not in error] == []


def materialize_today(tab: Tab, site: Site) -> str:
    """Materializes the assets of a sync for today, and sees the run succeed live; the day."""
    tab.open(f"{site.url}/locations/opensense_okta/jobs/demo__sync")
    tab.click("Materialize all…")
    tab.see("Partition selection")
    tab.click("Latest")
    today = str(datetime.now(UTC).date())
    tab.click("Launch 1 run")
    tab.click("View")
    assert "Failure" not in tab.see("RUN_SUCCESS", seconds=RUN_SECONDS)
    assert "/runs/" in tab.address
    return today


@contextmanager
def held_sync(site: Site) -> Iterator[None]:
    """Two thirds of HR's people are missing in a sync, which has ended when the block has."""
    complete = site.hr_file.read_text()
    site.hr_file.write_text("".join(complete.splitlines(keepends=True)[:KEPT]))
    with subprocess.Popen(
        [COMMAND, "sync", "demo"], env=site.environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY,
    ) as sync:  # fmt: skip
        yield
        output, _ = sync.communicate(timeout=RUN_SECONDS)
    assert "is held back" in output, output


def read_the_report(tab: Tab, site: Site, today: str) -> None:
    """Opens the report by the link in the metadata of its asset."""
    tab.open(f"{site.url}/assets/demo/report")
    tab.see("people_active")
    report = f"/directory/demo/reports/{today}"
    tab.open(f"{site.url}{tab.link(report)}")
    assert tab.address == f"{site.url}{report}"
    tab.see("demo", today, "Conflicts")


def find_a_person(tab: Tab, site: Site) -> None:
    """Finds a person by the name in HR's file, and reads that the title comes from HR."""
    *_, last = site.hr_file.read_text().splitlines()
    number, given_name, family_name, email, title, *_ = last.split(",")
    tab.open(f"{site.url}/directory/")
    tab.click("demo")
    tab.write("#who", email)
    tab.click("Find")
    tab.see(f"1 person matches “{email}”")
    assert email not in tab.address
    tab.click(f"{given_name} {family_name}")
    tab.see(f"{given_name} {family_name}", "Each value, and where it comes from")
    (row,) = (cells for cells in tab.rows() if cells[0] == "title")
    assert row[1] == title
    assert f"hr/{number}" in row[2]
    assert "precedence" in row[3]


def read_why_the_day_is_held_back(tab: Tab, site: Site, today: str) -> None:
    """Goes from the first page to the held day, and reads its reason."""
    tab.open(f"{site.url}/directory/")
    tab.click(f"See what holds {today} back")
    tab.see(
        f"demo, {today}: held back",
        "active accounts of hr",
        "The numbers that hold the day back",
        "Examples of",
        "To approve the day here, sign in as a named user",
    )
