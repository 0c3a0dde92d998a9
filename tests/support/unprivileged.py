"""Python code run as a user without rights: for root, no file is read-only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NOBODY = 65534
REPOSITORY = Path(__file__).parents[2]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user can read; only the user of the tests can write there."""
    with TemporaryDirectory(dir="/tmp") as name:  # pytest's folders are private
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_nobody(imports: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own; if the tests run as root, as the user nobody.

    Args:
        imports: statements that run before the user changes: nobody may not read Python's own files.
        code: statements that run after it.
        arguments: for `sys.argv`.
    """
    begin = f"import os, sys\nsys.path.insert(0, {str(REPOSITORY)!r})"
    drop = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"
    change = drop if os.geteuid() == 0 else ""
    return subprocess.run(
        [sys.executable, "-c", f"{begin}\n{imports}\n{change}\n{code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "HOME": "/nonexistent"},
    )
