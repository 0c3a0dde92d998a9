"""Nine stories of an operator who sees Dagster's UI alone: what it shows is true and enough.

One real web server shows what runs of this process left on the instance. Everything is read by GraphQL, as
a browser reads it; two pages are also opened in a browser. Today is the machine's day, in a time zone where
it is about noon.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from unittest import mock
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import time_machine
from ruamel.yaml import YAML

from opensense_okta.config.load import load_organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.resources import LakeResource
from opensense_okta.simulator.company.hr import hr_csv
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from tests.support import operator_ui as shown
from tests.support.browser import open_page
from tests.support.company import QUIET, UNHURRIED
from tests.support.dagster_servers import Ui, web_server
from tests.support.place import Place
from tests.support.run_records import beat

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NOW = datetime.now(UTC)
ZONE = f"Etc/GMT{NOW.hour - 12:+d}"  # where it is noon: the signs are those of POSIX
TODAY = NOW.astimezone(ZoneInfo(ZONE)).date()
YESTERDAY = TODAY - timedelta(days=1)
FIRST = TODAY - timedelta(days=3)
ORGANIZATIONS = ("acme", "beta")

FILE = """\
timezone: {zone}
first_day: {first}
directories:
  okta:
    kind: okta
    endpoint: {okta}
    api_token: {{env: ACME_TOKEN}}
    rate_limit_share: 1.0
  hr:
    kind: csv
    users: {hr}
    id: employee_number
    attributes: {{email: Work Email, title: Job Title, department: Department, mobile_phone: Mobile}}
resolution:
  match: [employee_number, email]
  attributes:
    title: {{precedence: [hr, okta]}}
"""


# The place.


@dataclass
class Site:
    """A home with organizations, their directories, and the UI.

    Attributes:
        valid: a valid organization file.
    """

    place: Place
    org: Org
    ui: Ui
    instance: dg.DagsterInstance
    valid: str

    def __post_init__(self) -> None:
        """Builds the definitions of the organizations that are synced."""
        self.loaded = self.all_files
        folder = self.place.home / "organizations"
        lakes = LakeResource(root=str(self.place.lake.root))
        self.definitions = {
            name: build_definitions({name: load_organization(folder / f"{name}.yaml")}, lakes)
            for name in ORGANIZATIONS
        }

    @property
    def hr(self) -> Path:
        """HR's file."""
        return self.place.root / "people.csv"

    @property
    def all_files(self) -> dict[str, str]:
        """The organization files that the stories begin with."""
        return dict.fromkeys(ORGANIZATIONS, self.valid)

    def load(self, **files: str) -> None:
        """Lets the UI show the organizations of these files alone."""
        if files != self.loaded:
            write_files(self.place, files)
            shown.reload(self.ui)
            self.loaded = files

    def run(
        self,
        organization: str,
        job: str,
        day: date = TODAY,
        *,
        config: Mapping[str, object] | None = None,
        run_tags: Mapping[str, str] | None = None,
        only: Sequence[str] | None = None,
    ) -> str:
        """Runs a job of an organization on that day, or some of its assets only; the run's id."""
        definition = self.definitions[organization].resolve_job_def(f"{organization}__{job}")
        keys = [dg.AssetKey([organization, asset]) for asset in only] if only else None
        with on(day):
            result = definition.execute_in_process(
                instance=self.instance,
                partition_key=str(day),
                run_config={**QUIET, **(config or {})},
                tags=dict(run_tags or {}),
                asset_selection=keys,
                raise_on_error=False,
            )
        return result.run_id

    @contextmanager
    def hr_says(self, text: str) -> Iterator[None]:
        """HR's file has another text."""
        before = self.hr.read_text()
        self.hr.write_text(text)
        try:
            yield
        finally:
            self.hr.write_text(before)


def on(day: date) -> AbstractContextManager[object]:
    """Travels to noon of a day; today is as it is."""
    if day == TODAY:
        return nullcontext()
    return time_machine.travel(datetime.combine(day, time(12), ZoneInfo(ZONE)))


def write_files(place: Place, files: Mapping[str, str]) -> None:
    """Writes organization files in place of those that are there."""
    folder = place.home / "organizations"
    for old in folder.iterdir():
        old.unlink()
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """acme, synced three days ago; beta, with the same lake."""
    org = Org.create(users=40, groups=8, memberships=60, day=FIRST)
    with (
        running(Simulator(org, limits=UNHURRIED)) as okta,
        mock.patch.dict(os.environ, {"ACME_TOKEN": TOKEN}),
    ):
        place = Place(tmp_path_factory.mktemp("site"), okta)
        hr = place.root / "people.csv"
        hr.write_text(hr_csv(org), newline="")
        valid = FILE.format(zone=ZONE, first=FIRST - timedelta(days=7), okta=okta.url, hr=hr)
        write_files(place, dict.fromkeys(ORGANIZATIONS, valid))
        with (
            place.instance() as instance,
            web_server(place, "-m", "opensense_okta.definitions") as ui,
        ):
            site = Site(place, org, ui, instance, valid)
            site.run("acme", "sync", FIRST)
            shutil.copytree(place.lake.scratch, place.lake.scratch.with_name("beta"))
            yield site


@pytest.fixture
def site(home: Site) -> Site:
    """The home with all organizations loaded."""
    home.load(**home.all_files)
    return home


@pytest.fixture(scope="module")
def answers(home: Site) -> shown.Answers:
    """All answers of the web server."""
    return shown.Answers(home.ui.client)


@pytest.fixture(autouse=True)
def nobody_is_named(home: Site, answers: shown.Answers) -> Iterator[None]:
    """Whatever the web server answers in a story, it names nobody."""
    people = shown.personal_words(home.org, home.hr.read_text())
    assert len(people) > len(home.org.users)
    yield
    assert answers.texts
    assert not answers.words() & people
    answers.texts.clear()


# The first look.


def test_first_look(site: Site) -> None:
    loaded = shown.definitions(site.ui)
    assets = {key: asset for key, asset in loaded.assets.items() if key.startswith("acme/")}
    said = [asset.description for asset in assets.values()]
    assert [text for text in said if text.startswith("The published directory: ")] == [
        assets["acme/resolved_directory"].description
    ]
    assert len(set(said)) == len(said)
    assert all(text for asset in assets.values() for text in asset.columns.values())
    assert {"title", "email", "person_id"} <= assets["acme/people"].columns.keys()
    assert all(text for job, text in loaded.jobs.items() if job != names.ASSET_JOB)
    (event,) = shown.materializations(site.ui, "acme/resolved_directory")[-1:]
    assert (event.day, event.metadata["published_day"]) == (str(FIRST), str(FIRST))


# The night failed.


class Night(NamedTuple):
    """A sync both of whose reads failed, and the resolving run that followed."""

    run_id: str
    resolved: str
    tick: str


@pytest.fixture(scope="module")
def failed_night(home: Site) -> Night:
    """Okta asks for two hours' patience, and HR's file has lost a column, while the daemon is alive."""
    home.load(**home.all_files)
    beat(home.instance)
    later = {"retry-after": "7200"}
    home.place.okta.faults.append(make_fault("retry-after", headers=later, times=None))
    with home.hr_says(home.hr.read_text().replace("employee_number", "number")):
        run_id = home.run("beta", "sync")
    home.place.okta.faults.clear()
    words, failed = shown.tick(home.ui, names.RETRIES)
    assert not failed
    resolved = home.run("beta", "resolve", run_tags={names.ATTEMPT_GROUP: run_id})
    return Night(run_id, resolved, words)


ATTEMPT = rf"the sync of {TODAY} failed: attempt 2 of 6 starts at \d\d:\d\d \S+"
OKTA_FAILED = "beta/okta: Okta has trouble of its own (503 E0000010"
HR_FAILED = "line 1: there is no column `employee_number` among the 10 of the header."


def test_the_night_failed(site: Site, failed_night: Night) -> None:
    page = shown.run_page(site.ui, failed_night.run_id)
    assert page.status == "FAILURE"
    assert (page.tags[names.ORGANIZATION], page.tags[names.FAILURE]) == ("beta", names.TRANSIENT)
    okta, hr = (
        next(text for text in page.texts("STEP_FAILURE") if f"beta/{directory}: " in text)
        for directory in ("okta", "hr")
    )
    assert OKTA_FAILED in okta
    assert re.search(ATTEMPT, okta, re.IGNORECASE)
    assert HR_FAILED in hr
    assert "What to do: Correct `id` in the organization file, or the export" in hr
    assert "attempt" not in hr
    reasons = page.logged_errors()[-1]
    assert OKTA_FAILED in reasons
    assert HR_FAILED in reasons
    assert re.search(f"^beta: {ATTEMPT}$", failed_night.tick, re.MULTILINE)

    (check,) = shown.check_results(site.ui, "beta/resolved_directory", "published", TODAY)
    assert (check.run_id, check.passed, check.severity) == (failed_night.resolved, False, "WARN")
    not_published, published, follows = check.text.split("\n\n")
    assert not_published == (
        f"{TODAY} is resolved, and not published: no directory was read after {FIRST}, which stays"
        " published."
    )
    assert published == (
        f"Published is the directory of {FIRST}, with the data of okta of {FIRST}, hr of {FIRST}."
    )
    assert re.fullmatch(rf"Next: {ATTEMPT}\.", follows)
    assert not shown.materializations(site.ui, "beta/resolved_directory")


# A day is held back.


class Held(NamedTuple):
    """A sync that was held back, and what the sensor `retries` showed after it."""

    run_id: str
    tick: str


class Approved(NamedTuple):
    """A run with a wrong number, one with the right ones, and what the sensor showed after it."""

    refused: str
    run_id: str
    tick: str


@pytest.fixture(scope="module")
def held_day(home: Site) -> Held:
    """Two thirds of HR's people are missing today."""
    home.load(**home.all_files)
    few = "".join(home.hr.read_text().splitlines(keepends=True)[:15])
    with home.hr_says(few):
        run_id = home.run("acme", "sync")
    return Held(run_id, shown.tick(home.ui, names.RETRIES)[0])


@pytest.fixture(scope="module")
def approved_day(home: Site, held_day: Held) -> Approved:
    """The configuration is pasted as the check shows it, with a name, first with a wrong number."""
    assert held_day
    pasted = to_paste(home).replace("YOUR NAME", "the operator")
    assert shown.config_errors(home.ui, "acme__approve", pasted) == []
    wrong = re.sub(r"removed: \d+", "removed: 1", pasted)
    refused, run_id = (
        home.run("acme", "approve", config=YAML(typ="safe").load(text)) for text in (wrong, pasted)
    )
    return Approved(refused, run_id, shown.tick(home.ui, names.RETRIES)[0])


def to_paste(site: Site) -> str:
    """The configuration that the check `published` of today's held day shows."""
    check = shown.check_results(site.ui, "acme/resolved_directory", "published", TODAY)[-1]
    block = re.fullmatch(r"```yaml\n(.*)\n```", check.metadata["approve_with"], re.DOTALL)
    assert block
    return block[1]


def test_a_day_is_held_back(site: Site, held_day: Held) -> None:
    check = shown.check_results(site.ui, "acme/resolved_directory", "published", TODAY)[-1]
    assert (check.run_id, check.passed, check.severity) == (held_day.run_id, False, "ERROR")
    assert check.text.startswith(f"acme: {TODAY} is held back. The directory of {FIRST}")
    (gone,) = re.findall(
        r"hr: (\d+) of \d+ active accounts of hr \(\d+\.\d %\) are gone", check.text
    )
    assert (
        f"in Dagster's UI, the job acme__approve for {TODAY} with the configuration that `approve_with` of"
        " resolved_directory shows."
    ) in check.text
    assert f"Published is the directory of {FIRST}, with the data of okta of {FIRST}" in check.text
    (event,) = (
        event
        for event in shown.observations(site.ui, "acme/resolved_directory")
        if event.run_id == held_day.run_id
    )
    assert event.day == event.metadata["held_day"] == str(TODAY)
    assert event.metadata["published_day"] == str(FIRST)
    assert event.metadata["held_because"].count(f"{gone} of ") == 1
    assert event.metadata["approve_with"] == check.metadata["approve_with"]
    assert f"removed: {gone}" in to_paste(site)
    assert f"acme: guards or data checks hold {TODAY} back" in held_day.tick
    assert shown.run_page(site.ui, held_day.run_id).tags[names.FAILURE] == names.HELD


def test_a_held_day_is_approved(site: Site, approved_day: Approved) -> None:
    refused = shown.run_page(site.ui, approved_day.refused)
    assert refused.status == "FAILURE"
    numbers = dict(re.findall(r"(\w+): (\d+)", to_paste(site)))
    (words,) = refused.texts("STEP_FAILURE")
    right = ", ".join(f"{name} {number}" for name, number in numbers.items())
    assert f"the numbers that hold it back are {right}, and given were removed 1" in words

    assert shown.run_page(site.ui, approved_day.run_id).status == "SUCCESS"
    (event,) = (
        event
        for event in shown.materializations(site.ui, "acme/resolved_directory")
        if event.run_id == approved_day.run_id
    )
    assert (event.day, event.metadata["approved_by"]) == (str(TODAY), "the operator")
    assert f"acme: {TODAY} was approved by a person and is published" in approved_day.tick
    assert "back" not in approved_day.tick


# A backfill.


def test_a_backfill_of_past_days_is_not_shown_as_a_publication(
    site: Site, approved_day: Approved
) -> None:
    asset = "acme/resolved_directory"
    before = shown.materializations(site.ui, asset)
    assert before[0].run_id == approved_day.run_id
    made = ("resolved_directory", "report")  # of the day that was resolved before
    past = {
        YESTERDAY: site.run("acme", "resolve", YESTERDAY),
        FIRST: site.run("acme", "resolve", FIRST, only=made),
    }
    assert shown.materializations(site.ui, asset) == before  # its freshness counts from there
    noted = {event.run_id: event for event in shown.observations(site.ui, asset)}
    for day, run_id in past.items():
        assert shown.run_page(site.ui, run_id).status == "SUCCESS"
        assert noted[run_id].day == str(day)
        assert noted[run_id].metadata["outcome"] == (
            f"{day} is resolved, and not published: {TODAY} is published, and is newer."
        )
        assert noted[run_id].metadata["published_day"] == str(TODAY)
        assert "approved_by" not in noted[run_id].metadata

    again = site.run("acme", "resolve", TODAY, only=made)
    newest = shown.materializations(site.ui, asset)[0]
    assert (newest.run_id, newest.day) == (again, str(TODAY))
    assert newest.metadata["approved_by"] == "the operator"


# Why is the title wrong?


def test_why_is_the_title_wrong(site: Site) -> None:
    assets = shown.definitions(site.ui).assets
    for table in ("people", "provenance"):
        assert "`opensense-okta explain acme WHO`" in assets[f"acme/{table}"].description


# Checks, freshness and ticks.


def test_checks_say_what_they_do_and_of_which_day_they_are(site: Site) -> None:
    loaded = shown.definitions(site.ui)
    questions = [text for asset in loaded.assets.values() for text in asset.checks.values()]
    assert questions
    assert all(text.startswith(("Blocks publication: ", "Warns: ")) for text in questions)
    days = {
        day for check, day in shown.days_of_results(site.ui).items() if check.startswith("acme/")
    }
    assert days
    assert days <= {str(day) for day in (FIRST, YESTERDAY, TODAY)}


# The report.


def test_the_report_opens_in_a_browser(site: Site, tmp_path: Path) -> None:
    event = shown.materializations(site.ui, "acme/report")[-1]
    report = Path(event.metadata["report"])
    assert event.day in report.name
    assert open_page(report.as_uri(), tmp_path, until=("acme", event.day)).errors == ()


# The same in a browser.


def test_the_pages_show_it_in_a_browser(
    site: Site, failed_night: Night, held_day: Held, tmp_path: Path
) -> None:
    assert held_day
    check = shown.check_results(site.ui, "acme/resolved_directory", "published")[0]
    open_page(
        f"{site.ui.client.base_url}/assets/acme/resolved_directory?view=checks&checkDetail=published",
        tmp_path,
        until=(
            "Warns: Is the day published, with data of that day from every directory?",
            " ".join(check.text.split()),
        ),
    )
    run = f"{site.ui.client.base_url}/runs/{failed_night.run_id}"
    open_page(run, tmp_path, until=(OKTA_FAILED, HR_FAILED))


# A mistake in an organization file, and another organization.


@pytest.fixture
def edited(home: Site) -> Site:
    """acme's file has a mistake, delta's always had it, and epsilon has just been added."""
    wrong = home.valid.replace(f"timezone: {ZONE}", "timezone: UTCC")
    home.load(acme=wrong, delta=wrong, epsilon=home.valid)
    return home


def test_a_mistake_in_an_organization_file(edited: Site) -> None:
    loaded = shown.definitions(edited.ui)
    assert {"acme__sync", "acme__resolve", "acme__approve"} <= loaded.jobs.keys()
    assert "acme__daily" in loaded.running
    assert "delta__sync" not in loaded.jobs
    words, failed = shown.tick(edited.ui, names.RETRIES)
    assert failed
    for name, impact in (
        ("acme", "its last valid version counts"),
        ("delta", "nothing is synced"),
    ):
        description = loaded.assets[f"{name}/organization_file"].description
        assert f"**This organization's file has mistakes; {impact}.**" in description
        assert f"- {name}.yaml:1: timezone " in description
        assert f"{name}.yaml has mistakes; {impact}:\n{name}.yaml:1: timezone " in words


def test_another_organization(edited: Site) -> None:
    loaded = shown.definitions(edited.ui)
    assert {"epsilon/people", "epsilon/okta/raw_users", "epsilon/resolved_directory"} <= set(
        loaded.assets
    )
    assert "For today only (*Latest*)" in loaded.jobs["epsilon__sync"]
    assert "epsilon__daily" in loaded.running
    words, _ = shown.tick(edited.ui, names.RETRIES)
    first = f"epsilon: {TODAY} has had no sync yet: the schedule starts the next sync at "
    assert first in words
