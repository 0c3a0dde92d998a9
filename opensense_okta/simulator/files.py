"""Files that the simulators write for other processes."""

import os
from pathlib import Path


def atomic_write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and that no reader ever sees half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    draft.replace(path)
