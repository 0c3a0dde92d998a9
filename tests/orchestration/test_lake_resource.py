"""Where the data of a run is stored is decided by one resource, which a caller may replace."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets.build import build_assets
from opensense_okta.orchestration.resources import LakeResource, LogWatcher
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_lake_that_is_replaced_at_materialization_gets_all_files(tmp_path: Path) -> None:
    (tmp_path / "hr.csv").write_text("id,email\n1,ada@acme.example\n2,bob@acme.example\n")
    organization = Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-23",
            "directories": {"hr": {"kind": "csv", "users": str(tmp_path / "hr.csv")}},
        }
    )
    defined, other = tmp_path / "defined", tmp_path / "other"
    with time_machine.travel(NOON), dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            build_assets(organization, LakeResource(root=str(defined))),
            instance=instance,
            partition_key="2026-11-23",
            resources={
                names.LAKE: LakeResource(root=str(other)),
                names.PROGRESS: LogWatcher(),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    assert result.success
    lake = Lake(other, "acme")
    day = published(lake)
    assert day is not None
    assert day.resolved.rows["people"] == 2
    assert lake.database.exists()
    assert (lake.scratch / "reports" / "date=2026-11-23.html").exists()
    assert not defined.exists()
