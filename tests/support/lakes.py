"""Lakes that stories begin with, each made once: to resolve and publish a day takes half a second."""

import os
import shutil
from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from opensense_okta.storage.folder import Folder
from opensense_okta.storage.lake import Lake
from tests.support.memory import copy_memory

Result = TypeVar("Result")
State = frozenset[tuple[str, int, int]]


def copied(lake: Lake, root: Path) -> Lake:
    """The lake in another place, with the very same files, as nobody ever writes into one of them.

    A lake in a folder can be copied into an object store in memory.
    """
    to = Lake(root, lake.organization)
    if lake.store.is_local and not to.store.is_local:
        _store_files(lake.scratch, to)
        return to
    shutil.copytree(lake.scratch.parent, root, copy_function=os.link, dirs_exist_ok=True)
    copy_memory(lake.scratch.parent, root)
    return to


class Kept(NamedTuple):
    """What a step left: a lake, and what it returned."""

    folder: Path
    result: Any


_kept: dict[tuple[State, Hashable], Kept] = {}
_days: dict[Hashable, Path] = {}
_root = TemporaryDirectory(prefix="lakes-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))


def once(lake: Lake, step: Hashable, run: Callable[[], Result]) -> Result:
    """Does a step of a story, or copies what it left of a lake that had the very same files.

    Files are the same when they have the same size and time of change: a copy keeps both. In an object
    store the step is always done.
    """
    if not lake.store.is_local:
        return run()
    key = (_state(lake), step)
    if key in _kept:
        folder, result = _kept[key]
        shutil.rmtree(lake.scratch, ignore_errors=True)
        shutil.copytree(folder, lake.scratch)
        return result  # type: ignore[no-any-return] # what this step returned
    result = run()
    folder = Path(_root.name) / str(len(_kept))
    shutil.copytree(lake.scratch, folder)
    _kept[key] = Kept(folder, result)
    return result


def add_day(lake: Lake, day: Hashable, make: Callable[[Lake], object]) -> None:
    """Adds a day that is read and resolved, which is made once, in a lake of its own.

    For days of which the identity ledger says nothing else than the accounts: one directory, and no keys.
    The day has the same ids wherever it is added, as if its files had been moved there.
    """
    if day not in _days:
        other = Lake(Path(_root.name) / f"day {len(_days)}", lake.organization)
        other.store = Folder(Path(other.root) / lake.organization)
        make(other)
        _days[day] = other.scratch
    if not lake.store.is_local:
        _store_files(_days[day], lake)
        return
    shutil.copytree(_days[day], lake.scratch, copy_function=_replace, dirs_exist_ok=True)


def _replace(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)  # it may be a link to a file of another lake
    shutil.copy2(source, target)


def remove(lake: Lake, name: str) -> None:
    """Loses a file or a folder of the lake."""
    lake.store.remove([entry.name for entry in lake.store.entries(name)])


def overwrite(lake: Lake, name: str, data: bytes) -> None:
    """Puts something else in the place of a file."""
    lake.store.write(name, data, lake.store.version(name))


def text_of(lake: Lake, name: str) -> str:
    """The text of a stored file."""
    document = lake.store.read(name)
    assert document is not None
    return document.data.decode()


def _store_files(folder: Path, lake: Lake) -> None:
    """Stores the files of a folder in a lake in an object store."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(file.relative_to(folder))
        overwrite(lake, name, file.read_bytes())


def _state(lake: Lake) -> State:
    files = (path for path in lake.scratch.rglob("*") if path.is_file())
    return frozenset(
        (str(path.relative_to(lake.scratch)), (stat := path.stat()).st_size, stat.st_mtime_ns)
        for path in files
    )
