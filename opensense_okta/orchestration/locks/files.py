"""Locks of the operating system, for an instance on one machine.

The organization's folder of locks holds two kinds of files:

    organization.lock     held by the run that works; contains its id and its machine
    <run id>.lock         held by a run from its start to its end, also while it waits

The operating system releases a lock when its process ends, for whatever reason. A killed run leaves its own
file. Between machines that share a folder such a lock excludes nobody for certain, so a second machine is
refused.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import dagster as dg
from filelock import BaseFileLock, FileLock, Timeout

from opensense_okta.orchestration.locks.machine import record, refuse_another_machine
from opensense_okta.orchestration.locks.protocol import REMIND, describe_wait
from opensense_okta.storage.files import make_private_dir

POLL: Final = timedelta(seconds=0.25)  # how often a waiting run tries to get the lock


@dataclass(frozen=True)
class FileLocks:
    """The locks of one organization, in a folder of this machine."""

    folder: Path
    patience: timedelta = timedelta(0)

    @contextmanager
    def of_run(
        self, run_id: str, *, report: Callable[[str], None], remind: timedelta = REMIND
    ) -> Iterator[None]:
        """Holds the run's and the organization's lock; see the protocol."""
        lock = self._organization_lock(run_id)
        own_file = self._run_file(run_id)
        with _lock(own_file, run_id):
            try:
                with _waiting_lock(lock, report, remind):
                    yield
            finally:
                # Before the lock is released: an unlocked file would make the run an orphan.
                own_file.unlink(missing_ok=True)

    @contextmanager
    def without_a_run(self, *, report: Callable[[str], None]) -> Iterator[None]:
        """Holds the organization's lock for work that is no run."""
        with _waiting_lock(self._organization_lock(holder=""), report, REMIND):
            yield

    @contextmanager
    def idle(self) -> Iterator[bool]:
        """Holds the organization's lock if no run does, and yields whether it does; never waits."""
        lock = self._organization_lock(holder="")
        if not _acquired(lock, timedelta(0)):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    ending_orphans = idle  # their files are deleted, and a run that starts now looks for such files

    def abandoned(self, in_progress: Callable[[], Sequence[dg.DagsterRun]]) -> list[str]:  # noqa: ARG002 - the files are asked
        """The ids of the runs whose file exists but is not held."""
        run_files = (path for path in self.folder.glob("*.lock") if path != self.organization_file)
        return [path.stem for path in run_files if _is_abandoned(path)]

    def forget(self, run_ids: Sequence[str]) -> None:
        """Removes the files of abandoned runs."""
        for run_id in run_ids:
            self._run_file(run_id).unlink(missing_ok=True)

    def _organization_lock(self, holder: str) -> BaseFileLock:
        make_private_dir(self.folder)
        refuse_another_machine(self.organization_file)
        return _lock(self.organization_file, f"{holder}\n{record()}")

    @property
    def organization_file(self) -> Path:
        """The file of the organization's lock."""
        return self.folder / "organization.lock"

    def _run_file(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.lock"


def _lock(path: Path, content: str) -> BaseFileLock:
    """A lock that excludes every other one of that file, in this process too.

    While it is held the file has the content. There is no fallback to a lock that is only a file: it would
    stay after its process was killed.
    """
    return FileLock(
        path,
        mode=0o600,
        is_singleton=False,
        thread_local=False,
        fallback_to_soft=False,
        poll_interval=POLL.total_seconds(),
        on_acquired=lambda descriptor: _write(descriptor, content),
    )


def _write(descriptor: int, content: str) -> None:
    os.write(descriptor, content.encode())
    os.fsync(descriptor)  # another machine reads it


@contextmanager
def _waiting_lock(
    lock: BaseFileLock, report: Callable[[str], None], remind: timedelta
) -> Iterator[None]:
    timeout = timedelta(0)
    while not _acquired(lock, timeout):
        holder, _, _ = Path(lock.lock_file).read_text().partition("\n")
        report(describe_wait(holder))
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
