"""The commands, run in this process: to start one that imports Dagster costs three seconds."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any
from unittest import mock

import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The JSON document that it printed."""
        return json.loads(self.out)


def run_command(
    capture: pytest.CaptureFixture[str],
    *arguments: str,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Runs a command to its end, as its entry point starts it.

    Args:
        capture: captures what it prints.
        arguments: of the command.
        environment: replaces this process's.
    """
    (command,) = entry_points(group="console_scripts", name="opensense-okta")
    capture.readouterr()
    umask = os.umask(0o022)
    try:
        with (
            mock.patch.dict(os.environ, environment or {}, clear=environment is not None),
            pytest.raises(SystemExit) as end,
        ):
            command.load()(arguments)
    finally:
        os.umask(umask)
    return Ended(int(end.value.code or 0), *capture.readouterr())
