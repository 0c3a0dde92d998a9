"""The command `init`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from obstore.store import MemoryStore

from opensense_okta.cli.main import main
from opensense_okta.storage import bucket
from tests.support.object_stores import forget_connections

ROOT = "s3://acme-lake/opensense"


@pytest.fixture(autouse=True)
def objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryStore]:
    objects = MemoryStore()
    forget_connections()
    monkeypatch.setattr(bucket, "from_url", lambda *_url, **_options: objects)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr("opensense_okta.cli.main.set_private_umask", lambda: None)
    yield objects
    forget_connections()


def init(monkeypatch: pytest.MonkeyPatch, data: object) -> Result:
    monkeypatch.setenv("OPENSENSE_DATA", str(data))
    return CliRunner().invoke(main, ["init"])


def test_a_marker_is_made_once(objects: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = init(monkeypatch, ROOT), init(monkeypatch, ROOT)
    assert first.output == f"Made {ROOT}/lake.json: syncs can use the lake now.\n"
    assert second.output == f"{ROOT}/lake.json is there already: nothing was done.\n"
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [meta["path"] for page in objects.list() for meta in page] == ["lake.json"]


def test_a_folder_needs_no_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = init(monkeypatch, tmp_path / "data")
    assert result.output == (
        f"{tmp_path}/data is a folder, which needs no marker: nothing was done.\n"
    )
    assert result.exit_code == 0
    assert not (tmp_path / "data").exists()


def test_a_wrong_url_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    result = init(monkeypatch, "https://acme-lake/opensense")
    assert result.exit_code == 2
    assert "there can be no lake at this URL" in result.output


@pytest.mark.parametrize("data", ["s3:/acme-lake/opensense", "s3:acme-lake", "gs:/acme-lake"])
def test_a_url_with_a_slash_too_few_is_no_folder_without_a_publication(
    monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    result = init(monkeypatch, data)
    assert result.exit_code == 2
    assert "is neither a folder nor the URL of a lake" in result.output
    assert "two slashes" in result.output
