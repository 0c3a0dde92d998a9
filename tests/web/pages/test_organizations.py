"""The page of all organizations, and what all pages have in common."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.organization_files import COPIES
from tests.support.csv_snapshots import account, store
from tests.support.pages import FILE, Pages, Shown, organization, pages, publish_day
from tests.support.run_records import record_run
from tests.support.stored import DAY

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
YESTERDAY = DAY - timedelta(days=1)
PEOPLE = {"1": {"email": "ana@acme.test"}, "2": {"email": "bob@acme.test"}}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Pages]:
    with time_machine.travel(NOON, tick=False), pages(tmp_path) as home:
        yield home


def test_an_organization_shows_its_published_day_and_people(home: Pages) -> None:
    publish_day(home.lake, DAY, PEOPLE)
    answer = home.get("/")
    shown = Shown(answer.text)
    assert answer.status_code == 200
    assert "acme ✓ nothing is wrong" in shown.words
    assert "Published 2026-11-23, since 2026-11-23 12:00 UTC" in shown.words
    assert "People 2, of them 2 active" in shown.words
    assert "the schedule starts the next sync at 2026-11-24 02:00 UTC" in shown.words
    assert "/acme/" in shown.links
    assert shown.elements.count("h1") == 1


def test_a_sync_at_work_is_shown_on_both_pages(home: Pages) -> None:
    publish_day(home.lake, DAY, PEOPLE)
    run = record_run(home.instance, "acme")
    record_run(home.instance, "other")
    for page in ("/", "/acme/"):
        shown = Shown(home.get(page).text)
        assert re.search(
            r"Now a sync is at work, started \d{4}-\d\d-\d\d \d\d:\d\d UTC", shown.words
        )
        assert f"/runs/{run.run_id}" in shown.links


@pytest.mark.parametrize(
    ("content", "says"), [(None, "directory.duckdb is missing"), (b"x", "directory.duckdb")]
)
def test_a_lost_database_is_not_well(home: Pages, content: bytes | None, says: str) -> None:
    publish_day(home.lake, DAY, PEOPLE)
    home.lake.database.unlink()
    if content:
        home.lake.database.write_bytes(content)
    for page in ("/", "/acme/"):
        words = Shown(home.get(page).text).words
        assert "nothing is wrong" not in words
        assert says in words
        assert f"Programs cannot read the directory of {DAY}." in words
        assert re.search(
            "What to do: run opensense-okta sync acme ?: it writes the database", words
        )
        assert f"Published {DAY}" in words
    assert any(says in result.text for result in examine_state_files(home.lake))
    publish(organization(), home.lake, DAY)
    assert "acme ✓ nothing is wrong" in Shown(home.get("/").text).words


def test_a_directory_with_older_data_is_named(home: Pages) -> None:
    store(home.lake, "shop", DAY - timedelta(days=9), [])
    store(home.lake, "hr", DAY, [account("1", {"email": "ana@acme.test"})])
    acme = organization()
    resolve(acme, DAY, home.lake)
    publish(acme, home.lake, DAY)
    assert "Older data shop of 2026-11-14 (stale)" in Shown(home.get("/").text).words


def test_a_day_that_is_late_shows_its_reason_and_remedy(home: Pages) -> None:
    publish_day(home.lake, YESTERDAY, PEOPLE)
    words = Shown(home.get("/").text).words
    assert f"! {DAY} is late" in words
    assert "It was due at 02:00 UTC, 10 hours ago, and no sync of it was started." in words
    assert "What to do: check in Dagster's UI whether the schedule acme__daily is on" in words
    assert f"Published {YESTERDAY}" in words


def test_a_file_with_mistakes_is_shown_and_its_last_valid_version_counts(home: Pages) -> None:
    publish_day(home.lake, DAY, PEOPLE)
    copy = home.root / COPIES / "acme.yaml"
    copy.parent.mkdir()
    copy.write_text(FILE)
    (home.organizations / "acme.yaml").write_text(f"{FILE}shcedule: '0 3 * * *'\n")
    (home.organizations / "new.yaml").write_text("<b>")
    shown = Shown(home.get("/").text)
    assert "✕ the organization file has mistakes" in shown.words
    assert "did you mean schedule?" in shown.words
    assert "The last valid version of the file counts until then." in shown.words
    assert "People 2" in shown.words
    assert "Nothing is synced until then" in shown.words
    assert "/acme/" in shown.links
    assert "/new/" not in shown.links


def test_an_organization_that_cannot_be_read_leaves_the_others_as_they_are(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.organizations / "globex.yaml").write_text(FILE)
    publish_day(home.lake, DAY, PEOPLE)
    children = Folder.children

    def refuse(store: Folder, folder: str) -> list[str]:
        if store.root.name == "globex":
            raise PermissionError(13, "Permission denied", str(store.root / folder))
        return children(store, folder)

    monkeypatch.setattr(Folder, "children", refuse)
    answer = home.get("/")
    words = Shown(answer.text).words
    assert answer.status_code == 200
    assert "acme ✓ nothing is wrong" in words
    assert "globex ✕ its stored data cannot be read" in words
    assert "What to do: run this as" in words


def test_without_organizations_the_page_says_so(tmp_path: Path) -> None:
    with pages(tmp_path, {}) as home:
        assert "There is no organization yet" in Shown(home.get("/").text).words


def test_no_page_is_kept_or_takes_anything_from_elsewhere(home: Pages) -> None:
    for path in ("/", "/nowhere", "/acme/reports/2026-11-23/..%2f"):
        answer = home.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")
        assert answer.headers["server-timing"].startswith("page;dur=")
        assert not {"script", "style", "img", "iframe"} & set(Shown(answer.text).elements)


def test_an_unknown_address_has_a_page_that_leads_back(home: Pages) -> None:
    for path in ("/acme/nowhere", "/acme/%2e%2e/x", "/acme/%00"):
        answer = home.get(path)
        assert answer.status_code == 404
        assert "What to do: begin with the page of all organizations." in Shown(answer.text).words
    assert home.ask("POST", "/").status_code == 405


def test_a_missing_folder_of_organizations_is_an_error_with_a_remedy(home: Pages) -> None:
    (home.organizations / "acme.yaml").unlink()
    home.organizations.rmdir()
    answer = home.get("/")
    assert answer.status_code == 500
    assert "What to do: make it, or name another folder" in Shown(answer.text).words


def test_the_style_sheet_is_served(home: Pages) -> None:
    answer = home.get("/style.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "color-scheme: light dark" in answer.text


def test_an_unexpected_error_shows_no_traceback_and_logs_no_message(
    home: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(PEOPLE["1"]["email"])

    monkeypatch.setattr("opensense_okta.web.pages.organizations.switches", fail)
    answer = home.get("/")
    assert answer.status_code == 500
    assert "unexpected error" in Shown(answer.text).words
    assert "ana@acme.test" not in answer.text + caplog.text
    assert "ValueError" in caplog.text
