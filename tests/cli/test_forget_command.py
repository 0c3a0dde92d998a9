"""What the command `forget` shows, asks and refuses."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from opensense_okta.config.load import load_organization
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.forget.records import BEGUN, Begun, begin, begun
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.csv_snapshots import account, store, tables_of
from tests.support.stored import DAY

YESTERDAY = DAY - timedelta(days=1)
ORGANIZATION = """\
timezone: UTC
first_day: 2026-11-01
directories:
  hr: {kind: csv, users: /srv/hr.csv}
publish: {csv: {path: "sftp://opensense.test/people.csv"}}
"""
PEOPLE = {
    "1": {"email": "ana@acme.test", "display_name": "Ana Lovelace"},
    "2": {"email": "bob@acme.test", "display_name": "Bob Ray", "manager": "ana@acme.test"},
    "3": {"email": "cat@acme.test", "display_name": "Cat Ray"},
}


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Ana worked here yesterday and is gone today."""
    root = tmp_path_factory.mktemp("two days")
    (root / "organizations").mkdir()
    (root / "organizations/acme.yaml").write_text(ORGANIZATION)
    acme, lake = load_organization(root / "organizations/acme.yaml"), Lake(root / "data", "acme")
    for day, gone in ((YESTERDAY, ""), (DAY, "1")):
        accounts = [account(id_, values) for id_, values in PEOPLE.items() if id_ != gone]
        store(lake, "hr", day, accounts)
        resolve(acme, day, lake)
        publish(acme, lake, day)
    return root


@pytest.fixture
def lake(two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """Its lake; the command is started there at noon."""
    root = Path(shutil.copytree(two_days, tmp_path / "home"))
    (root / "dagster_home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(root / "dagster_home"))
    monkeypatch.setenv("OPENSENSE_DATA", str(root / "data"))
    monkeypatch.setenv("OPENSENSE_ORGANIZATIONS", str(root / "organizations"))
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=True):
        yield Lake(root / "data", "acme")


def forget(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["forget", "acme", *arguments])


def test_it_shows_what_goes_and_what_stays_and_says_what_was_done(lake: Lake) -> None:
    (lake.scratch / "old").mkdir()
    (lake.scratch / "old/people.csv").write_text("email\nana@acme.test\n")
    ended = forget("ana@acme.test", "--by", "Grace", "--yes")
    assert ended.exit_code == 0, ended.output
    assert "acme: what is stored of Ana Lovelace <ana@acme.test> will be removed." in ended.output
    assert "Accounts   hr/1" in ended.output
    assert "of 2 resolved days, from 2026-11-22 to 2026-11-23" in ended.output
    assert "1 account of other people with this person as manager: hr/2" in ended.output
    assert (
        "Stays      1 exported file of earlier settings, or without a column that identifies people:"
        " old/people.csv. Delete those that have this person."
    ) in ended.output
    assert "the exports in sftp://opensense.test/people.csv" in ended.output
    assert "out of reach: Opensense itself, exports that were delivered elsewhere" in ended.output
    assert f"{lake.url('forgotten.json')} records it without personal data." in ended.output


def test_accounts_of_a_person_who_became_one_with_another_are_said_to_stay(lake: Lake) -> None:
    """Bob and Cat are found to be one person today, who has the id of one of them."""
    file = lake.scratch.parent.parent / "organizations/acme.yaml"
    file.write_text(f"{ORGANIZATION}resolution: {{always_same: [[hr/2, hr/3]]}}\n")
    acme = load_organization(file)
    before = {row["id"]: row["person_id"] for row in tables_of(lake)["accounts"]}
    resolve(acme, DAY, lake)
    publish_approved(acme, lake, DAY)
    (now,) = {row["person_id"] for row in tables_of(lake)["accounts"]}
    ((account, ended),) = [(id_, person) for id_, person in before.items() if person != now]
    forgotten = forget(str(ended), "--by", "Grace", "--yes")
    assert forgotten.exit_code == 0, forgotten.output
    assert "Accounts   none" in forgotten.output
    assert (
        f"Stays      1 account of this person that another person has since: hr/{account}. Only rows with the"
        " person id above are removed."
    ) in forgotten.output
    assert f"forget the person {now}, which removes both." in forgotten.output
    # The person who is still here is refused, as always.
    refused = forget(str(now), "--by", "Grace", "--yes")
    assert refused.exit_code == 2
    assert "directory hr still had an account of this person" in refused.output


@pytest.mark.usefixtures("lake")
def test_nobody_can_be_asked_where_there_is_no_terminal() -> None:
    ended = forget("ana@acme.test", "--by", "Grace")
    assert ended.exit_code == 2
    assert (
        "Nobody can be asked here. Nothing was removed. To remove without asking, add --yes."
        in ended.output
    )
    assert forget("ana@acme.test", "--by", "Grace", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("who", "by", "words"),
    [
        (
            "dan",
            "Grace",
            "Nobody on a stored day of acme, or in its identity ledger, matches “dan”.",
        ),
        ("ray", "Grace", "2 people match “ray”:"),
        ("bob", "Grace", "acme: directory hr still had an account of this person on 2026-11-23"),
        ("ana", " ", "--by is empty: name the person who decides."),
        ("  ", "Grace", "names nobody"),
    ],
)
@pytest.mark.usefixtures("lake")
def test_what_cannot_be_forgotten_is_a_usage_error(who: str, by: str, words: str) -> None:
    ended = forget(who, "--by", by, "--yes")
    assert ended.exit_code == 2
    assert words in ended.output


def test_an_interrupted_one_is_named_by_doctor_and_completed_first(lake: Lake) -> None:
    person = forget("ana", "--by", "Grace").output.split("Person id  ")[1].split()[0]
    begin(lake, Begun(person_id=person, accounts=("hr/1",), by="Grace", forgotten={}))
    problems = [result for result in examine_state_files(lake) if not result.passed]
    assert [BEGUN in result.message for result in problems] == [True]
    ended = forget("ana", "--by", "Alan", "--yes")
    assert ended.exit_code == 0, ended.output
    assert "An earlier `forget` was interrupted. It is completed first." in ended.output
    assert begun(lake) is None
    assert '"by": "Grace"' in (lake.scratch / "forgotten.json").read_text()


def test_an_interrupted_one_names_the_person_who_came_back_and_what_to_do(lake: Lake) -> None:
    begin(lake, Begun(person_id="5e1f", accounts=("hr/2",), by="Grace", forgotten={}))
    ended = forget("ana", "--by", "Alan", "--yes")
    assert ended.exit_code == 2
    assert "directory hr still had an account of this person" in ended.output
    assert (
        "It was interrupted for the person 5e1f, with the accounts hr/2. If that person has come back and"
        f" must stay, delete {lake.url(BEGUN)}."
    ) in ended.output
    lake.store.remove([BEGUN])
    assert forget("ana", "--by", "Alan", "--yes").exit_code == 0
