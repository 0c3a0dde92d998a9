"""Files and folders that other users of the machine can read."""

import logging
import os
import stat
from collections import deque
from collections.abc import Collection, Container, Iterator, Sequence
from pathlib import Path

from opensense_okta.config.environment import EnvironmentMistake, dagster_home, is_store

MAX_EXAMINED = 20_000
"""Entries. Dagster keeps a few files of each run; examining this many takes a quarter of a second."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO

INSTANCE_FILE = "dagster.yaml"
OWN = {
    *(INSTANCE_FILE, "organizations", "history", "schedules", "storage", "logs"),
    *(".telemetry", ".nux", ".logs_queue", "ui_audit"),
}
"""What Dagster and this program put into `DAGSTER_HOME`."""

OWN_OF_A_LAKE = {
    *("snapshots", "resolved", "identities", "reports", "locks", "exported"),
    *("directory.duckdb", "published.json", "exported.json", "notices.json", "notices.lock"),
    *("people_history.parquet", "forgetting.json", "forgotten.json"),
}
"""What this program puts into an organization's folder of the lake, besides exports. Exports are for other
programs: a person may have let these read them."""


def exposed_files(root: Path) -> list[Path]:
    """The files and folders below a folder, and itself, that other users can read or write.

    Links are not followed. If the folder itself is private, nobody else reaches what is in it.
    """
    status = _status(root)
    if status is None or not status.st_mode & OTHERS:
        return []
    return [path for path, status in _entries([root], MAX_EXAMINED) if status.st_mode & OTHERS]


def make_private(*roots: Path, most: int | None = None) -> list[Path]:
    """Takes the rights of other users from folders and all in them; returns what another user owns.

    What changes or disappears meanwhile is left as it is.

    Args:
        roots: the folders, or files.
        most: how many entries are examined, the upper levels first; None: `MAX_EXAMINED`.
    """
    left = []
    for path, status in _entries(roots, most or MAX_EXAMINED):
        if not status.st_mode & OTHERS:
            continue
        try:
            path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
        except FileNotFoundError:
            continue
        except OSError:  # another user's, or a file system that is mounted read-only
            left.append(path)
    return left


def is_own_home(home: Path) -> bool:
    """Whether a folder is a home of Dagster for this project: its dagster.yaml names the package."""
    try:
        return "opensense_okta" in (home / INSTANCE_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def exposed_entries(folder: Path, own: Container[str]) -> dict[Path, list[Path]]:
    """The entries of a folder that are ours, with the files in them that other users can read.

    It is the folder itself if all its entries are ours.

    Args:
        folder: it may be missing.
        own: the names of what is ours; other entries are not examined.
    """
    try:
        if not folder.stat().st_mode & OTHERS:
            return {}
        entries = sorted(folder.iterdir())
    except OSError:
        return {}
    ours = [entry for entry in entries if entry.name in own and not entry.is_symlink()]
    if ours and ours == entries:
        return {folder: exposed_files(folder)}
    found = {entry: exposed_files(entry) for entry in ours}
    return {entry: exposed for entry, exposed in found.items() if exposed}


def repair_home() -> None:
    """Makes all files of ours in `DAGSTER_HOME` private; logs a warning for those of other users.

    Only what Dagster and this program put there is changed, and nothing in the home of another project: the
    variable may name another folder by mistake, such as a home folder or `/`.
    """
    try:
        home = dagster_home()
    except EnvironmentMistake:
        return  # definitions can be loaded without one, as by `dg check`
    if not is_own_home(home):
        return
    _repair(home, OWN)


def repair_lakes(root: Path | str, organizations: Collection[str]) -> None:
    """Makes the files of ours in the lakes of these organizations private; warns like `repair_home`.

    In an object store the bucket's owner decides who may read. Exports and files of other programs are left
    as they are. Of many or large lakes only the upper levels
    are examined: nobody reaches the files of a day in a folder that is private.

    Args:
        root: the folder with the lake of each organization, or the URL of an object store.
        organizations: their names.
    """
    if is_store(root):
        return
    for name in organizations:
        _repair(Path(root) / name, OWN_OF_A_LAKE, MAX_EXAMINED // len(organizations))


def _repair(home: Path, own: Collection[str], most: int | None = None) -> None:
    try:
        entries = list(home.iterdir())
    except OSError:
        return  # it is not there yet, or this user may not list it
    ours = [entry for entry in entries if entry.name in own and not entry.is_symlink()]
    if not ours:
        return
    folders = [home] if len(ours) == len(entries) else ours
    left = make_private(*folders, most=most)
    if left:
        logging.getLogger(__name__).warning(
            "%s can be read by other users, and belongs to another user, as may more files of %s. Let"
            " their owner take these rights away: chmod -R go= %s",
            left[0],
            home,
            left[0],
        )


def _entries(roots: Sequence[Path], most: int) -> Iterator[tuple[Path, os.stat_result]]:
    """Folders and what is in them, the upper levels first, at most so many entries."""
    folders, examined = deque[Path](), 0
    for root in roots:
        if status := _status(root):
            yield root, status
            folders.append(root)
    while folders:
        try:
            entries = list(os.scandir(folders.popleft()))
        except OSError:
            continue  # it is a file, has just been deleted, or this user may not list it
        for entry in entries:
            examined += 1
            if examined > most:
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


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
