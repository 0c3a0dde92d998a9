"""Where the first record is that was set aside: its page, and its number on the page."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.records import Records, read_identifiers, read_records

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TWICE = b'{"id": "00u2", "id": "00u3"}'


@pytest.mark.parametrize("odd", [b"[]", b'{"id": ""}', b"{}", TWICE])
def test_a_page_says_which_record_is_the_first(odd: bytes) -> None:
    body = b'[{"id": "00u0"}, ' + odd + b', {"id": "00u1"}, 7]'
    for found in (read_records(body), read_identifiers(body)):
        assert (found.set_aside, found.first_set_aside) == (2, 2)


def test_a_page_without_any_says_so() -> None:
    assert read_records(b'[{"id": "00u0"}]').first_set_aside == 0


def test_a_read_says_which_page_it_is_on_also_when_it_is_resumed(tmp_path: Path) -> None:
    pages = [
        ("users", 1, Records([b'{"id":"a"}'], ["a"])),
        ("users", 2, Records([b'{"id":"b"}'], ["b"])),
        ("deprovisioned", 1, Records([b'{"id":"c"}'], ["c"], 2, 2)),
        ("deprovisioned", 2, Records([], [], 1, 1)),
    ]
    with ReadCheckpoint(tmp_path, ("users", "groups")) as checkpoint:
        for listing, number, records in pages:
            checkpoint.add("users", listing, 1, number, records, None, NOON)
        assert checkpoint.first_set_aside("users") == (3, 2)
        assert checkpoint.first_set_aside("groups") is None
    with ReadCheckpoint(tmp_path, ("users", "groups")) as resumed:
        assert resumed.first_set_aside("users") == (3, 2)


def test_a_journal_of_an_earlier_version_is_resumed_without_it(tmp_path: Path) -> None:
    with ReadCheckpoint(tmp_path, ("users",)) as checkpoint:
        checkpoint.add("users", "users", 1, 1, Records([], [], 1, 1), None, NOON)
    text = checkpoint.journal.read_text()
    checkpoint.journal.write_text(text.replace(',"first_set_aside":1', ""))
    with ReadCheckpoint(tmp_path, ("users",)) as resumed:
        assert resumed.set_aside("users") == 1
        assert resumed.first_set_aside("users") is None
