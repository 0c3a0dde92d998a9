"""Files and folders of the lake: private to their owner, and replaced in one step."""

import os
import secrets
from pathlib import Path


def make_private_dir(folder: Path) -> Path:
    """Makes a folder and its missing parents, which only their owner can enter."""
    if not folder.is_dir():
        make_private_dir(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def atomic_write(path: Path, data: bytes) -> None:
    """Replaces a file in one step: a reader sees the old content or the new one."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        atomic_replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def atomic_replace(unfinished: Path, path: Path) -> None:
    """Moves a finished file over the one it replaces, after its content is safely on disk."""
    sync_to_disk(unfinished)
    unfinished.replace(path)
    sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    """Waits until the file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
