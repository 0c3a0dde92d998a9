"""What is said when a disk refuses: real conditions, in a process without rights where it needs one."""

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from opensense_okta.storage.file_errors import StorageRefused, storage_refusal
from tests.support.unprivileged import as_nobody, open_folder

IMPORTS = """
import duckdb, encodings.idna, sqlite3
from pathlib import Path
import sqlalchemy
from sqlalchemy.dialects import sqlite
from opensense_okta.storage.file_errors import storage_refusal
def told(action):
    try:
        action()
    except Exception as error:
        print(storage_refusal(error))
folder = Path(sys.argv[1])
"""


def refused(error: BaseException) -> StorageRefused:
    found = storage_refusal(error)
    assert found is not None
    assert found.impact == "Nothing was published by this: the published directory is as it was."
    assert found.remedy
    passes = ("the disk is full", "locked by another process")
    assert found.transient == any(words in found.message for words in passes)
    return found


def test_a_full_disk_is_named_with_the_file_and_the_remedy() -> None:
    with pytest.raises(OSError, match="No space left") as full:
        Path("/dev/full").write_text("x")
    full.value.filename = "/srv/data/acme/people.parquet"
    assert str(refused(full.value)).startswith(
        "/srv/data/acme/people.parquet could not be written, because the disk is full or the user's quota"
        " is used up (No space left on device). Nothing was published by this: the published directory is"
        " as it was. What to do: free space on that disk"
    )


def test_duckdb_on_a_full_disk(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with duckdb.connect() as connection:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            with pytest.raises(duckdb.Error) as full:
                connection.execute(
                    "copy (select random() from range(1000000)) to $path",
                    {"path": str(tmp_path / "x.parquet")},
                )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert "the disk is full" in refused(full.value).message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_errors_of_a_full_disk(number: int) -> None:
    assert "disk is full" in refused(OSError(number, os.strerror(number), "/x/y")).message
    assert (
        "disk is full"
        in refused(duckdb.IOException(f'write "/x/y": {os.strerror(number)}')).message
    )


def test_sqlite_says_full_locked_and_read_only(tmp_path: Path) -> None:
    with (
        sqlite3.connect(tmp_path / "a.db") as first,
        sqlite3.connect(tmp_path / "a.db", timeout=0) as second,
    ):
        first.execute("create table t (x)")
        first.execute("pragma max_page_count = 3")
        with pytest.raises(sqlite3.OperationalError) as full:
            first.execute("insert into t values (zeroblob(1000000))")
        first.rollback()
        first.execute("begin exclusive")
        with pytest.raises(sqlite3.OperationalError) as locked:
            second.execute("insert into t values (1)")
    assert "disk is full" in refused(full.value).message
    assert "locked by another process" in refused(locked.value).message


@pytest.mark.parametrize(
    "action",
    [
        "(folder / 'private').read_text()",
        "(folder / 'new').write_text('x')",
        "duckdb.connect().execute(f\"copy (select 1) to '{folder}/x.parquet'\")",
        "duckdb.connect(str(folder / 'x.duckdb'))",
        "sqlite3.connect(folder / 'x.db').execute('create table t (x)')",
        "sqlite3.connect(folder / 'there.db').execute('insert into t values (1)')",
        "sqlalchemy.create_engine(f'sqlite:///{folder}/x.db').connect()",
    ],
)
def test_a_folder_of_another_user(action: str) -> None:
    with open_folder() as folder:
        (folder / "private").touch(0o600)
        with sqlite3.connect(folder / "there.db") as database:
            database.execute("create table t (x)")
        (folder / "there.db").chmod(0o644)
        ended = as_nobody(IMPORTS, f"told(lambda: {action})", str(folder))
    assert "may not use" in ended.stdout, ended.stderr
    assert "chown -R" in ended.stdout


def test_a_cause_is_found_behind_other_errors() -> None:
    disk = OSError(errno.EROFS, os.strerror(errno.EROFS), "/mnt/lake/x")
    wrapped = RuntimeError("the step failed")
    wrapped.__cause__ = BaseExceptionGroup("tasks", [ValueError("x"), disk])
    assert "mounted read-only" in refused(wrapped).message


def test_what_the_disk_did_not_refuse_is_left_as_it_is() -> None:
    assert storage_refusal(FileNotFoundError(errno.ENOENT, "No such file", "/x")) is None
    assert storage_refusal(ValueError("Permission denied")) is None
    assert storage_refusal(duckdb.CatalogException("no table x")) is None


def test_a_duckdb_file_that_another_process_has_open(tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    with duckdb.connect(file):
        code = f"import duckdb; duckdb.connect({str(file)!r})"
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=False, text=True
        )
    found = refused(duckdb.IOException(other.stderr.strip().splitlines()[-1]))
    assert str(file) in found.message
    assert found.transient
