"""Files and folders that other users of the machine can read."""

import logging
import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from opensense_okta.config.environment import EnvironmentMistake, dagster_home

MAX_EXAMINED = 20_000
"""Entries. Dagster keeps a few files of each run; examining this many takes a quarter of a second."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO

INSTANCE_FILE = "dagster.yaml"
OWN = {
    *(INSTANCE_FILE, "organizations", "history", "schedules", "storage", "logs"),
    *(".telemetry", ".nux", ".logs_queue"),
}
"""What Dagster and this program put into `DAGSTER_HOME`."""


def exposed_files(root: Path) -> list[Path]:
    """The files and folders below a folder, and itself, that other users can read or write.

    Links are not followed. If the folder itself is private, nobody else reaches what is in it.
    """
    try:
        if not root.stat().st_mode & OTHERS:
            return []
    except OSError:
        return []
    return [path for path, status in _entries(root) if status.st_mode & OTHERS]


def make_private(root: Path) -> list[Path]:
    """Takes the rights of other users from a folder and all in it; returns what another user owns.

    What changes or disappears meanwhile is left as it is.
    """
    left = []
    for path, status in _entries(root):
        if not status.st_mode & OTHERS:
            continue
        try:
            path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
        except FileNotFoundError:
            continue
        except OSError:  # another user's, or a file system that is mounted read-only
            left.append(path)
    return left


def repair_home() -> None:
    """Makes all files of ours in `DAGSTER_HOME` private; logs a warning for those of other users.

    Only what Dagster and this program put there is changed: the variable may name a folder with other
    files by mistake, such as a home folder or `/`.
    """
    try:
        home = dagster_home()
    except EnvironmentMistake:
        return  # definitions can be loaded without one, as by `dg check`
    if not (home / INSTANCE_FILE).is_file():
        return
    entries = list(home.iterdir())
    ours = [entry for entry in entries if entry.name in OWN and not entry.is_symlink()]
    folders = [home] if len(ours) == len(entries) else ours
    left = [path for folder in folders for path in make_private(folder)]
    if left:
        logging.getLogger(__name__).warning(
            "%s can be read by other users, and belongs to another user, as may more files of %s. Let"
            " their owner take these rights away: chmod -R go= %s",
            left[0],
            home,
            left[0],
        )


def _entries(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """A folder and what is in it, the upper levels first, at most `MAX_EXAMINED`."""
    folders, examined = deque([root]), 0
    try:
        yield root, root.stat()
    except OSError:
        return
    while folders:
        try:
            entries = list(os.scandir(folders.popleft()))
        except OSError:
            continue  # it has just been deleted, or this user may not list it
        for entry in entries:
            examined += 1
            if examined > MAX_EXAMINED:
                return
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISLNK(status.st_mode):
                continue
            path = Path(entry.path)
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
