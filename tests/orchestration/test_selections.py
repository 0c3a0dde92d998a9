"""Every selection that the UI offers works, and has the guarantees of the daily job."""

from collections.abc import Sequence

import dagster as dg

from opensense_okta.publishing.published import published
from opensense_okta.simulator.okta.faults import make_fault
from tests.support.company import DAY, Company, Run

RAW = ["acme/okta/raw_users", "acme/okta/raw_groups", "acme/okta/memberships"]


def made(run: Run) -> set[str]:
    """The assets that a run says it has made."""
    return {
        event.asset_key.to_user_string()
        for entry in run.events
        if (event := entry.dagster_event) and event.is_step_materialization and event.asset_key
    }


def materialize(acme: Company, *assets: str) -> Run:
    """What the button *Materialize* does, for one day of some assets."""
    graph = acme.definitions.resolve_implicit_global_asset_job_def()
    result = graph.execute_in_process(
        instance=acme.instance,
        partition_key=str(DAY),
        asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    return Run(result.run_id, acme.instance)


def test_one_table_of_a_directory_is_read_with_its_others_and_all_are_shown(acme: Company) -> None:
    run = materialize(acme, "acme/okta/raw_groups")
    assert run.succeeded
    assert made(run) == set(RAW)


def test_one_resolved_table_is_made_with_its_others_and_all_are_shown(acme: Company) -> None:
    acme.keep(DAY)
    run = materialize(acme, "acme/people")
    assert run.succeeded
    tables = ("accounts", "people", "provenance", "conflicts", "groups", "memberships")
    assert made(run) == {f"acme/{table}" for table in tables}


def test_a_part_and_what_is_made_from_it_is_published(acme: Company) -> None:
    acme.keep(DAY)
    downstream = ["acme/people", "acme/changes", "acme/resolved_directory"]
    assert materialize(acme, *downstream).succeeded
    publication = published(acme.lake)
    assert publication is not None
    assert publication.day == DAY


def test_a_part_is_held_back_by_the_same_checks(synced_acme: Company) -> None:
    acme = synced_acme
    acme.okta.faults.append(make_fault("restricted-admin", times=None))
    everything_else = ["acme/okta/raw_users", "acme/people", "acme/resolved_directory"]
    run = materialize(acme, *everything_else)
    assert run.failure == "held"


def checks(run: Run) -> set[str]:
    """The checks that a run has evaluated."""
    return {
        evaluation.check_name
        for entry in run.events
        if (event := entry.dagster_event)
        and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and (evaluation := event.asset_check_evaluation_data)
    }


def test_a_check_alone_is_evaluated_on_what_is_stored_and_reads_nothing(
    synced_acme: Company,
) -> None:
    acme = synced_acme
    acme.okta.requests.clear()
    check = dg.AssetCheckKey(dg.AssetKey(RAW[0].split("/")), "ids_unique")
    run = check_alone(acme, [check])
    assert run.succeeded
    assert checks(run) == {"ids_unique"}
    assert made(run) == set()
    assert acme.okta.requests == []


def check_alone(acme: Company, selected: Sequence[dg.AssetCheckKey]) -> Run:
    """What the button *Execute* of a check does."""
    repository = acme.definitions.get_repository_def()
    job = repository.get_job("__ASSET_JOB").get_subset(
        asset_selection=set(), asset_check_selection=set(selected)
    )
    result = job.execute_in_process(
        instance=acme.instance, partition_key=str(DAY), raise_on_error=False
    )
    return Run(result.run_id, acme.instance)


def test_no_step_of_several_tables_refuses_a_part(acme: Company) -> None:
    graph = acme.definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        assert graph.get(key).execution_set_asset_keys == {key}
