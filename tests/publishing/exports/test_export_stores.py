"""Exports of a lake in an object store, and exports into one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from opensense_okta.publishing.exports.dated import dated_exports
from opensense_okta.publishing.exports.delivery import public
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.export import ExportResult, export
from opensense_okta.storage import bucket
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.opening import create_lake
from opensense_okta.storage.store import Changed
from tests.support.exporting import DAY, Person, acme, ada, bob, resolved, rows
from tests.support.object_stores import (
    BUCKET,
    forget_connections,
    make_bucket,
    objects_at,
    s3_server,
)

ROOT = f"s3://{BUCKET}/opensense"
NAMES = ["people.changes.csv", "people.csv", "people.csv.sha256", "people.parquet"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        create_lake(ROOT)
        make_bucket(address, "signatures")
        yield address


@dataclass(frozen=True)
class Exporting:
    """Exports the people of a day from a lake."""

    lake: Lake
    folder: Path

    def __call__(self, people: Sequence[Person], path: str) -> list[ExportResult]:
        organization = acme(self.folder / "organizations", f"{{path: '{path}'}}")
        table = resolved(self.lake, people)
        return export(organization, self.lake, table, DAY, before=None)


@pytest.fixture
def of_store(server: str, tmp_path: Path) -> Exporting:
    assert server
    return Exporting(Lake(ROOT, "acme"), tmp_path)


def stored(url: str) -> list[str]:
    return sorted(meta["path"] for page in objects_at(url).list() for meta in page)


def test_a_relative_path_is_in_the_lakes_store(of_store: Exporting) -> None:
    for people in ([ada()], [ada(), bob()]):
        made = of_store(people, "exports/{date}/people.csv")
    assert stored(f"{ROOT}/acme/exports") == [f"{DAY}/{name}" for name in NAMES]
    document = of_store.lake.store.read(f"exports/{DAY}/people.csv")
    assert document is not None
    assert len(rows(document.data)) == 3
    assert {file.url for file in made} == {f"{ROOT}/acme/exports/{DAY}/{name}" for name in NAMES}
    organization = acme(of_store.folder / "organizations", "{path: 'exports/{date}/people.csv'}")
    assert list(dated_exports(organization, of_store.lake)) == [DAY]


def test_an_export_into_the_lake_does_not_replace_what_another_process_wrote(
    of_store: Exporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_store([ada()], "exports/people.csv")
    keep = Bucket.keep
    other = b"of the other process"

    def overtaken(store: Bucket, file: Path, name: str, over: object) -> object:
        monkeypatch.setattr(Bucket, "keep", keep)
        elsewhere = replace(store, _copies={})
        elsewhere.write("exports/people.csv", other, elsewhere.version("exports/people.csv"))
        return keep(store, file, name, over)  # type: ignore[arg-type]  # a version

    monkeypatch.setattr(Bucket, "keep", overtaken)
    with pytest.raises(Changed):
        of_store([ada(), bob()], "exports/people.csv")
    document = of_store.lake.store.read("exports/people.csv")
    assert document is not None
    assert document.data == other


def test_an_export_goes_into_another_bucket(of_store: Exporting) -> None:
    for people in ([ada()], [ada(), bob()]):
        made = of_store(people, "s3://signatures/acme/people.csv")
    assert stored("s3://signatures/acme") == NAMES
    content = bytes(objects_at("s3://signatures/acme").get("people.csv").bytes())
    assert len(rows(content)) == 3
    assert made[0].url.startswith("s3://signatures/acme/people.")


def test_a_lake_in_a_folder_exports_into_a_bucket(server: str, tmp_path: Path) -> None:
    assert server
    lake = Lake(tmp_path / "lake", "acme")
    Exporting(lake, tmp_path)([ada()], "s3://signatures/of-a-folder/people.csv")
    assert stored("s3://signatures/of-a-folder") == NAMES


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/people.csv",
        f"{ROOT}/acme/snapshots/people.csv",
        f"{ROOT}/acme/exported/people.csv",
        f"{ROOT}/beta/people.csv",
        f"s3a://{BUCKET}/opensense/acme/resolved/people.csv",
        f"{ROOT}//acme/reports/people.csv",
    ],
)
def test_the_lakes_own_names_are_refused_by_url(
    of_store: Exporting, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opensense_okta.config.locations._refuse_unknown", lambda _parts: None)
    with pytest.raises(ExportFailed) as failed:
        of_store([ada()], path)
    assert "where the lake keeps its own files or another organization's" in str(failed.value)
    assert path.rpartition("/")[0] in str(failed.value)


@pytest.mark.parametrize("path", [f"{ROOT}/acme/exports/people.csv", f"s3://{BUCKET}/people.csv"])
def test_other_names_of_the_same_bucket_are_not(of_store: Exporting, path: str) -> None:
    of_store([ada()], path)
    assert stored(path.rpartition("/")[0])


def test_a_missing_bucket_or_a_store_that_does_not_answer_is_transient(
    of_store: Exporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failure(change: Callable[[], object]) -> ExportFailed:
        change()
        with pytest.raises(ExportFailed) as failed:
            of_store([ada()], "s3://nowhere/people.csv")
        return failed.value

    missing = failure(lambda: None)
    assert missing.transient
    assert "s3://nowhere (FileNotFoundError)" in str(missing)
    monkeypatch.setattr(bucket, "RETRIES", {"max_retries": 0})
    silent = failure(lambda: monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9"))
    assert silent.transient
    assert "s3://nowhere (GenericError)" in str(silent)
    assert "127.0.0.1" not in str(silent)
    forget_connections()


def test_the_container_of_azure_is_shown_and_a_user_is_not() -> None:
    azure = "abfss://exports@acme.dfs.core.windows.net/people"
    assert public(azure) == azure
    assert public("sftp://ada@host/people") == "sftp://host/people"
