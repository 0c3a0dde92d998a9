"""Dagster's events in memory, for an instance whose runs are many and short."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._serdes import ConfigurableClassData

SETTINGS = """
event_log_storage:
  module: {module}
  class: KeptEvents
  config: {{home: "{home}"}}
"""


def keep_events_in_memory(home: Path) -> None:
    """Lets the instance of a DAGSTER_HOME keep its events in this process's memory.

    On disk, where each run has a database of its own, a run takes half as much time again.
    """
    with (home / "dagster.yaml").open("a") as settings:
        settings.write(SETTINGS.format(module=__name__, home=home))


class KeptEvents(InMemoryEventLogStorage):
    """The events of a DAGSTER_HOME, whoever opens its instance."""

    @classmethod
    def config_type(cls) -> dict[str, type]:
        """What dagster.yaml says of it."""
        return {"home": str}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """The same for the same home."""
        del inst_data
        return cls._of(config_value["home"])

    @classmethod
    @cache
    def _of(cls, home: str) -> Self:
        del home
        return cls()

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Belongs to whoever opened the instance last."""
        self._instance_weakref = None
        super().register_instance(instance)

    def dispose(self) -> None:
        """They stay, for the next to open it."""
