"""The files of a lake that other users can read become private when the definitions or a command load."""

import shutil
from pathlib import Path

import pytest

from opensense_okta.cli.arguments import lake_of
from opensense_okta.definitions import defs
from opensense_okta.storage import private_files
from opensense_okta.storage.private_files import OWN_OF_A_LAKE, repair_lakes
from tests.support.company import DAY, Company, a_company, an_organization
from tests.support.home import make_home


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two lakes under the usual umask, as a copy or a restored backup has them."""
    root = tmp_path / "data"
    for name in ("acme", "globex"):
        day = root / name / "snapshots" / "directory=okta" / "date=2026-11-23"
        day.mkdir(parents=True)
        for file in (root / name / "published.json", day / "manifest.json"):
            file.write_text("{}")
            file.chmod(0o644)
        for folder in (root / name, *day.parents[: len(day.relative_to(root / name).parts)], day):
            folder.chmod(0o755)
    return root


def exposed(folder: Path) -> list[str]:
    paths = (folder, *folder.rglob("*"))
    return sorted(str(path.relative_to(folder)) for path in paths if mode(path) & 0o077)


def test_all_of_a_lake_becomes_private(root: Path) -> None:
    repair_lakes(root, ["acme"])
    assert exposed(root / "acme") == []
    assert mode(root / "globex" / "published.json") == 0o644


def test_the_entry_points_repair_the_lakes_of_the_organizations(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path, "https://acme.okta.com")))
    monkeypatch.setenv("OPENSENSE_DATA", str(root))
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)
    defs()
    assert exposed(root / "acme") == []
    (root / "acme" / "published.json").chmod(0o644)
    lake_of(an_organization())
    assert exposed(root / "acme") == []


def test_exports_and_files_of_others_keep_their_rights(root: Path) -> None:
    for name in ("exports", ".git"):
        (root / "acme" / name).mkdir()
        (root / "acme" / name).chmod(0o755)
    repair_lakes(root, ["acme"])
    assert exposed(root / "acme") == [".", ".git", "exports"]


def test_a_folder_without_a_lake_is_left_as_it_is(root: Path) -> None:
    shutil.rmtree(root / "acme" / "snapshots")
    (root / "acme" / "published.json").rename(root / "acme" / "letter.txt")
    repair_lakes(root, ["acme", "initech"])
    assert exposed(root / "acme") == [".", "letter.txt"]


def test_a_large_lake_is_repaired_from_its_upper_levels_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "MAX_EXAMINED", 8)
    repair_lakes(root, ["acme", "globex"])
    for name in ("acme", "globex"):
        assert exposed(root / name) == ["snapshots/directory=okta/date=2026-11-23/manifest.json"]


def test_what_a_sync_puts_into_a_lake_is_known(tmp_path: Path) -> None:
    with a_company(tmp_path) as acme:
        synced(acme)
        assert {path.name for path in acme.lake.scratch.iterdir()} <= {*OWN_OF_A_LAKE, "exports"}


def synced(company: Company) -> None:
    company.keep(DAY)
    assert company.run("resolve").succeeded
