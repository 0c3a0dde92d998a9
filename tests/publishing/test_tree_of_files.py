"""The files of a lake in a folder after each step, with their modes: the same in every version."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from opensense_okta.publishing.approval import approve_day, numbers
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.partition import Partition
from tests.support.company import an_org
from tests.support.days import Company, a_company
from tests.support.stored import DAY, OKTA, company

pytestmark = pytest.mark.slow

TOMORROW = DAY + timedelta(days=1)
ID = re.compile(r"[0-9a-f]{16}")

SYNCED = """
directory.duckdb
exported.json
exported/ID/people.parquet
exports/people.changes.csv
exports/people.csv
exports/people.csv.sha256
exports/people.parquet
identities/date=2026-11-23.parquet
people_history.parquet
published.json
reports/date=2026-11-23.html
resolved/date=2026-11-23/ID/account_links.parquet
resolved/date=2026-11-23/ID/accounts.parquet
resolved/date=2026-11-23/ID/changes.parquet
resolved/date=2026-11-23/ID/conflicts.parquet
resolved/date=2026-11-23/ID/groups.parquet
resolved/date=2026-11-23/ID/memberships.parquet
resolved/date=2026-11-23/ID/people.parquet
resolved/date=2026-11-23/ID/provenance.parquet
resolved/date=2026-11-23/judgement.json
resolved/date=2026-11-23/manifest.json
resolved/date=2026-11-23/published.json
snapshots/directory=okta/date=2026-11-23/ID/member_reads.parquet
snapshots/directory=okta/date=2026-11-23/ID/memberships.parquet
snapshots/directory=okta/date=2026-11-23/ID/raw_groups.parquet
snapshots/directory=okta/date=2026-11-23/ID/raw_users.parquet
snapshots/directory=okta/date=2026-11-23/manifest.json
"""


HELD = """
resolved/date=2026-11-24/ID/account_links.parquet
resolved/date=2026-11-24/ID/accounts.parquet
resolved/date=2026-11-24/ID/changes.parquet
resolved/date=2026-11-24/ID/conflicts.parquet
resolved/date=2026-11-24/ID/groups.parquet
resolved/date=2026-11-24/ID/memberships.parquet
resolved/date=2026-11-24/ID/people.parquet
resolved/date=2026-11-24/ID/provenance.parquet
resolved/date=2026-11-24/judgement.json
resolved/date=2026-11-24/manifest.json
snapshots/directory=okta/date=2026-11-24/ID/member_reads.parquet
snapshots/directory=okta/date=2026-11-24/ID/memberships.parquet
snapshots/directory=okta/date=2026-11-24/ID/raw_groups.parquet
snapshots/directory=okta/date=2026-11-24/ID/raw_users.parquet
snapshots/directory=okta/date=2026-11-24/manifest.json
"""

APPROVED = """
identities/date=2026-11-24.parquet
resolved/date=2026-11-24/approval.json
resolved/date=2026-11-24/published.json
"""

KILLED = """
snapshots/directory=okta/date=2026-11-25/ID/member_reads.parquet
snapshots/directory=okta/date=2026-11-25/ID/memberships.parquet
snapshots/directory=okta/date=2026-11-25/ID/pages/assignments.jsonl
snapshots/directory=okta/date=2026-11-25/ID/pages/groups.jsonl
snapshots/directory=okta/date=2026-11-25/ID/pages/journal.jsonl
snapshots/directory=okta/date=2026-11-25/ID/pages/members.jsonl
snapshots/directory=okta/date=2026-11-25/ID/pages/open.json
snapshots/directory=okta/date=2026-11-25/ID/pages/users.jsonl
snapshots/directory=okta/date=2026-11-25/ID/raw_groups.parquet
snapshots/directory=okta/date=2026-11-25/ID/raw_users.parquet
"""


@pytest.fixture
def okta(tmp_path: Path) -> Iterator[Company]:
    before = os.umask(0o022)
    with a_company(tmp_path / "lake", an_org()) as okta:
        yield okta
    os.umask(before)


def tree(okta: Company) -> set[str]:
    """The names of all files, with `ID` for ids."""
    root = okta.lake.database.parent
    files = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return {ID.sub("ID", name) for name in files}


def shared(okta: Company) -> list[Path]:
    """What others could read, were it not in a private folder."""
    paths = okta.lake.database.parent.rglob("*")
    return [path for path in paths if path.stat().st_mode & 0o077]


def test_each_step_leaves_the_files_that_it_is_known_for(
    okta: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv = company({"okta": OKTA}, publish={"csv": {"path": "exports/people.csv"}})
    acme = okta.organization().model_copy(update={"publish": csv.publish})
    okta.take(DAY)
    resolve(acme, DAY, okta.lake)
    publish(acme, okta.lake, DAY)
    export_published(acme, okta.lake, DAY)
    write_report(acme, okta.lake, DAY)
    synced = tree(okta)
    assert synced == {*SYNCED.split()}

    for user_id in okta.org.user_ids[:10]:
        okta.org.remove_user(user_id)
    okta.take(TOMORROW)
    resolve(acme, TOMORROW, okta.lake)
    with pytest.raises(Held) as held:
        publish(acme, okta.lake, TOMORROW)
    after_hold = tree(okta)
    assert after_hold - synced == {*HELD.split()}

    seen = numbers(held.value.judgement)
    approve_day(acme, okta.lake, TOMORROW, by="Ada", numbers_seen=seen)
    publish(acme, okta.lake, TOMORROW)
    approved = tree(okta)
    assert approved - after_hold == {*APPROVED.split()}
    assert shared(okta) == []

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Partition, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        okta.take(TOMORROW + timedelta(days=1))
    assert tree(okta) - approved == {*KILLED.split()}
    assert synced < after_hold < approved < tree(okta)
