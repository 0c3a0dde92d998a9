"""Files and folders of another user in the lake: they harm what they hold, and nothing else."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.orchestration.locks.orphans import end_orphaned_runs, orphaned_runs
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.publish import publish, restore_ledger
from opensense_okta.publishing.retention import delete_expired
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import UNNAMED_FILES_KEPT, Lake
from tests.support.lakes import once
from tests.support.run_records import record_run
from tests.support.stored import DAY, OKTA, company, group, store, user
from tests.support.unprivileged import NOBODY, forked_as_nobody, give, open_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user"),
]

ACME = company({"okta": OKTA}, retention={"days": 1})
DAYS = [DAY - timedelta(days=2), DAY - timedelta(days=1), DAY]
LATER = datetime.combine(DAY + timedelta(days=1), time(12), UTC) + UNNAMED_FILES_KEPT


def sync(lake: Lake) -> object:
    restore_ledger(lake)
    resolve(ACME, DAY, lake)
    return publish(ACME, lake, DAY).difference


@pytest.fixture
def lake() -> Iterator[Lake]:
    """Two days are published, and a third is read. All files belong to nobody."""
    with open_folder() as folder:
        lake = Lake(folder / "data", "acme")

        def published() -> None:
            for day in DAYS:
                everyone = [user(f"u{n}", {"displayName": f"person {n}"}) for n in range(3)]
                store(lake, everyone, [group("g1", "Everyone")], [], day=day)
                if day != DAY:
                    resolve(ACME, day, lake)
                    publish(ACME, lake, day)

        once(lake, __name__, published)
        give(folder / "data", NOBODY)
        yield lake


def lock_out(folder: Path, mode: int = 0o700) -> None:
    folder.mkdir(exist_ok=True)
    give(folder, 0)
    folder.chmod(mode)


@pytest.mark.parametrize("mode", [0o700, 0o755], ids=oct)
@pytest.mark.parametrize("kind", ["resolved", "snapshots/directory=okta"])
def test_a_day_of_another_user_harms_its_own_day_only(lake: Lake, kind: str, mode: int) -> None:
    lock_out(lake.scratch / kind / f"date={DAYS[0]}", mode)
    assert forked_as_nobody(lambda: sync(lake)).startswith("Difference(")
    said = forked_as_nobody(lambda: [result.text for result in examine_state_files(lake)])
    assert f"{kind}/date={DAYS[0]}/manifest.json" in said
    removed = forked_as_nobody(lambda: delete_expired(ACME, lake, LATER))
    assert removed.startswith("Removed(")
    assert (lake.scratch / kind / f"date={DAYS[0]}").exists()


def test_tables_of_another_user_harm_their_own_day_only(lake: Lake) -> None:
    partition = lake.resolved(DAYS[0])
    (tables,) = (folder for folder in partition.folder.iterdir() if folder.is_dir())
    lock_out(tables)
    assert forked_as_nobody(lambda: sync(lake)).startswith("Difference(")


def test_a_directory_of_another_user_is_left_and_named_by_doctor(lake: Lake) -> None:
    gone = lake.scratch / "snapshots/directory=gone"
    lock_out(gone)
    unnamed = lake.scratch / ".published.json.0123abcd"
    unnamed.touch()
    assert forked_as_nobody(lambda: lake.sweep(datetime.now(UTC) + 2 * UNNAMED_FILES_KEPT)) == "1"
    assert not unnamed.exists()
    assert gone.exists()
    said = forked_as_nobody(lambda: [result.text for result in examine_state_files(lake)])
    assert f"{gone} cannot be listed: it belongs to another user." in said
    assert forked_as_nobody(lambda: delete_expired(ACME, lake, LATER)).startswith("Removed(")


def test_the_lock_of_a_killed_run_of_another_user_stops_nobody(lake: Lake) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        runs = [record_run(instance, "acme") for _ in range(2)]
        for run, owner in zip(runs, (0, NOBODY), strict=True):
            file = lake.locks / f"{run.run_id}.lock"
            file.write_text(run.run_id)
            file.chmod(0o600)
            os.chown(file, owner, owner)
        os.chown(lake.locks, NOBODY, NOBODY)
        locks = FileLocks(lake.locks)
        found = forked_as_nobody(
            lambda: [run.run_id for run in orphaned_runs(instance, locks, "acme")]
        )
        assert found == str([runs[1].run_id])
        ended = forked_as_nobody(lambda: end_orphaned_runs(instance, locks, "acme").ended)
        assert ended == str([runs[1].run_id])
