"""Publishes a day again and again, each time killed a step later, until nothing is left to kill.

A process of its own: it has everything imported and no database open, so that a fork of it is cheap and
safe. Before each step that changes something on disk, and between DuckDB's statements, the fork may
be killed as by `kill -9`: nothing is flushed, and nobody cleans up.
"""

import os
import re
import signal
import sys
from datetime import date
from itertools import count
from pathlib import Path

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.report.report import write_report
from opensense_okta.storage.lake import Lake
from tests.support.lakes import copied

CHANGING = {"os.rename", "os.remove", "os.chmod", "os.mkdir", "os.rmdir"}
SCRATCH = ".spill-"  # DuckDB's own, which nobody else reads
STATEMENTS = ("changes.sql", "losses.sql", "given.sql", "people_history.sql", "publish.sql")
RANDOM = re.compile(r"[0-9a-f]{8,}|(?<=\.export-).*")
AT_ONCE = 2


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


def kill_at(step: int, lake: Lake) -> None:
    """Lets this process be killed at the step, and say on stdout what it was about to do.

    Each rename and each run of SQL is a step; of the other changes each kind is one, as what they leave
    on disk is there when the next rename is killed.
    """
    steps: set[str] = set()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        about_to = _step(event, arguments, lake)
        if about_to is None:
            return
        kind = about_to if about_to.startswith(("os.rename ", "run ")) else event
        if kind in steps:
            return
        steps.add(kind)
        if len(steps) == step:
            os.write(1, f"{lake.scratch.parent}\t{about_to}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

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


def kill_everywhere(base: Lake, root: Path, day: date) -> None:
    """Kills publishing at every step, each time in a copy of the lake of its own."""
    running: list[int] = []
    for step in count(1):
        running.append(_killed_at(step, copied(base, root / f"{step}"), day))
        if len(running) == AT_ONCE and not _was_killed(running.pop(0)):
            break
    for process in running:
        _was_killed(process)


def _killed_at(step: int, lake: Lake, day: date) -> int:
    process = os.fork()
    if not process:
        kill_at(step, lake)
        put_out(lake, day)
        os._exit(0)
    return process


def _was_killed(process: int) -> bool:
    """Waits for a fork; whether it was killed, and did not come to its end."""
    _, status = os.waitpid(process, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        sys.exit("publishing failed by itself")
    return killed


if __name__ == "__main__":
    data, tries, of = sys.argv[1:]
    kill_everywhere(Lake(Path(data), "acme"), Path(tries), date.fromisoformat(of))
