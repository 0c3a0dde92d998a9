"""The jobs beside the daily one: letting a held day through, and removing what is old."""

import re
import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from ruamel.yaml import YAML

from opensense_okta.orchestration import names
from opensense_okta.publishing.approval import APPROVAL, approvals
from opensense_okta.publishing.approval import record_approval as record
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, Company, Run, a_company, an_organization, definitions_of
from tests.support.lakes import once
from tests.support.stored import group, organization, store, user

YESTERDAY = DAY - timedelta(days=1)
DIRECTORY = dg.AssetKey(["acme", "resolved_directory"])


def prepare(lake: Lake, *names: str, days_ago: int = 0) -> None:
    """A day with these people, read and resolved."""
    day = DAY - timedelta(days=days_ago)

    def done() -> None:
        users = [user(name, {"displayName": name}) for name in names]
        store(lake, users, [group("g1", "Everyone")], [("g1", name) for name in names], day=day)
        resolve(organization(), day, lake)

    once(lake, ("prepare", names, day), done)


@pytest.fixture(scope="module")
def half_gone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake's folder of a company half of whose people are gone today."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    prepare(lake, "Ada", "Bob", "Cid", "Dan", days_ago=1)
    publish(organization(), lake, YESTERDAY)
    prepare(lake, "Ada", "Bob")
    judge_day(organization(), lake, resolved_day(lake, DAY))
    return lake.scratch


@pytest.fixture
def held(half_gone: Path, acme: Company) -> Company:
    """Half of the people are gone today."""
    shutil.copytree(half_gone, acme.lake.scratch, dirs_exist_ok=True)
    return acme


def approve(acme: Company, day: date = DAY, /, **config: object) -> Run:
    """The job, with what somebody fills in."""
    return acme.run(
        "approve", day=day, config={"ops": {"acme__resolved_directory": {"config": config}}}
    )


def people(acme: Company) -> int:
    """How many are published."""
    with duckdb.connect(str(acme.lake.database), read_only=True) as connection:
        ((counted,),) = connection.execute("select count(*) from people").fetchall()
    return int(counted)


def observed(run: Run) -> dict[str, object]:
    """What is shown beside the published directory."""
    (found,) = (
        event.asset_observation_data.asset_observation
        for entry in run.events
        if (event := entry.dagster_event) and event.is_asset_observation
    )
    assert (found.asset_key, found.partition) == (DIRECTORY, str(DAY))
    return {name: value.value for name, value in found.metadata.items()}


def failed(run: Run) -> dict[str, object]:
    """What is shown beside the message of the step that failed."""
    (shown,) = (
        event.step_failure_data.user_failure_data
        for entry in run.events
        if (event := entry.dagster_event) and event.is_step_failure
    )
    assert shown
    return {name: value.value for name, value in shown.metadata.items()}


def numbers_in(shown: Mapping[str, object]) -> dict[str, int]:
    """The numbers of the configuration that approves the day, as it is shown."""
    block = re.fullmatch(r"```yaml\n(.*)\n```", str(shown["approve_with"]), re.DOTALL)
    assert block
    config = YAML(typ="safe").load(block[1])["ops"]["acme__resolved_directory"]["config"]
    assert config.pop("by") == "YOUR NAME"
    return dict(config)


# Approving.


def test_who_names_himself_and_the_numbers_publishes_the_day_and_what_follows_it(
    held: Company,
) -> None:
    run = approve(held, by="Eve", removed=2, removed_memberships=2)
    assert run.succeeded
    assert people(held) == 2
    shown = run.metadata()["acme/resolved_directory"]
    assert shown["approved_by"] == "Eve"
    assert shown["approved_at"] == approvals(held.lake, DAY)[-1].when.timestamp()
    assert held.instance.get_materialized_partitions(DIRECTORY) == {str(DAY)}
    assert set(run.metadata()) == {"acme/resolved_directory", "acme/report"}


def test_the_first_approval_stands_before_and_after_the_day_is_published(held: Company) -> None:
    resolved = resolved_day(held.lake, DAY)
    first = record(held.lake, judge_day(organization(), held.lake, resolved), "Eve")
    for words in ("Eve has approved it already", "is published as it is"):
        run = approve(held, by="Zoe", removed=2, removed_memberships=2)
        assert run.succeeded
        assert words in run.text()
        assert run.metadata()["acme/resolved_directory"]["approved_by"] == "Eve"
    assert approvals(held.lake, DAY) == (first,)


def test_published_since_does_not_move_when_the_same_day_is_published_again(held: Company) -> None:
    seen = {"removed": 2, "removed_memberships": 2}
    first, again = (approve(held, by="Eve", **seen).metadata() for _ in range(2))
    shown = first["acme/resolved_directory"]["published_since"]
    assert again["acme/resolved_directory"]["published_since"] == shown


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another number": (
        {"by": "Eve", "removed": 1, "removed_memberships": 2},
        "the numbers that hold it back are removed 2, removed_memberships 2, and given were removed 1",
    ),
    "no numbers": ({"by": "Eve"}, "and given were none"),
    "nobody": (
        {"by": " ", "removed": 2, "removed_memberships": 2},
        "`by` is empty: it names who approves the day",
    ),
    "something else has been seen": (
        {"by": "Eve", "removed": 2, "removed_memberships": 2, "digest": "of another day"},
        "have changed since its verdicts were shown",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_otherwise_the_day_stays_held(held: Company, case: str) -> None:
    config, words = REFUSED[case]
    run = approve(held, **config)
    assert words in run.words()
    assert run.failure == names.HELD
    assert people(held) == 4
    assert not (held.lake.resolved(DAY).folder / APPROVAL).exists()


def test_a_button_pressed_without_filling_anything_in_approves_nothing(held: Company) -> None:
    prefilled = held.definitions.resolve_job_def("acme__approve").partitioned_config
    assert prefilled
    run = held.run("approve", config=prefilled.get_run_config_for_partition_key(str(DAY)))
    assert "`by` is empty: it names who approves the day. Nothing was published." in run.words()
    assert (
        "the configuration that `approve_with` of resolved_directory shows for 2026-11-23"
        in run.words()
    )
    assert numbers_in(failed(run)) == {"removed": 2, "removed_memberships": 2}
    assert people(held) == 4


def test_a_refusal_shows_the_numbers_that_it_takes(held: Company) -> None:
    run = approve(held, by="Eve")
    shown = observed(run)
    assert failed(run)["approve_with"] == shown["approve_with"]
    assert numbers_in(shown) == {"removed": 2, "removed_memberships": 2}
    assert shown["published_day"] == str(YESTERDAY)
    assert shown["held_day"] == str(DAY)


def test_a_sync_that_is_held_shows_the_configuration_that_approves_it(held: Company) -> None:
    run = held.run("resolve")
    assert run.failure == names.HELD
    shown = observed(run)
    assert numbers_in(shown) == {"removed": 2, "removed_memberships": 2}
    block = str(shown["approve_with"]).strip("`").removeprefix("yaml")
    approved = held.run("approve", config=YAML(typ="safe").load(block))
    assert approved.succeeded
    assert people(held) == 2


def test_a_day_that_is_not_held_needs_no_numbers(held: Company) -> None:
    prepare(held.lake, "Ada", "Bob", "Cid", "Dan", "Eli")
    assert approve(held, by="Eve").succeeded
    assert people(held) == 5
    assert not (held.lake.resolved(DAY).folder / APPROVAL).exists()


def test_an_older_day_takes_the_newer_ones_place_for_whoever_has_seen_what_that_loses(
    held: Company,
) -> None:
    prepare(held.lake, "Ada", "Bob", days_ago=2)
    older = DAY - timedelta(days=2)
    assert approve(held, older, by="Eve").succeeded  # as nothing was asked for
    assert people(held) == 4
    refused = approve(held, older, by="Eve", even_if_older=True)
    assert "the numbers that hold it back are removed 2, removed_memberships 2" in refused.words()
    block = str(failed(refused)["approve_with"]).strip("`").removeprefix("yaml")
    config = YAML(typ="safe").load(block)
    assert config["ops"][names.publish_op("acme")]["config"] == {
        "by": "YOUR NAME",
        "even_if_older": True,
        "removed": 2,
        "removed_memberships": 2,
    }
    assert held.run("approve", older, config=config).succeeded
    assert people(held) == 2


# Retention.


def test_the_job_removes_what_the_file_does_not_keep(tmp_path: Path, half_gone: Path) -> None:
    with a_company(tmp_path / "data", retention={"days": 5, "snapshots": 1}) as acme:
        shutil.copytree(half_gone, acme.lake.scratch, dirs_exist_ok=True)
        acme.keep(DAY - timedelta(days=9))
        (acme.lake.resolved(DAY - timedelta(days=9)).folder).mkdir()
        run = acme.run("retention", day=None)
        assert run.succeeded
        assert "1 removed (2026-11-14 to 2026-11-14)" in run.text()
        # Yesterday's snapshot is what the published directory was resolved from.
        assert acme.lake.snapshot_days("okta") == [YESTERDAY, DAY]
        assert acme.lake.resolved_days() == [YESTERDAY, DAY]


@pytest.mark.parametrize("job", ["approve", "retention"])
def test_the_jobs_hold_the_organizations_lock(acme: Company, job: str) -> None:
    needed = acme.definitions.resolve_job_def(f"acme__{job}").get_required_resource_defs()
    assert "acme__lock" in needed


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        ({}, False),
        ({"retention": {"days": 400}}, True),
        ({"retention": {"snapshots": 7}}, True),
        ({"retention": {"days": 400}, "enabled": False}, False),
    ],
)
def test_the_schedule_is_on_when_something_is_to_be_removed(
    tmp_path: Path, settings: dict[str, Any], runs: bool
) -> None:
    common: dict[str, Any] = {"schedule": "30 23 * * *", "timezone": "America/New_York"}
    late = an_organization(**common, **settings)
    schedule = definitions_of(late, tmp_path).resolve_schedule_def("acme__retention_daily")
    assert (schedule.default_status is dg.DefaultScheduleStatus.RUNNING) == runs
    assert schedule.cron_schedule == "30 0 * * *"
    assert schedule.execution_timezone == "America/New_York"
