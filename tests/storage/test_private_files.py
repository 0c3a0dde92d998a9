"""Files that other users can read: which they are, and how they become private."""

import os
import time
from pathlib import Path

import pytest

from opensense_okta.storage import private_files
from opensense_okta.storage.private_files import (
    exposed_entries,
    exposed_files,
    make_private,
    repair_home,
)
from tests.support.unprivileged import as_nobody, open_folder

OURS = "python_logs: {managed_python_loggers: [opensense_okta]}"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as Dagster makes it under the usual umask."""
    home = tmp_path / "home"
    (home / "history" / "runs").mkdir(parents=True)
    for path, as_made in (
        (home / "history" / "runs.db", 0o644),
        (home / "history" / "runs" / "a.db", 0o664),
    ):
        path.write_text("x")
        path.chmod(as_made)
    for folder in (home, home / "history", home / "history" / "runs"):
        folder.chmod(0o755)
    return home


def test_what_others_can_read_is_found(home: Path) -> None:
    (home / "private.db").touch(0o600)
    assert exposed_files(home) == [
        home,
        home / "history",
        *sorted(home.glob("history/*"), key=lambda path: exposed_files(home).index(path)),
        home / "history" / "runs" / "a.db",
    ]


def test_a_private_folder_hides_what_is_in_it(home: Path) -> None:
    home.chmod(0o700)
    assert exposed_files(home) == []


def test_all_of_it_becomes_private_and_the_owner_keeps_all_rights(home: Path) -> None:
    program = home / "run.sh"
    program.touch()
    program.chmod(0o755)
    assert make_private(home) == []
    assert [mode(path) for path in (home, *sorted(home.rglob("*")))] == [
        0o700, 0o700, 0o700, 0o600, 0o600, 0o700,
    ]  # fmt: skip


def test_a_link_and_its_target_stay_as_they_are(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (home / "link").symlink_to(outside)
    make_private(home)
    assert mode(outside) == 0o644


def test_thousands_of_files_are_examined_quickly_and_no_more_than_so_many(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3000):
        (home / f"{number}.db").touch(0o600)
    before = time.process_time()
    make_private(home)
    assert time.process_time() - before < 1
    monkeypatch.setattr(private_files, "MAX_EXAMINED", 100)
    for path in home.iterdir():
        path.chmod(0o755)
    make_private(home)
    assert sum(mode(path) == 0o700 for path in home.iterdir()) == 100


def test_what_is_not_there_is_not_exposed(tmp_path: Path) -> None:
    assert exposed_files(tmp_path / "none") == []
    assert make_private(tmp_path / "none") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_files_of_another_user_are_left_and_named_in_the_log() -> None:
    imports = (
        "import logging; from opensense_okta.storage.private_files import repair_home;"
        " logging.basicConfig(); os.environ['DAGSTER_HOME'] = sys.argv[1]"
    )
    with open_folder() as folder:
        (folder / "dagster.yaml").write_text(OURS)
        (folder / "dagster.yaml").chmod(0o644)
        ended = as_nobody(imports, "repair_home()", str(folder))
        assert ended.stderr.strip().endswith(
            f"{folder} can be read by other users, and belongs to another user, as may more files of"
            f" {folder}. Let their owner take these rights away: chmod -R go= {folder}"
        )
        assert mode(folder) == 0o755


def test_the_whole_home_becomes_private_if_nothing_else_is_in_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_text(OURS)
    repair_home()
    assert exposed_files(home) == []


def test_a_folder_that_also_has_other_files_keeps_their_rights(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_text(OURS)
    (home / "photos").mkdir()
    for path in (home / "dagster.yaml", home / "photos"):
        path.chmod(0o755)
    repair_home()
    assert exposed_files(home) == [home, home / "photos"]


def test_a_folder_that_is_no_home_of_dagster_is_left_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `/`, which somebody may name by mistake, and as root."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    before = exposed_files(home)
    repair_home()
    assert exposed_files(home) == before


def test_the_home_of_another_project_is_left_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_text("telemetry: {enabled: true}")
    before = exposed_files(home)
    repair_home()
    assert exposed_files(home) == before


def test_only_our_entries_of_a_folder_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name in ("history", "photos"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)
    assert exposed_entries(tmp_path, {"history"}) == {tmp_path / "history": [tmp_path / "history"]}
    assert exposed_entries(tmp_path / "none", {"history"}) == {}
