"""A run that loses its locks in PostgreSQL while it reads."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.orchestration import names, resources
from opensense_okta.orchestration.locks.postgres import LOST, PostgresLocks
from opensense_okta.simulator.faults import Answer, Fault
from opensense_okta.simulator.messages import Call, Reply
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, READ, Company, a_company
from tests.support.dagster_servers import until
from tests.support.postgres import Postgres

KEEP = timedelta(milliseconds=500)


@dataclass(kw_only=True)
class Happening(Fault):
    """Something happens in the middle of the read, which goes on after a moment."""

    happens: Callable[[], object]
    then_wait: float = 2.0  # seconds: several times as long as a run needs to notice

    async def reply(self, call: Call, context: object, answer: Answer) -> Reply:
        """The reply of later."""
        del context
        await asyncio.to_thread(self.happens)
        await asyncio.sleep(self.then_wait)
        return await answer(call)


@dataclass
class Thief:
    """Another process of the organization, which waits for its lock."""

    locks: PostgresLocks
    held: ExitStack = field(default_factory=ExitStack)
    waits: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        self.held.enter_context(self.locks.without_a_run(report=lambda _: self.waits.set()))


@pytest.fixture
def acme(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """acme, whose locks are in PostgreSQL."""

    def locks_of(instance: dg.DagsterInstance, lake: Lake) -> PostgresLocks:
        return PostgresLocks(instance, postgres.url(), lake.organization, keep=KEEP)

    monkeypatch.setattr(resources, "locks_of", locks_of)
    with a_company(tmp_path / "data") as company:
        yield company


def run_id(acme: Company) -> str:
    (run,) = acme.instance.get_runs()
    return run.run_id


def test_a_run_goes_on_when_its_connection_was_ended(acme: Company, postgres: Postgres) -> None:
    def end() -> None:
        before = postgres.session(run_id(acme))
        postgres.end_sessions(run_id(acme))
        until(lambda: postgres.session(run_id(acme)) not in {before, None}, seconds=30)

    acme.okta.faults.append(Happening(match="GET /api/v1/groups", happens=end, then_wait=0))
    assert acme.run(only=READ).succeeded
    assert acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest)


def test_a_run_is_ended_as_transient_when_another_process_has_the_lock(
    acme: Company, postgres: Postgres
) -> None:
    locks = PostgresLocks(acme.instance, postgres.url(), "acme")
    thief = Thief(locks)
    thread = threading.Thread(target=thief.work)

    def steal() -> None:
        thread.start()
        assert thief.waits.wait(timeout=30)
        until(lambda: not thread.is_alive() or _end_again(postgres, run_id(acme)), seconds=30)

    acme.okta.faults.append(Happening(match="GET /api/v1/groups", happens=steal))
    try:
        run = acme.run(only=READ)
    finally:
        thread.join()
        thief.held.close()
    assert not run.succeeded
    assert run.record.status is dg.DagsterRunStatus.FAILURE
    assert run.record.tags[names.FAILURE] == names.TRANSIENT
    assert LOST in [entry.user_message for entry in run.events]
    assert acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest) is None


def _end_again(postgres: Postgres, run: str) -> bool:
    postgres.end_sessions(run)
    return False
