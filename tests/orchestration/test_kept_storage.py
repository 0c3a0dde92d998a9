"""Dagster's storage with connections that are kept: the same files, seen by each process, few open."""

from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.sql import get_alembic_config

from opensense_okta.orchestration.instance.home import prepared_home

DAGSTERS_OWN = """
storage:
  sqlite:
    base_dir: {home}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return prepared_home()


def with_dagsters_own_storage(home: Path) -> dg.DagsterInstance:
    """The instance as Dagster makes it without this project: each statement has a connection of its own."""
    other = home.parent / "other"
    other.mkdir(exist_ok=True)
    (other / "dagster.yaml").write_text(DAGSTERS_OWN.format(home=home))
    return dg.DagsterInstance.from_config(str(other))


def materialize(instance: dg.DagsterInstance, rows: int) -> str:
    """Runs a job of one asset and returns the id of the run."""

    @dg.asset
    def people() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"rows": rows})

    return dg.materialize([people], instance=instance).run_id


def shown(instance: dg.DagsterInstance) -> object:
    event = instance.get_latest_materialization_event(dg.AssetKey("people"))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata["rows"].value


def open_databases(home: Path) -> list[str]:
    """The databases below a folder that this process has open."""
    opened = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
        if home in target.parents and target.suffix == ".db":
            opened.add(target.name)
    return sorted(opened)


def test_the_files_are_those_that_dagster_writes_itself(home: Path) -> None:
    with with_dagsters_own_storage(home) as before:
        materialize(before, rows=1)
    with dg.DagsterInstance.get() as now:
        assert shown(now) == 1
        materialize(now, rows=2)
    with with_dagsters_own_storage(home) as after:
        assert shown(after) == 2
        assert len(after.get_runs()) == 2


def test_what_another_process_writes_is_seen(home: Path) -> None:
    with dg.DagsterInstance.get() as reader, dg.DagsterInstance.get() as writer:
        for rows in (1, 2, 3):
            run_id = materialize(writer, rows=rows)
            assert shown(reader) == rows
            run = reader.get_run_by_id(run_id)
            assert run is not None
            assert run.is_success
    assert home.is_dir()


def test_a_page_that_watches_a_run_gets_all_events_while_the_run_is_at_work(home: Path) -> None:
    seen, over = list[str](), Event()

    def watch(entry: dg.EventLogEntry, _cursor: str) -> None:
        event = entry.dagster_event
        seen.append(event.event_type_value if event else "")
        if seen[-1] == dg.DagsterEventType.RUN_SUCCESS.value:
            over.set()

    with dg.DagsterInstance.get() as page, dg.DagsterInstance.get() as writer:

        @dg.asset
        def people(context: dg.AssetExecutionContext) -> None:
            page.watch_event_logs(context.run.run_id, None, watch)

        dg.materialize([people], instance=writer)
        assert over.wait(timeout=10), seen
        assert "ASSET_MATERIALIZATION" in seen
    assert home.is_dir()


def test_the_databases_of_many_runs_are_not_all_open(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        runs = [materialize(instance, rows=rows) for rows in range(4)]
        for run_id in runs:
            assert instance.all_logs(run_id)
        assert open_databases(home) == sorted(["index.db", "runs.db", f"{runs[-1]}.db"])


def test_an_instance_that_is_closed_has_no_file_open(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        materialize(instance, rows=1)
        assert open_databases(home)
    assert not open_databases(home)


def test_a_run_that_was_deleted_has_no_events(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        run_id = materialize(instance, rows=1)
        instance.delete_run(run_id)
        assert not instance.all_logs(run_id)
        instance.wipe()
        assert not instance.get_runs()
        assert shown_again(instance) == 5
    assert home.is_dir()


def shown_again(instance: dg.DagsterInstance) -> object:
    """What a run after a wipe stores."""
    materialize(instance, rows=5)
    return shown(instance)


def test_the_history_of_dagsters_schema_is_read_once() -> None:
    scripts = [
        ScriptDirectory.from_config(get_alembic_config(storage.__file__))
        for storage in (sqlite_run_storage, sqlite_run_storage, sqlite_event_log)
    ]
    assert scripts[0] is scripts[1]
    assert len({script.get_current_head() for script in scripts}) == 1
