"""All definitions as text, one line for each fact, so that a change of a public name shows as a diff."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import dagster as dg


def describe(definitions: dg.Definitions, root: str) -> str:
    """Returns the text; `root`, the folder of the lakes, is written as LAKE."""
    repository = definitions.get_repository_def()
    lines = [
        *_assets(definitions),
        *_checks(definitions),
        *_jobs(definitions),
        *_schedules(repository),
        *_sensors(repository),
        *(f"resource {name}" for name in sorted(repository.get_top_level_resources())),
    ]
    text = "\n".join(lines) + "\n"
    return text.replace(root, "LAKE").replace(version("opensense-okta"), "VERSION")


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for spec in sorted(
        definitions.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string()
    ):
        yield f"asset {spec.key.to_user_string()}"
        yield f"  {spec.description}"
        yield f"  group {spec.group_name}"
        yield f"  kinds {_listed(spec.kinds)}"
        yield f"  owners {_listed(spec.owners)}"
        if spec.deps:
            yield f"  made of {', '.join(dep.asset_key.to_user_string() for dep in spec.deps)}"
        for tag, value in sorted(spec.tags.items()):
            if not tag.startswith("dagster/kind/"):
                yield f"  tag {tag} = {value}"
        node = graph.get(spec.key)
        yield f"  {'step ' + _step(definitions, spec.key) if node.is_executable else 'external'}"
        if spec.partitions_def:
            yield f"  partitions {spec.partitions_def}"
        if spec.code_version:
            yield f"  code version {spec.code_version}"
        policy = spec.freshness_policy
        if isinstance(policy, dg.FreshnessPolicy):
            yield f"  fresh {_windows(policy)}"
        yield from _metadata(spec)


def _step(definitions: dg.Definitions, key: dg.AssetKey) -> str:
    return definitions.resolve_assets_def(key).op.name


def _windows(policy: Any) -> str:  # noqa: ANN401 - the class of a time window has no public name
    warn, fail = policy.warn_window.to_timedelta(), policy.fail_window.to_timedelta()
    return f"warns after {warn}, fails after {fail}"


def _metadata(spec: dg.AssetSpec) -> Iterator[str]:
    for name, value in sorted(spec.metadata.items()):
        if isinstance(value, dg.TableSchema):
            yield f"  columns {', '.join(f'{column.name} {column.type}' for column in value.columns)}"
        elif name.startswith("dagster/") and name != "dagster/code_references":
            yield f"  {name} {value}"


def _checks(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys, key=lambda key: (key.asset_key.path, key.name)):
        question = graph.get_check_spec(key).description
        yield f"check {key.asset_key.to_user_string()} {key.name}: {question}"


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    jobs = [job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    for job in sorted(jobs, key=lambda job: job.name):
        yield f"job {job.name}"
        yield f"  {job.description}"
        for tag, value in sorted(job.tags.items()):
            yield f"  tag {tag} = {value}"
        yield f"  executor {job.executor_def.name}"
        if job.partitions_def:
            yield f"  partitions {job.partitions_def}"
        yield f"  steps {_listed(node.name for node in job.nodes)}"
        made = job.asset_layer.executable_asset_keys
        if made:
            yield f"  assets {_listed(key.to_user_string() for key in made)}"


def _schedules(repository: dg.RepositoryDefinition) -> Iterator[str]:
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        yield f"schedule {schedule.name}"
        yield f"  {schedule.description}"
        yield f"  cron {schedule.cron_schedule} {schedule.execution_timezone}"
        yield f"  job {schedule.job_name}"
        yield f"  starts {schedule.default_status.value}"


def _sensors(repository: dg.RepositoryDefinition) -> Iterator[str]:
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        yield f"sensor {sensor.name}"
        yield f"  {sensor.description}"
        yield f"  jobs {_listed(target.job_name for target in sensor.targets)}"
        yield f"  every {sensor.minimum_interval_seconds} s, starts {sensor.default_status.value}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
