"""The environment variables: where data is stored, how long logs are, and how much memory DuckDB takes."""

import atexit
import gc
import os
import re
from pathlib import Path
from typing import Final

from opensense_okta.config.errors import UserError

FEWEST_RUN_DAYS: Final = 3
"""Retries and notifications decide from the runs of the last two days."""


HOME_ENTRIES: Final = {"dagster.yaml", "organizations", "history", "schedules"}
"""By one of these a folder is recognized as a home of Dagster that this project can use."""


class EnvironmentMistake(UserError):
    """An environment variable, or a place that it names, is missing or cannot be used."""


def set_private_umask() -> None:
    """Makes every file that this process writes private to its owner (invariant 10)."""
    os.umask(0o077)


def switch_off_telemetry() -> None:
    """Keeps Dagster from sending usage data, also where its settings do not say so (invariant 10)."""
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"


def collect_garbage_rarely() -> None:
    """Makes Python look for unreachable cycles of objects rarely, and not at its exit.

    By default it looks after each 700 new objects, and the imports make a million that stay: this takes a
    tenth of the CPU of a sync of 100 people. The search at the exit takes another seventh, although the
    system frees the memory of a process that ends.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


def writable_home() -> Path:
    """`dagster_home`, for a command that writes there.

    Raises:
        EnvironmentMistake: there is none, or it is another folder with files.
    """
    home = dagster_home()
    names = {path.name for path in home.iterdir()}
    if names and not names & HOME_ENTRIES:
        raise EnvironmentMistake(
            f"{home} is no home of Dagster: it has files, but no dagster.yaml and no folder of Dagster's.",
            impact="Nothing was started, and nothing was written there.",
            remedy="set DAGSTER_HOME to the project's dagster_home. If this folder is meant, copy the"
            " dagster.yaml of the project's dagster_home into it.",
        )
    return home


def dagster_home() -> Path:
    """Dagster's instance: `DAGSTER_HOME`, or `dagster_home` in the current folder.

    Raises:
        EnvironmentMistake: neither is there.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else Path.cwd() / "dagster_home"
    if not home.is_absolute():
        raise EnvironmentMistake(
            f"DAGSTER_HOME must be an absolute path; it is {given}.",
            remedy="set it to the absolute path of the project's dagster_home.",
        )
    if not home.is_dir():
        raise EnvironmentMistake(
            f"There is no folder {home}.",
            remedy="set DAGSTER_HOME to the project's dagster_home, such as"
            " `export DAGSTER_HOME=$PWD/dagster_home`.",
        )
    return home


def data_root() -> Path | str:
    """The root of the lake: `OPENSENSE_DATA`, or `data` beside `DAGSTER_HOME`. See `lake_root`.

    Raises:
        EnvironmentMistake: as for `lake_root`.
    """
    given = os.environ.get("OPENSENSE_DATA")
    return lake_root(given) if given else dagster_home().parent / "data"


def lake_root(given: str) -> Path | str:
    """The root of a lake: a folder, or the URL of a folder in an object store.

    Raises:
        EnvironmentMistake: it looks like a URL without `//`. As a folder, it would be an empty lake.
    """
    if is_store(given):
        return given
    if re.match(r"\s*[A-Za-z][A-Za-z0-9+.-]+:", given):
        raise EnvironmentMistake(
            f"{given.partition(':')[0].strip()}:… is neither a folder nor the URL of a lake.",
            impact="Nothing was read or written.",
            remedy="write a URL with two slashes, such as s3://bucket/folder, or the absolute path of a"
            " folder.",
        )
    return Path(given).absolute()


def is_store(root: Path | str) -> bool:
    """Whether the root of a lake is the URL of an object store."""
    return "://" in str(root)


def scratch_root() -> Path | None:
    """Where files of a step are, if the lake is in an object store: `OPENSENSE_SCRATCH`; None: as usual."""
    given = os.environ.get("OPENSENSE_SCRATCH")
    return Path(given).absolute() if given else None


def organizations_folder() -> Path:
    """The folder of organization files: `OPENSENSE_ORGANIZATIONS`, or `organizations` in `DAGSTER_HOME`."""
    given = os.environ.get("OPENSENSE_ORGANIZATIONS")
    return Path(given).absolute() if given else dagster_home() / "organizations"


def memory_limit() -> int:
    """How many bytes of memory DuckDB's work may take: `OPENSENSE_MEMORY_LIMIT`, such as `2GB`.

    Raises:
        EnvironmentMistake: it is no size.
    """
    given = os.environ.get("OPENSENSE_MEMORY_LIMIT", "800MB")
    size = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT])(i?)B", given)
    if not size:
        raise EnvironmentMistake(
            f"OPENSENSE_MEMORY_LIMIT={given} is no size.",
            remedy="write one such as 512MB or 2GB.",
        )
    number, unit, binary = size.groups()
    step = 1024 if binary else 1000
    return int(float(number) * step ** (" KMGT".index(unit)))


def run_days() -> int:
    """How many days the logs of runs are kept: `OPENSENSE_RUN_DAYS`, at least three.

    Raises:
        EnvironmentMistake: it is no such number.
    """
    given = os.environ.get("OPENSENSE_RUN_DAYS") or "90"
    if not re.fullmatch(r"[0-9]{1,5}", given) or int(given) < FEWEST_RUN_DAYS:
        raise EnvironmentMistake(
            f"OPENSENSE_RUN_DAYS={given} is no number of days from {FEWEST_RUN_DAYS} on: retries and"
            " notifications use the runs of the last two days.",
            impact="No log of a run is deleted.",
            remedy="write the number of days that logs of runs are kept, such as 90.",
        )
    return int(given)


def ui_password_file() -> Path | None:
    """The file with the users of the UI: `OPENSENSE_UI_PASSWORD_FILE`; None: the UI has no named users."""
    given = os.environ.get("OPENSENSE_UI_PASSWORD_FILE")
    return Path(given).absolute() if given else None
