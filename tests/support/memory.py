"""Lakes in folders, which are in object stores in memory instead: for tests that run on both."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from opensense_okta.storage import lake
from opensense_okta.storage.bucket import Bucket

in_folder = pytest.mark.parametrize("lakes", ["folder"], indirect=True)
"""For a test of a module with `lakes` that is about files of a folder, starts a process, or shows nothing new
of a store."""

on_both = pytest.mark.parametrize("lake", ["folder", "memory"], indirect=True)
"""For a test of publishing that shows what differs between a folder and an object store."""

_stores: dict[Path, MemoryStore] = defaultdict(MemoryStore)


@contextmanager
def lakes_in_memory() -> Iterator[None]:
    """Each lake in a folder is in an object store in memory; the folder is its scratch folder."""

    def open_store(root: Path | str, organization: str) -> Bucket:
        folder, scratch = f"{organization}/".lstrip("/"), Path(root) / organization
        return Bucket(f"s3://memory{scratch}", _stores[Path(root)], folder, scratch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake, "open_store", open_store)
        yield
    _stores.clear()


def copy_memory(root: Path, to: Path) -> None:
    """Copies what is stored in memory of the lakes in a folder."""
    if root in _stores:
        target = _stores[to]
        for page in _stores[root].list():
            for meta in page:
                found = _stores[root].get(meta["path"])
                target.put(meta["path"], bytes(found.bytes()), attributes=dict(found.attributes))
