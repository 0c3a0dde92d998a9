"""Python code run as a user without rights: for root, no file is read-only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from opensense_okta.storage import sql

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


def forked_as_nobody(action: Callable[[], object]) -> str:
    """What an action returns in a forked process of the user nobody, as text, or its error.

    All modules are imported already; SQL files are read from a copy that this user may read.
    """
    reader, writer = os.pipe()
    with open_folder() as folder:
        for file in (REPOSITORY / "opensense_okta").rglob("*.sql"):
            copy = folder / file.relative_to(REPOSITORY)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        child = os.fork()
        if not child:
            try:
                vars(sql)["files"] = lambda package: folder.joinpath(*package.split("."))
                os.setegid(NOBODY)
                os.seteuid(NOBODY)
                text = repr(action())
            except BaseException as error:  # noqa: BLE001 - reported to the test
                text = repr(error)
            os.write(writer, text.encode()[:50_000])
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as output:
            text = output.read()
        os.waitpid(child, 0)
    return text


def give(folder: Path, user: int) -> None:
    """Makes a user the owner of a folder and all in it."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, user, follow_symlinks=False)
