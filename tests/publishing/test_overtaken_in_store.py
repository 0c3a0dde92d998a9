"""A run that lost its lock in an object store, and does not know it, changes nothing.

It is stopped between the document of the publication and the database. Another run publishes meanwhile.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import published, resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.opening import create_lake
from tests.support.object_stores import BUCKET, s3_server
from tests.support.stored import DAY, OKTA, company, group, store, user

pytestmark = pytest.mark.slow

ROOT = f"s3://{BUCKET}/opensense"
YESTERDAY = DAY - timedelta(days=1)
ACME = company({"okta": OKTA})
PUBLISH = """
import os, signal, sys
from datetime import date
from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.publishing.publish import publish
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.lake import Lake

keep = Bucket.keep


def stopped(store, file, name, over):
    if name == "directory.duckdb":
        os.kill(os.getpid(), signal.SIGSTOP)
    return keep(store, file, name, over)


Bucket.keep = stopped
acme, root, day = sys.argv[1:]
try:
    publish(Organization.model_validate_json(acme), Lake(root, "acme"), date.fromisoformat(day))
except UserError as error:
    print(type(error).__name__, error.transient, error, sep="|")
"""


@pytest.fixture
def server() -> Iterator[str]:
    with s3_server() as address:
        create_lake(ROOT)
        yield address


def everything(lake: Lake) -> dict[str, object]:
    """All that is stored, with its version."""
    return {entry.name: lake.store.version(entry.name) for entry in lake.store.entries("")}


def test_a_run_that_is_stopped_and_overtaken_ends_and_changes_nothing(
    server: str, tmp_path: Path
) -> None:
    assert server
    lake = Lake(ROOT, "acme")
    for day in (YESTERDAY, DAY):
        everyone = [user(f"u{number}") for number in range(10)]
        store(lake, everyone, [group("g1", "Everyone")], [("g1", "u1")], day=day)
        resolve(ACME, day, lake)
    publish(ACME, lake, YESTERDAY)
    first = resolved_day(lake, DAY)
    settings = ACME.model_dump_json(exclude_none=True, by_alias=True)
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, settings, ROOT, str(DAY)], stdout=subprocess.PIPE, text=True
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        begun = lake.store.read("published.json")
        assert begun is not None
        assert json.loads(begun.data)["newest_first"][0]["id"] == first.id
        last = published(lake)
        assert last is not None
        assert last.day == YESTERDAY  # the database decides

        assert isinstance(lake.store, Bucket)
        other = Lake(ROOT, "acme")
        other.store = replace(lake.store, scratch=tmp_path / "another-machine", _copies={})
        resolve(ACME, DAY, other)
        publish(ACME, other, DAY)
        before = everything(other)

        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    kind, transient, words = said.strip().split("|")
    assert (kind, transient) == ("Changed", "True")
    assert f"{ROOT}/acme/directory.duckdb was replaced by another process" in words
    assert everything(other) == before
    last = published(other)
    assert last is not None
    assert last.id == resolved_day(other, DAY).id != first.id
    assert other.store.mark("directory.duckdb") == last.file
    with duckdb.connect(str(other.database), read_only=True) as database:
        rows = database.sql("select day, resolved_id from publication").fetchall()
    assert rows == [(DAY, last.id)]
