"""A launcher that starts each run as a process of its own, as those of clusters do."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData


class SeparateProcesses(RunLauncher, ConfigurableClass):
    """Starts `dagster api execute_run`; `SECRETS` of the environment are what its machine has."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._processes: list[subprocess.Popen[bytes]] = []
        super().__init__()  # type: ignore[no-untyped-call] # Dagster's

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        origin = context.job_code_origin
        assert origin
        arguments = ExecuteRunArgs(origin, context.dagster_run.run_id, self._instance.get_ref())
        secrets = dict(pair.split("=", 1) for pair in os.environ["SECRETS"].split())
        command = [sys.executable, "-m", "dagster", "api", "execute_run"]
        self._processes.append(
            subprocess.Popen(
                [*command, dg.serialize_value(arguments)],
                env={**os.environ, **secrets},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def terminate(self, run_id: str) -> bool:  # noqa: ARG002 - the interface
        return False
