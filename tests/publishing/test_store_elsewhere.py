"""Every file of the lake is reached by its name: in an object store, everything works as in a folder."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opensense_okta.config.models import Organization
from opensense_okta.publishing.approval import approve_day, numbers
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.publishing.explain.explanation import explain
from opensense_okta.publishing.explain.find_person import find, stored_day
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.notifications.state import save, stored_state
from opensense_okta.publishing.publish import Held, publish, restore_ledger
from opensense_okta.publishing.report.report import write_report
from opensense_okta.publishing.retention import delete_expired
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.company import an_org
from tests.support.days import Company, a_company
from tests.support.object_stores import in_memory
from tests.support.stored import DAY, OKTA, company

pytestmark = pytest.mark.slow

DAYS = (DAY - timedelta(days=2), DAY - timedelta(days=1), DAY)


@pytest.fixture
def okta(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path / "lake", an_org()) as okta:
        yield okta


def nothing() -> None:
    pass


def live(
    okta: Company, lake: Lake, exports: Path, before_each_step: Callable[[], object] = nothing
) -> dict[str, Any]:
    """Three days: a first one, one on which people leave and a person approves it, one of retention."""
    okta.lake = lake
    move = before_each_step
    others = company({"okta": OKTA}, publish={"csv": {"path": f"{exports}/{{date}}.csv"}})
    acme = okta.organization().model_copy(update={"publish": others.publish})
    for day in DAYS:
        move()
        okta.take(day)
        move()
        resolve(acme, day, lake)
        move()
        try:
            publish(acme, lake, day)
        except Held as held:
            move()
            seen = numbers(held.judgement)
            approve_day(acme, lake, day, by="Ada", numbers_seen=seen)
            move()
            publish(acme, lake, day)
        move()
        export_published(acme, lake, day)
        move()
        _, over = stored_state(lake)
        save(lake, [], datetime.now(UTC), over)
        if day == DAYS[0]:
            for user_id in okta.org.user_ids[:10]:
                okta.org.remove_user(user_id)
    move()
    return outcome(acme, lake, exports)


def outcome(acme: Organization, lake: Lake, exports: Path) -> dict[str, Any]:
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        people = connection.sql("select * exclude (accounts) from people order by all").fetchall()
        history = connection.sql("select count(*) from people_history").fetchall()
    day = stored_day(lake, DAY)
    assert day is not None
    email = next(str(value) for row in people for value in row if "@" in str(value))
    person = find(lake, [day], email)[0]
    report = write_report(acme, lake, DAY)
    kept = acme.model_copy(
        update={"retention": acme.retention.model_copy(update={"days": 1, "snapshots": 1})}
    )
    last = last_export(lake)
    assert last is not None
    return {
        "people": people,
        "history": history,
        "explained": [value.value for value in explain(lake, day, person.person_id).values],
        "report": report.name,
        "restored": restore_ledger(lake),
        "exports": {
            file.name: file.read_bytes() for file in exports.iterdir() if file.suffix == ".csv"
        },
        "export": last.delivered.day,
        "doctor": [result.message for result in examine_state_files(lake)],
        "removed": delete_expired(kept, lake, datetime.now(UTC)).days,
        "days": (
            lake.resolved_days(),
            lake.published_days(),
            lake.ledger_days(),
            lake.report_days(),
        ),
        "snapshots": lake.snapshot_days("okta"),
    }


def test_everything_works_alike_in_an_object_store_and_each_step_on_another_machine(
    okta: Company, tmp_path: Path
) -> None:
    in_folder = live(okta, okta.lake, tmp_path / "exports")
    with a_company(tmp_path / "other", an_org()) as other:
        first, scratches = in_memory(tmp_path / "scratch"), list[Path]()

        def move() -> None:
            scratches.append(tmp_path / f"scratch-{len(scratches)}" / "acme")
            other.lake.store = replace(first, scratch=scratches[-1], _copies={})
            other.lake.create()

        found = live(other, other.lake, tmp_path / "other-exports", move)
        assert found == in_folder
        assert len(scratches) > len(DAYS) * 5
        assert list((tmp_path / "other").rglob("*.parquet")) == []
