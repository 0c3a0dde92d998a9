"""Dagster's own command `dg` works in a clone of the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def dg_command(*arguments: str) -> str:
    """Runs `dg` in the repository; returns what it printed, with its errors and warnings."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"DAGSTER_HOME": str(REPOSITORY / "dagster_home"), "COLUMNS": "200"}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "dg"), *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    printed = ended.stdout + ended.stderr
    assert ended.returncode == 0, printed
    return printed


def test_dg_checks_the_definitions_without_a_warning() -> None:
    printed = dg_command("check", "defs")
    assert "All definitions loaded successfully." in printed
    assert "warning" not in printed.lower()


def test_dg_lists_the_definitions() -> None:
    printed = dg_command("list", "defs", "--json")
    for name in ("demo/people", "demo__sync", "demo__daily", "retries"):
        assert f'"{name}"' in printed
