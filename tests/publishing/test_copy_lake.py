"""A lake is copied to another place, and everything goes on there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from opensense_okta.config.environment import is_store
from opensense_okta.publishing import copy_lake
from opensense_okta.publishing.copy_lake import Copied, CopyRefused, copy_lakes
from opensense_okta.publishing.published import published
from opensense_okta.storage import bucket
from opensense_okta.storage.lake import Lake, organizations
from opensense_okta.storage.opening import LakeMissing, copy_between, create_lake, open_store
from opensense_okta.storage.store import Store
from tests.support.leaving import DAYS, contents, sync
from tests.support.object_stores import forget_connections

URL = "s3://acme-lake/opensense"


@pytest.fixture(scope="module")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a published day, and with files that need not be copied."""
    root = tmp_path_factory.mktemp("one day")
    lake = Lake(root, "acme")
    sync(lake, DAYS[0], with_ada=True)
    (lake.locks / "organization.lock").write_text("run")
    lake.unfinished("directory.duckdb").write_text("unfinished")
    return root


@pytest.fixture
def source(one_day: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(one_day, tmp_path / "source"))


@pytest.fixture(params=["folder", "store"])
def target(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path | str]:
    """An empty place: a folder, or a bucket."""
    objects = MemoryStore()
    forget_connections()
    monkeypatch.setattr(bucket, "from_url", lambda *_url, **_options: objects)
    yield tmp_path / "target" if request.param == "folder" else URL
    forget_connections()


def copied(source: Path | str, target: Path | str) -> list[Copied]:
    return copy_lakes(source, target, lambda _copied: None)


def what_is_published(lake: Lake) -> dict[str, object]:
    """All that is known of the published day, without the mark of the file, which is of the place."""
    last = published(lake)
    assert last is not None
    return last.model_dump(exclude={"file"})


def test_everything_is_there_and_the_next_sync_goes_on(source: Path, target: Path | str) -> None:
    before = Lake(source, "acme")
    (result,) = copied(source, target)
    there = Lake(target, "acme")
    assert organizations(target) == ["acme"]
    assert what_is_published(there) == what_is_published(before)
    assert result.files == len(list(there.store.entries("")))
    sync(there, DAYS[1], with_ada=True, export=False)
    last = published(there)
    assert last is not None
    assert last.difference is not None
    assert (last.difference.added, last.difference.removed, last.difference.changed) == (0, 0, 1)


def test_there_and_back_each_file_is_the_same(
    source: Path, target: Path | str, tmp_path: Path
) -> None:
    copied(source, target)
    copied(target, tmp_path / "back")
    before, after = contents(Lake(source, "acme")), contents(Lake(tmp_path / "back", "acme"))
    assert {name for name in before if name not in after} == {
        name for name in before if name.startswith((".", "locks/"))
    }
    assert after == {name: before[name] for name in after}


class Killed(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("moment", [0, 10, "before published.json"])
def test_an_interrupted_copy_is_no_lake_until_it_is_continued(
    source: Path, target: Path | str, moment: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, names = copy_between, list[str]()

    def dying(name: str, source: Store, target: Store) -> None:
        if len(names) == moment or name == str(moment).removeprefix("before "):
            raise Killed
        names.append(name)
        copy(name, source, target)

    with monkeypatch.context() as patch:
        patch.setattr(copy_lake, "copy_between", dying)
        with pytest.raises(Killed):
            copied(source, target)
    forget_connections() if is_store(target) else None
    with pytest.raises(LakeMissing):
        open_store(target, "acme")
    again = list[str]()

    def noting(name: str, source: Store, target: Store) -> None:
        again.append(name)
        copy(name, source, target)

    monkeypatch.setattr(copy_lake, "copy_between", noting)
    copied(source, target)
    tables = {name for name in names if name.endswith(".parquet")}
    assert not tables & set(again)
    assert what_is_published(Lake(target, "acme")) == what_is_published(Lake(source, "acme"))


def test_what_retention_deleted_meanwhile_is_not_in_the_copy(
    source: Path, target: Path | str
) -> None:
    with pytest.raises(Killed):
        copy_lakes(source, target, _die)
    Lake(source, "acme").store.remove([f"reports/date={DAYS[0]}.html"])
    copied(source, target)
    assert Lake(target, "acme").report_days() == []


def _die(*_arguments: object) -> None:
    raise Killed


def test_a_place_with_something_else_is_refused(source: Path, target: Path | str) -> None:
    if is_store(target):
        create_lake(str(target))
    else:
        sync(Lake(target, "other"), DAYS[0], with_ada=False)
    with pytest.raises(CopyRefused, match=r"already has (a lake|other files, such as other)\."):
        copied(source, target)


def test_a_copy_of_another_lake_is_not_continued(
    source: Path, target: Path | str, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        copy_lakes(source, target, _die)
    other = shutil.copytree(source, tmp_path / "other")
    with pytest.raises(CopyRefused, match=f"has an incomplete copy of {source}"):
        copied(other, target)


def test_where_nothing_is_stored_nothing_is_copied(tmp_path: Path) -> None:
    with pytest.raises(CopyRefused, match="Nothing is stored in"):
        copied(tmp_path / "nothing", tmp_path / "target")


def test_a_link_that_would_be_missing_in_the_copy_is_refused(source: Path, tmp_path: Path) -> None:
    reports = source / "acme/reports"
    reports.rename(tmp_path / "reports")
    reports.symlink_to(tmp_path / "reports")
    with pytest.raises(CopyRefused, match="acme/reports is a symbolic link to a folder"):
        copied(source, tmp_path / "target")
    reports.unlink()
    (source / "acme/gone.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CopyRefused, match=r"acme/gone.csv is no file that can be read"):
        copied(source, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_lake_whose_own_folder_is_a_link_is_copied(source: Path, tmp_path: Path) -> None:
    (source / "acme").rename(tmp_path / "elsewhere")
    (source / "acme").symlink_to(tmp_path / "elsewhere")
    copied(source, tmp_path / "target")
    assert what_is_published(Lake(tmp_path / "target", "acme")) == what_is_published(
        Lake(source, "acme")
    )


def test_folders_that_are_no_lakes_are_not_copied(source: Path, tmp_path: Path) -> None:
    (source / "lost+found").mkdir()
    (source / ".git").mkdir()
    assert [lake.organization for lake in copied(source, tmp_path / "target")] == ["acme"]
    assert organizations(tmp_path / "target") == ["acme"]


def test_a_file_is_no_place_for_a_copy(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for target in (tmp_path / "file", tmp_path / "file/copy"):
        with pytest.raises(CopyRefused, match="is no folder"):
            copied(source, target)
