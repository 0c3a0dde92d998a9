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

from opensense_okta.web.passwords import set_password
from tests.support.chromium import Tab, browser, first_tab
from tests.support.dagster_servers import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
SIGN_IN = re.compile(r"(http://127\.0\.0\.1:\d+)(/sign-in\?token=\S+)")
URL = re.compile(r"http://127\.0\.0\.1:\d+")
SIMULATOR = re.compile(r"(\w+) simulator on (http://127\.0\.0\.1:\d+)")
PORTS = {"Okta": 8765, "Entra": 8766, "Google": 8767}  # of the demo
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
def simulated_company(hr_file: Path, environment: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The directories of the demo on free ports: what the demo's file has, and what is here instead."""
    log, ready = hr_file.with_name("simulator.log"), hr_file.with_name("ready")
    key = hr_file.with_name("demo-google.json")
    files = ("--hr-file", str(hr_file), "--google-key-file", str(key), "--ready-file", str(ready))
    with running("simulate", "--port", "0", *files, environment=environment, log=log):
        until(lambda: ready.exists() and len(SIMULATOR.findall(log.read_text())) == len(PORTS))
        addresses = dict(SIMULATOR.findall(log.read_text()))
        yield {
            **{f"http://127.0.0.1:{port}": addresses[kind] for kind, port in PORTS.items()},
            "../../data/demo-hr.csv": str(hr_file),
            "../../data/demo-google.json": str(key),
        }


@pytest.fixture
def tab(site: Site, port: Path) -> Iterator[Tab]:
    """The tab of a browser, which has started while the UI did."""
    del site
    with first_tab(port) as tab:
        yield tab


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Path]:
    with browser(tmp_path / "browser") as port:
        yield port


@pytest.fixture
def users() -> Mapping[str, str]:
    """The passwords of the users; none: the UI prints a link."""
    return {}


@pytest.fixture
def site(tmp_path: Path, port: Path, users: Mapping[str, str]) -> Iterator[Site]:
    """The UI as `make ui` starts it, before the first sync."""
    del port  # the browser starts first
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
    if users:
        file = tmp_path / "users"
        for name, password in users.items():
            set_password(file, name, password)
        environment["OPENSENSE_UI_PASSWORD_FILE"] = str(file)
    with simulated_company(hr_file, environment) as places:
        text = DEMO.read_text()
        for of_the_demo, here in places.items():
            assert of_the_demo in text
            text = text.replace(of_the_demo, here)
        (organizations / "demo.yaml").write_text(text)
        with running("ui", "--port", "0", environment=environment, log=log):
            started = URL if users else SIGN_IN
            until(lambda: started.search(log.read_text()))
            found = started.search(log.read_text())
            assert found
            url = found[0] if users else found[1]
            yield Site(url, found[0], hr_file, environment)


def test_from_the_first_sync_to_a_held_day(site: Site, tab: Tab) -> None:
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


@pytest.mark.parametrize("users", [{"ana": "correct horse"}])
def test_a_named_user_approves_a_held_day(site: Site, tab: Tab, users: Mapping[str, str]) -> None:
    subprocess.run([COMMAND, "sync", "demo"], env=site.environment, cwd=REPOSITORY, check=True)
    with held_sync(site):
        tab.open(f"{site.url}/directory/")
        ((name, password),) = users.items()
        tab.write("#name", name)
        tab.write("#password", password)
        tab.click("Sign in")
        tab.see("Organizations", name)
    today = str(datetime.now(UTC).date())
    tab.open(f"{site.url}/directory/demo/days/{today}")
    tab.see(f"demo, {today}: held back", f"Your name, {name}, is recorded.")
    tab.click(f"Publish the directory of {today} all the same")
    assert "Failure" not in tab.see("RUN_SUCCESS", seconds=RUN_SECONDS)
    tab.open(f"{site.url}/directory/demo/")
    tab.see(f"Published {today}", f"approved by {name}")


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
