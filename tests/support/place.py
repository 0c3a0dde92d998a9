"""Where an operator works: a DAGSTER_HOME, a lake, and the real commands, in processes or here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.storage.lake import Lake
from tests.support.commands import Ended, run_command
from tests.support.home import make_home

COMMANDS = Path(sys.executable).parent


class Place:
    """A folder with a project's dagster_home and data, and an Okta to read."""

    def __init__(self, root: Path, okta: Simulator) -> None:
        self.root = root
        self.okta = okta
        self.home = make_home(root, okta.url)
        self.lake = Lake(root / "data", "acme")
        unset = ("OPENSENSE_DATA", "OPENSENSE_ORGANIZATIONS", "FORCE_COLOR", "NO_COLOR")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in unset},
            "DAGSTER_HOME": str(self.home),
            "ACME_TOKEN": TOKEN,
            "TERM": "xterm-256color",
        }

    def command(self, *arguments: str) -> list[str]:
        """The command as it is typed."""
        return [str(COMMANDS / "opensense-okta"), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            cwd="/",
        )

    def run_here(
        self, capture: pytest.CaptureFixture[str], *arguments: str, **environment: str
    ) -> Ended:
        """Runs a command to its end in this process."""
        return run_command(capture, *arguments, environment={**self.environment, **environment})

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance that the UI shows."""
        with (
            mock.patch.dict(os.environ, {"DAGSTER_HOME": str(self.home)}),
            dg.DagsterInstance.get() as instance,
        ):
            yield instance

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        """How a run stands."""
        with self.instance() as instance:
            run = instance.get_run_by_id(run_id)
        assert run
        return run.status
