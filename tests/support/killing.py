"""Publishes a day as a process that is killed at every step, one after another.

What `kill -9` leaves at a step is what is on disk at that moment: nothing is flushed, and nobody cleans up.
So one run is enough: before each step that changes something on disk, and between DuckDB's statements,
the lake is copied. `killed_at` really kills, so that a test can compare.
"""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.report.report import write_report
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import statements
from tests.support.lakes import copied

CHANGING = {"os.rename", "os.remove", "os.chmod", "os.mkdir", "os.rmdir"}
SCRATCH = ".spill-"  # DuckDB's own, which nobody else reads
STATEMENTS = ("changes.sql", "losses.sql", "given.sql", "people_history.sql", "publish.sql")
RANDOM = re.compile(r"[0-9a-f]{8,}|(?<=\.export-).*")


def acme() -> Organization:
    """acme, with exports."""
    okta = {"kind": "okta", "endpoint": "https://acme.okta.com", "api_token": {"env": "TOKEN"}}
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": {"okta": okta},
            "publish": {"csv": {"path": "exports/people.csv"}},
        }
    )


def put_out(lake: Lake, day: date) -> None:
    """All that follows a day's resolution: judging, publishing, exports, the report."""
    publish(acme(), lake, day)
    export_published(acme(), lake, day)
    write_report(acme(), lake, day)


def _at_each_step(lake: Lake, happens: Callable[[int, str], None]) -> None:
    """Lets something happen in this process before each step, with its number and what is about to happen.

    Each rename and each run of SQL is a step; of the other changes each kind is one, as what they leave
    on disk is there when the next rename is killed.
    """
    steps: set[str] = set()
    statements.cache_clear()  # a process of its own opens each SQL file

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        about_to = _step(event, arguments, lake)
        if about_to is None:
            return
        kind = about_to if about_to.startswith(("os.rename ", "run ")) else event
        if kind in steps:
            return
        steps.add(kind)
        happens(len(steps), about_to)

    sys.addaudithook(hook)


def _step(event: str, arguments: tuple[object, ...], lake: Lake) -> str | None:
    """What is about to happen, as words that are the same every time; None: nothing to kill at."""
    if event != "open" and event not in CHANGING:
        return None
    path = Path(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | Path) else Path()
    if event == "open" and path.suffix == ".sql":  # whose statements are in the middle of a table
        return f"run {path.name}" if path.name in STATEMENTS else None
    writes = event != "open" or _writes(arguments[2])
    if not writes or SCRATCH in str(path) or not path.is_relative_to(lake.scratch):
        return None
    if event == "os.remove" and not path.exists():
        return None
    return f"{event} {RANDOM.sub('…', str(path.relative_to(lake.scratch)))}"


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def kill_everywhere(base: Lake, root: Path, day: date) -> list[tuple[Lake, str]]:
    """The lakes that publishing leaves when it is killed at each step, with what it was about to do."""
    lake, listed = copied(base, root / "run"), root / "steps"

    def copy(step: int, about_to: str) -> None:
        shutil.copytree(lake.scratch.parent, root / f"{step}")
        with listed.open("a") as steps:
            steps.write(f"{about_to}\n")

    assert not _forked(lake, day, copy), "publishing failed by itself"
    steps = enumerate(listed.read_text().splitlines(), start=1)
    return [(Lake(root / f"{step}", lake.organization), about_to) for step, about_to in steps]


def killed_at(step: int, base: Lake, root: Path, day: date) -> Lake:
    """The lake that publishing leaves when it is killed at a step."""
    lake = copied(base, root)

    def kill(reached: int, _about_to: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    status = _forked(lake, day, kill)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return lake


def _forked(lake: Lake, day: date, happens: Callable[[int, str], None]) -> int:
    """Publishes in a fork, which has a hook that cannot be removed; returns how it ended."""
    process = os.fork()
    if not process:
        status = 1
        try:
            _at_each_step(lake, happens)
            put_out(lake, day)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(process, 0)[1]


def files(lake: Lake) -> dict[str, int | list[str]]:
    """The size of each file, by its name without what is random in it; of JSON the keys.

    Raises:
        JSONDecodeError: a state file is not complete.
    """
    return {
        RANDOM.sub("…", str(path.relative_to(lake.scratch))): (
            list(json.loads(path.read_text())) if path.suffix == ".json" else path.stat().st_size
        )
        for path in lake.scratch.rglob("*")
        if path.is_file()
    }
