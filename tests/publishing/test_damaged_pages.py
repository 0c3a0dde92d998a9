"""Parquet files whose pages are damaged or whose table is another one, and folders in place of files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from opensense_okta.config.errors import UserError
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.publish import publish, restore_ledger
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.engine import TableDamaged
from opensense_okta.storage.lake import Lake
from tests.support.lakes import once
from tests.support.stored import DAY, OKTA, company, group, rows_of, store, user

pytestmark = pytest.mark.slow

ACME = company({"okta": OKTA})


def sync(lake: Lake) -> None:
    restore_ledger(lake)
    resolve(ACME, DAY, lake)
    publish(ACME, lake, DAY)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path, "acme")

    def published() -> None:
        everyone = [user(f"u{n}", {"displayName": f"person {n}"}) for n in range(300)]
        store(lake, everyone, [group("g1", "Everyone")], [], day=DAY)
        sync(lake)

    once(lake, __name__, published)
    return lake


def flipped(file: Path) -> None:
    """The footer stays as it was."""
    content = bytearray(file.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    content[4 : len(content) - footer] = bytes(
        byte ^ 255 for byte in content[4 : len(content) - footer]
    )
    file.write_bytes(content)


def of_another_table(file: Path) -> None:
    duckdb.values([1]).write_parquet(str(file))


@pytest.mark.parametrize("damage", [flipped, of_another_table])
def test_a_damaged_ledger_is_named_by_doctor_and_written_again(
    lake: Lake, damage: Callable[[Path], None]
) -> None:
    before = rows_of(lake.ledger(DAY))
    damage(lake.ledger(DAY))
    (result,) = examine_state_files(lake)
    assert str(lake.ledger(DAY)) in result.text
    assert restore_ledger(lake) == [DAY]
    assert restore_ledger(lake) == []
    assert rows_of(lake.ledger(DAY)) == before


@pytest.mark.parametrize("damage", [flipped, of_another_table])
@pytest.mark.parametrize("table", ["raw_users", "accounts", "people"])
def test_a_damaged_table_is_named_with_what_to_do(
    lake: Lake, table: str, damage: Callable[[Path], None]
) -> None:
    (file,) = lake.scratch.glob(f"*/**/{table}.parquet")
    damage(file)
    with pytest.raises(TableDamaged) as raised:
        resolve(ACME, DAY, lake) if table == "raw_users" else publish_again(lake)
    assert raised.value.file == file
    assert "restore the file from a backup" in raised.value.remedy


def publish_again(lake: Lake) -> None:
    lake.database.unlink()
    lake.ledger(DAY).unlink()
    restore_ledger(lake)
    publish(ACME, lake, DAY)


def a_folder(file: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def a_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


@pytest.mark.parametrize("instead", [a_folder, a_loop])
@pytest.mark.parametrize(
    "name", ["published.json", "directory.duckdb", f"resolved/date={DAY}/manifest.json"]
)
def test_a_folder_or_a_loop_of_links_is_as_a_damaged_file(
    lake: Lake, name: str, instead: Callable[[Path], None]
) -> None:
    file = lake.scratch / name
    instead(file)
    assert any(str(file) in result.text for result in examine_state_files(lake))
    if instead is a_folder:
        with pytest.raises(UserError, match=rf"{file} is a folder"):
            sync(lake)
        shutil.rmtree(file)
    sync(lake)
    assert file.is_file()
    assert not file.is_symlink()
