"""A lake in an object store is opened only where it was made, and where writes have conditions."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore

from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.storage import bucket, opening
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.lake import Lake, organizations, stored_days
from opensense_okta.storage.opening import (
    LakeMissing,
    UnsafeStore,
    create_lake,
    open_store,
    process_scratch,
    refuse_unsafe,
)
from opensense_okta.storage.store import ABSENT, StoreDenied
from tests.support.object_stores import forget_connections

if TYPE_CHECKING:
    from obstore import PutMode

ROOT = "s3://acme-lake/opensense"


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """What is stored behind every URL."""
    objects = MemoryStore()
    forget_connections()
    monkeypatch.setattr(bucket, "from_url", lambda *_url, **_options: objects)
    return objects


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    forget_connections()


def another_process() -> None:
    forget_connections()


def test_a_lake_that_nobody_made_is_not_an_empty_one(objects: MemoryStore) -> None:
    assert objects
    with pytest.raises(LakeMissing) as raised:
        Lake(ROOT, "acme")
    assert str(raised.value) == (
        f"There is no lake at {ROOT}: the bucket or the folder in it does not exist, or has no lake.json."
        " Nothing was read or written; what is published elsewhere stays. What to do: correct"
        " OPENSENSE_DATA. If a new lake is to be made there, create the bucket, then run `opensense-okta"
        " init`."
    )
    assert not raised.value.transient
    for look in (lambda: organizations(ROOT), lambda: stored_days(ROOT, "acme")):
        with pytest.raises(LakeMissing):
            look()


def test_a_lake_is_made_once_and_then_opened(objects: MemoryStore) -> None:
    assert create_lake(ROOT)
    marker = objects.get("lake.json").bytes()
    assert not create_lake(ROOT)
    assert objects.get("lake.json").bytes() == marker
    another_process()
    lake = Lake(ROOT, "acme")
    assert lake.url("published.json") == f"{ROOT}/acme/published.json"
    lake.store.write("published.json", b"{}", ABSENT)
    assert [meta["path"] for page in objects.list() for meta in page] == [
        "acme/published.json",
        "lake.json",
    ]
    assert organizations(ROOT) == ["acme"]
    assert stored_days(ROOT, "acme") == set()


def test_each_lake_has_its_own_scratch_folder_in_that_of_the_process(objects: MemoryStore) -> None:
    assert objects
    create_lake(ROOT)
    acme, beta = (Lake(ROOT, name) for name in ("acme", "beta"))
    assert acme.scratch != beta.scratch
    assert acme.scratch == Lake(ROOT, "acme").scratch
    assert {acme.scratch.parent, beta.scratch.parent} == {process_scratch()}
    assert acme.scratch.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("ignored", ["create", "replace"])
def test_a_store_that_ignores_conditions_is_refused(
    objects: MemoryStore, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    create_lake(ROOT)
    forget_connections()
    put = obstore.put

    def careless(
        store: ObjectStore,
        name: str,
        data: bytes,
        *,
        mode: "PutMode",
        attributes: dict[str, str],
        use_multipart: bool,
    ) -> object:
        careless_of = "create" if mode == "create" else "replace"
        mode = "overwrite" if careless_of == ignored else mode
        return put(store, name, data, mode=mode, attributes=attributes, use_multipart=use_multipart)

    monkeypatch.setattr(obstore, "put", careless)
    store = Bucket(ROOT, objects, "", process_scratch())
    with pytest.raises(UnsafeStore) as raised:
        refuse_unsafe(store)
    assert "ignores the conditions of a write" in raised.value.message
    assert "Nothing is published there" in raised.value.impact
    assert not raised.value.transient
    assert [entry.name for entry in store.entries("")] == ["lake.json"]
    if ignored == "create":
        with pytest.raises(UnsafeStore):
            Lake(ROOT, "acme")
    store.remove(["lake.json"])
    with pytest.raises(UnsafeStore):
        create_lake(ROOT)
    assert list(store.entries("")) == []


def test_who_may_only_read_opens_a_lake(
    objects: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert objects
    create_lake(ROOT)
    another_process()

    def denied(store: Bucket, *_arguments: object) -> None:
        raise StoreDenied(store.url())

    monkeypatch.setattr(Bucket, "write", denied)
    assert Lake(ROOT, "acme").resolved_days() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://acme-lake/opensense",
        "s3:///opensense",
        "s3://key:secret@acme-lake/opensense",
        "s3://acme-lake/opensense?token=secret",
        "abfss://lake:secret@account.dfs.core.windows.net/opensense",
        "s3://secret@acme-lake/opensense",  # obstore would leave it out
        "s3://acme-lake:9000/opensense",
        "s3://acme-lake/secret/../opensense",  # another folder than people read in it
        "s3://acme-lake/open%73ense",
        "s3://acme-lake//opensense",
        "s3://acme-lake/opensense\n",
        "s3://[acme-lake/opensense",
    ],
)
def test_a_url_at_which_there_can_be_no_lake_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(EnvironmentMistake) as raised:
        open_store(url, "acme")
    assert "abfss://container@account.dfs.core.windows.net/folder" in raised.value.remedy
    assert "secret" not in str(raised.value)


def test_without_obstore_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opensense_okta.storage.bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(EnvironmentMistake) as raised:
        create_lake(ROOT)
    assert "needs obstore, which is not installed" in raised.value.message
    assert raised.value.remedy.endswith("opensense-okta[store].")


def test_a_lake_in_a_folder_needs_no_marker_and_no_obstore(tmp_path: Path) -> None:
    assert (
        open_store(tmp_path, "acme")
        == open_store(str(tmp_path), "acme")
        == Folder(tmp_path / "acme")
    )
    program = (
        "import sys; from opensense_okta.storage.lake import Lake;"
        "Lake(sys.argv[1], 'acme').create(); print([name for name in sys.modules if 'obstore' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


SCRATCH = """
import os, signal, sys
from opensense_okta.storage.opening import process_scratch
print(process_scratch(), flush=True)
(process_scratch() / "table").write_bytes(b"people")
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_scratch_folder_ends_with_its_process_or_with_the_next_one(tmp_path: Path) -> None:
    environment = {**os.environ, "OPENSENSE_SCRATCH": str(tmp_path / "scratch")}

    def scratch(ends: str) -> Path:
        command = [sys.executable, "-c", SCRATCH, ends]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=ends != "killed"
        )
        return Path(done.stdout.strip())

    assert not scratch("orderly").exists()
    killed = scratch("killed")
    assert killed.parent == tmp_path / "scratch"
    assert killed.stat().st_mode & 0o777 == 0o700
    assert (killed / "table").exists()
    scratch("orderly")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_scratch_folder_of_a_process_at_work_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "scratch_root", lambda: tmp_path)
    at_work = opening.process_scratch.__wrapped__()
    assert opening.process_scratch.__wrapped__() != at_work
    assert at_work.exists()


@pytest.mark.parametrize("place", ["file", "file/folder"])
def test_a_file_in_place_of_the_scratch_folder_is_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(opening, "scratch_root", lambda: tmp_path / place)
    with pytest.raises(EnvironmentMistake, match=f"OPENSENSE_SCRATCH={tmp_path / place}"):
        opening.process_scratch.__wrapped__()
