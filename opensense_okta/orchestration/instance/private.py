"""Dagster's instance with private files.

`dagster.yaml` names this class, so each of Dagster's processes imports this module when it loads the
instance: the webserver, the daemon, and the process of each run. They do so before they create the first
file. Without the entry, as in a `DAGSTER_HOME` of version 0.1, these processes write files that others can
read until the definitions are loaded again.
"""

import json
from collections.abc import Mapping

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData

from opensense_okta.config.environment import (
    collect_garbage_rarely,
    set_private_umask,
    switch_off_telemetry,
)

STORAGE = "opensense_okta.orchestration.instance.sqlite"

# A process imports the module before it opens Dagster's storage; the instance is made after that.
set_private_umask()
switch_off_telemetry()
collect_garbage_rarely()


class PrivateInstance(dg.DagsterInstance):
    """A `DagsterInstance`: it has no configuration of its own."""

    @classmethod
    def config_schema(cls) -> Mapping[str, object]:
        """The keys of dagster.yaml that only this class has: none."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, object]:
        """Dagster's own defaults, with another class for its storage in SQLite."""
        storage = ConfigurableClassData(STORAGE, "KeptStorage", json.dumps({"base_dir": base_dir}))
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}
