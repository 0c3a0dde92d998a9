"""The audit log of the pages."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import time_machine

from opensense_okta.web.audit import FOLDER, AuditFailed, record_look
from opensense_okta.web.visitor import Visitor
from tests.support.stored import DAY

EVE = Visitor("Eve \N{BLACK HEART SUIT}\n")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_each_month_has_a_file_that_only_its_owner_reads(home: Path) -> None:
    before = os.umask(0)
    try:
        for now in ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"):
            with time_machine.travel(now, tick=False):
                record_look(EVE, "person", "acme", DAY, ["p1"])
    finally:
        os.umask(before)
    folder = home / FOLDER
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["2026-11.jsonl", "2026-12.jsonl"]
    assert [path.stat().st_mode & 0o777 for path in (folder, *files)] == [0o700, 0o600, 0o600]
    (line,) = files[0].read_text().splitlines()
    assert json.loads(line)["user"] == EVE.name


def test_lines_of_several_requests_are_never_mixed(home: Path) -> None:
    people = [f"p{number}" for number in range(500)]
    with ThreadPoolExecutor(8) as requests:
        list(requests.map(lambda _: record_look(EVE, "search", "acme", DAY, people), range(200)))
    (path,) = (home / FOLDER).iterdir()
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert all(json.loads(line)["people"] == people for line in lines)


def test_a_log_that_is_a_link_to_elsewhere_is_not_written(home: Path) -> None:
    (home / FOLDER).mkdir()
    (home / "elsewhere").write_text("")
    with time_machine.travel("2026-11-30T12:00:00Z", tick=False):
        (home / FOLDER / "2026-11.jsonl").symlink_to(home / "elsewhere")
        with pytest.raises(AuditFailed, match="cannot be written"):
            record_look(EVE, "person", "acme", DAY, ["p1"])
    assert (home / "elsewhere").read_text() == ""
