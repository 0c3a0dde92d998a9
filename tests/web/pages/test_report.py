"""The report of a day in the browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from opensense_okta.orchestration.names import report_page
from opensense_okta.publishing.report.report import write_report
from tests.support.pages import Pages, Shown, organization, pages, publish_day
from tests.support.stored import DAY


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path) as home:
        yield home


def test_a_report_is_shown_as_it_is_stored(home: Pages) -> None:
    publish_day(home.lake, DAY, {"1": {"email": "ana@acme.test"}})
    path = write_report(organization(), home.lake, DAY)
    address = report_page("acme", DAY).removeprefix("/directory")
    assert address in Shown(home.get("/acme/").text).links
    answer = home.get(address)
    assert answer.content == path.read_bytes()
    assert answer.headers["content-security-policy"] == (
        "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/acme/reports/2026-11-24", "There is no report of acme for 2026-11-24."),
        ("/acme/reports/24.11.2026", "“24.11.2026” is no day."),
        ("/acme/reports/..%2f2026-11-23", "There is no such page."),
        ("/nix/reports/2026-11-23", "There is no organization “nix”."),
        ("/%2e%2e/reports/2026-11-23", "There is no organization “..”."),
    ],
)
def test_what_is_no_report_is_not_found(home: Pages, address: str, words: str) -> None:
    answer = home.get(address)
    assert answer.status_code == 404
    assert words in Shown(answer.text).words


def test_a_report_that_may_not_be_read_is_an_error_with_a_remedy(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_store: object, name: str) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("opensense_okta.storage.folder.Folder.read", refuse)
    answer = home.get("/acme/reports/2026-11-23")
    assert answer.status_code == 500
    assert "What to do: run this as" in Shown(answer.text).words
