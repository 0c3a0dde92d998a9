"""One operating-system lock per organization, so that it never runs twice at once.

The organization's folder of locks holds two kinds of files:

    organization.lock     held by the run that works; contains its id
    <run id>.lock         held by a run from its start to its end, also while it waits

The operating system releases a lock when its process ends, for whatever reason: a killed run never
blocks the next one. A killed run leaves its own file. A run in progress whose file no process holds is
an orphan; the next run that gets the organization's lock ends it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import dagster as dg
from filelock import BaseFileLock, FileLock, Timeout

from opensense_okta.orchestration import names
from opensense_okta.storage.files import make_private_dir

IN_PROGRESS: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ORPHANED: Final = (
    "The process of this run was killed. Its uncommitted work is not used, and the published directory is "
    "as it was. The next run continues where this one stopped."
)
POLL: Final = timedelta(seconds=0.25)  # how often a waiting run tries to get the lock
REMIND: Final = timedelta(minutes=5)  # how often a waiting run reports that it waits


@contextmanager
def organization_lock(
    folder: Path, run_id: str, *, waiting: Callable[[str], None], remind: timedelta = REMIND
) -> Iterator[None]:
    """Holds the organization's lock; waits as long as another run holds it.

    Args:
        folder: The organization's folder of locks.
        run_id: The run that wants to work.
        waiting: Called with the reason when the run starts to wait, and again from time to time.
        remind: How often it is called again.
    """
    own_file = _run_file(make_private_dir(folder), run_id)
    with _lock(own_file, run_id):
        try:
            with _waiting_lock(_lock(_organization_file(folder), run_id), waiting, remind):
                yield
        finally:
            # Before the lock is released: an unlocked file would make the run an orphan.
            own_file.unlink(missing_ok=True)


@contextmanager
def without_a_run(folder: Path, *, waiting: Callable[[str], None]) -> Iterator[None]:
    """Holds the organization's lock for work that is no run; the arguments are those above."""
    lock = _lock(_organization_file(make_private_dir(folder)), holder="")
    with _waiting_lock(lock, waiting, REMIND):
        yield


def orphaned_runs(
    instance: dg.DagsterInstance, folder: Path, organization: str
) -> list[dg.DagsterRun]:
    """The organization's runs that Dagster shows as in progress and whose process has ended.

    A run in progress without a file has not reached the lock yet and is not included: Dagster's run
    monitoring ends it if its process is dead.
    """
    return _runs_in_progress(instance, organization, _abandoned(folder))


def end_orphaned_runs(instance: dg.DagsterInstance, folder: Path, organization: str) -> list[str]:
    """Ends the runs of killed processes and removes their files; returns the ended runs' ids.

    The caller must hold the organization's lock.
    """
    abandoned = _abandoned(folder)
    orphans = _runs_in_progress(instance, organization, abandoned)
    for run in orphans:
        _end(instance, run)
    for run_id in abandoned:
        _run_file(folder, run_id).unlink(missing_ok=True)
    return [run.run_id for run in orphans]


@contextmanager
def idle(folder: Path) -> Iterator[bool]:
    """Holds the organization's lock if no run does, and yields whether it does; never waits."""
    lock = _lock(_organization_file(make_private_dir(folder)), holder="")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def end_orphaned_runs_when_idle(
    instance: dg.DagsterInstance, folder: Path, organization: str
) -> list[str]:
    """Ends orphaned runs if no run of the organization is at work; never waits."""
    if not orphaned_runs(instance, folder, organization):
        return []
    with idle(folder) as nobody_works:
        return end_orphaned_runs(instance, folder, organization) if nobody_works else []


def _organization_file(folder: Path) -> Path:
    return folder / "organization.lock"


def _run_file(folder: Path, run_id: str) -> Path:
    return folder / f"{run_id}.lock"


def _lock(path: Path, holder: str) -> BaseFileLock:
    """A lock that excludes every other one of that file, in this process too.

    The file contains the holder's id. There is no fallback to a lock that is only a file: it would stay
    after its process was killed.
    """
    return FileLock(
        path,
        mode=0o600,
        is_singleton=False,
        thread_local=False,
        fallback_to_soft=False,
        poll_interval=POLL.total_seconds(),
        on_acquired=lambda descriptor: _write(descriptor, holder),
    )


def _write(descriptor: int, holder: str) -> None:
    os.write(descriptor, holder.encode())


@contextmanager
def _waiting_lock(
    lock: BaseFileLock, waiting: Callable[[str], None], remind: timedelta
) -> Iterator[None]:
    timeout = timedelta(0)
    while not _acquired(lock, timeout):
        holder = Path(lock.lock_file).read_text()
        at_work = f"run {holder}" if holder else "another process"
        waiting(f"{at_work} is at work for this organization: waiting until it ends")
        timeout = remind
    try:
        yield
    finally:
        lock.release()


def _acquired(lock: BaseFileLock, timeout: timedelta) -> bool:
    try:
        lock.acquire(timeout=timeout.total_seconds())
    except Timeout:
        return False
    return True


def _abandoned(folder: Path) -> list[str]:
    """The ids of the runs whose file exists but is not held."""
    run_files = (path for path in folder.glob("*.lock") if path != _organization_file(folder))
    return [path.stem for path in run_files if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    """Whether a run has held this file's lock and no process holds it now.

    Two cases look the same and are excluded: the file is empty until its run holds the lock, and a run
    that ends meanwhile deletes its file, so that locking creates a new one. Of a file of another user it is
    not known: Dagster's run monitoring ends its run.
    """
    try:
        with path.open() as file:
            held_once = file.read()
            if not held_once:
                return False
            with _lock(path, held_once).acquire(timeout=0):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return True
                path.unlink()
    except (FileNotFoundError, PermissionError, Timeout):
        pass
    return False


def _runs_in_progress(
    instance: dg.DagsterInstance, organization: str, run_ids: list[str]
) -> list[dg.DagsterRun]:
    if not run_ids:
        return []
    runs = instance.get_runs(
        dg.RunsFilter(statuses=IN_PROGRESS, tags={names.ORGANIZATION: organization})
    )
    return [run for run in runs if run.run_id in run_ids]


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Ends a killed run as failed, or as canceled if a person had canceled it."""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, ORPHANED)
    else:
        instance.report_run_failed(run, ORPHANED)
