"""One operating-system lock per organization, so that it never runs twice at once.

The organization's folder of locks holds two kinds of files:

    organization.lock     held by the run that is at work; names it
    <run id>.lock         held by a run from its start to its end, also while it waits for the other

The operating system releases a lock when its process ends, however it ends: a killed run never
blocks the next one. It leaves its own file behind, though, and that tells it from a run that lives:
a run in progress whose file nobody holds is an orphan, and whoever gets to work next ends it.
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
    "The process of this run was killed. Nothing that it had not committed counts, and the "
    "published directory is as it was. The next run goes on where this one stopped."
)
POLL: Final = timedelta(seconds=0.25)  # how soon a waiting run notices that it may work
REMIND: Final = timedelta(minutes=5)  # how often a waiting run says so again


@contextmanager
def organization_lock(
    folder: Path, run_id: str, *, waiting: Callable[[str], None], remind: timedelta = REMIND
) -> Iterator[None]:
    """Holds the organization's lock, after waiting for it as long as another run holds it.

    Args:
        folder: The organization's folder of locks.
        run_id: The run that wants to work.
        waiting: Told in words whom the run waits for, when it has to and now and then after that.
        remind: How often that is.
    """
    own_file = _run_file(make_private_dir(folder), run_id)
    with _lock(own_file, run_id):
        try:
            with _patiently(_lock(_organization_file(folder), run_id), waiting, remind):
                yield
        finally:
            # While it is still held: left behind for a moment, it would make the run an orphan.
            own_file.unlink(missing_ok=True)


def orphaned_runs(
    instance: dg.DagsterInstance, folder: Path, organization: str
) -> list[dg.DagsterRun]:
    """The organization's runs that Dagster believes to be in progress and whose process is dead.

    A run in progress that has no file of its own has not come to the lock yet, and is not among
    them: Dagster's run monitoring looks after it.
    """
    return _runs_in_progress(instance, organization, _abandoned(folder))


def end_orphaned_runs(instance: dg.DagsterInstance, folder: Path, organization: str) -> list[str]:
    """Ends the runs of killed processes and removes what they left; returns the ended runs' ids.

    Only whoever holds the organization's lock calls it.
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
    """Holds the organization's lock if no run does, and says whether; never waits."""
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

    The file says who holds the lock. Without the operating system's locks there is none: a lock
    that only consists of a file would outlive a killed process.
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
def _patiently(
    lock: BaseFileLock, waiting: Callable[[str], None], remind: timedelta
) -> Iterator[None]:
    patience = timedelta(0)
    while not _acquired(lock, patience):
        holder = Path(lock.lock_file).read_text()
        at_work = f"run {holder}" if holder else "another process"
        waiting(f"{at_work} is at work for this organization: waiting until it ends")
        patience = remind
    try:
        yield
    finally:
        lock.release()


def _acquired(lock: BaseFileLock, patience: timedelta) -> bool:
    try:
        lock.acquire(timeout=patience.total_seconds())
    except Timeout:
        return False
    return True


def _abandoned(folder: Path) -> list[str]:
    """The ids of the runs that left their file behind without holding it."""
    run_files = (path for path in folder.glob("*.lock") if path != _organization_file(folder))
    return [path.stem for path in run_files if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    """Whether a run has held this file's lock and no living process does.

    Two moments look like it and are not: the file is empty until its run holds it, and a run that
    ends in between takes its file away, after which locking makes a new one.
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
    except (FileNotFoundError, Timeout):
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
    """Ends a killed run as failed, or as canceled if that is what a person had asked for."""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, ORPHANED)
    else:
        instance.report_run_failed(run, ORPHANED)
