"""Runs of part of a day: what *Materialize*, a backfill or an approval started, and what newer runs leave."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import dagster as dg

from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import (
    Decision,
    Nothing,
    Resolve,
    Retry,
    Selection,
    Wait,
    config_of,
    decide,
)
from opensense_okta.orchestration.runs import Asset, RunFacts
from tests.orchestration.test_retries import (
    CANCELED,
    DAY,
    DAY_ENDS,
    FAILURE,
    PUBLISHED,
    RAW,
    RESOLVED_TABLES,
    STARTED,
    SUCCESS,
    TWO,
    decided,
    minutes,
    run,
)

OKTA = frozenset(asset for asset in RAW if "okta" in asset)
HR = RAW - OKTA
EVERYTHING = RAW | RESOLVED_TABLES | PUBLISHED


def materialize(
    assets: frozenset[Asset],
    status: dg.DagsterRunStatus = FAILURE,
    failure: str | None = names.TRANSIENT,
    *,
    group: str = "click",
    after: float = 0,
    attempt: int = 1,
    job: str = names.ASSET_JOB,
    config: Mapping[str, object] | None = None,
    checks: frozenset[tuple[Asset, str]] | None = None,
) -> RunFacts:
    """A run of a selection, so many minutes after two o'clock."""
    at = TWO + minutes(after)
    return RunFacts(
        run_id=f"{group}-{attempt}",
        job=job,
        status=status,
        attempt_group=group,
        attempt=attempt,
        created=at,
        ended=at,
        failure=failure if status is FAILURE else None,
        retry_at=None,
        assets=assets,
        checks=checks,
        whole=job == "acme__approve",
        config=config or {},
    )


def selected(decision: Decision) -> frozenset[Asset]:
    """What a decision starts."""
    assert isinstance(decision, Retry | Resolve)
    assert decision.selection
    return decision.selection.assets


class TestMaterialize:
    def test_is_tried_again_with_what_was_selected(self) -> None:
        checks = frozenset({(("acme", "okta", "raw_users"), "ids_unique")})
        config = {"ops": {"acme__read__okta": {"config": {"full": True}}}}
        clicked = materialize(OKTA, checks=checks, config=config)
        assert decided(clicked, now=TWO + minutes(1)) == Retry(
            "the run of 2026-11-23 failed: attempt 2 of 6 starts",
            run_key="acme/2026-11-23/click/2",
            tags={names.ORGANIZATION: "acme", names.ATTEMPT_GROUP: "click", names.ATTEMPT: "2"},
            selection=Selection(OKTA, checks),
            config=config,
        )

    def test_of_everything_is_tried_again_with_everything(self) -> None:
        assert selected(decided(materialize(EVERYTHING), now=TWO + minutes(1))) == EVERYTHING

    def test_of_stored_data_is_resolved_again(self) -> None:
        decision = decided(materialize(RESOLVED_TABLES), now=TWO + minutes(1))
        assert isinstance(decision, Resolve)
        assert selected(decision) == RESOLVED_TABLES

    def test_that_is_given_up_does_not_go_on_to_resolve(self) -> None:
        permanent = materialize(EVERYTHING, failure=names.PERMANENT)
        assert decided(permanent, now=TWO + minutes(1)) == Nothing(
            "the sync of 2026-11-23 failed and is not retried: the error is permanent: a person must fix"
            " its cause"
        )

    def test_of_a_day_that_is_over_is_tried_again_as_a_resolve(self) -> None:
        backfilled = materialize(EVERYTHING, failure=None, after=60 * 24 * 5)
        ended = backfilled.ended
        assert isinstance(decided(backfilled, now=ended), Wait)
        decision = decided(backfilled, now=ended + minutes(1))
        assert isinstance(decision, Resolve)
        assert selected(decision) == RESOLVED_TABLES | PUBLISHED

    def test_of_a_past_day_is_completed_although_a_later_day_has_had_its_sync(self) -> None:
        backfilled = materialize(EVERYTHING, failure=None, after=60 * 24 * 5)
        now = backfilled.ended + minutes(1)
        decision = decide(
            "acme", DAY, [run(), backfilled], now=now, day_ends=DAY_ENDS, superseded=True
        )
        assert isinstance(decision, Resolve)

    def test_of_a_raw_table_of_a_day_that_is_over_is_not_tried_again(self) -> None:
        late = materialize(OKTA, after=60 * 24 * 5)
        assert decided(late, now=late.ended + timedelta(hours=1)) == Nothing(
            "the run of 2026-11-23 failed and is not retried: the time to read the day ends before the"
            " next attempt"
        )


class TestANewerRun:
    def test_takes_over_what_both_select_and_what_is_made_from_the_rest_stays(self) -> None:
        newer = materialize(OKTA, SUCCESS, after=0.5)
        retry = decided(run(), newer, now=TWO + minutes(1))
        assert isinstance(retry, Retry)
        assert selected(retry) == EVERYTHING - OKTA

    def test_takes_over_all_if_it_selects_all(self) -> None:
        newer = materialize(EVERYTHING, CANCELED, after=0.5)
        assert decided(run(), newer, now=TWO + minutes(1)) == Nothing(
            "the sync of 2026-11-23 was canceled by a person and is not retried"
        )

    def test_that_makes_something_else_takes_over_nothing(self) -> None:
        newer = materialize(frozenset({("acme", "report")}), SUCCESS, group="other", after=0.5)
        retry = decided(materialize(OKTA), newer, now=TWO + minutes(1))
        assert selected(retry) == OKTA

    def test_is_waited_for(self) -> None:
        newer = materialize(HR, STARTED, after=0.5)
        assert decided(run(), newer, now=TWO + minutes(1)) == Wait(
            "run click-1 for 2026-11-23 is started"
        )

    def test_of_a_part_leaves_the_scheduled_sync_to_resolve_when_it_is_given_up(self) -> None:
        newer = materialize(OKTA, SUCCESS, after=0.5)
        decision = decided(run(FAILURE, names.PERMANENT), newer, now=TWO + minutes(1))
        assert isinstance(decision, Resolve)
        assert decision.selection is None


class TestAnApproval:
    HELD: ClassVar = run(FAILURE, names.HELD)
    CONFIG: ClassVar = {
        "ops": {
            "acme__resolved_directory": {
                "config": {"by": "Kim", "removed": 412, "digest": "x", "even_if_older": True}
            },
            "acme__exports": {},
        },
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }

    def test_of_a_held_day_ends_what_is_said_of_it(self) -> None:
        approved = materialize(PUBLISHED, SUCCESS, job="acme__approve", after=60)
        assert decided(self.HELD, approved, now=TWO + minutes(90)) == Nothing(
            "2026-11-23 was approved by a person and is published"
        )

    def test_by_materialize_ends_it_too(self) -> None:
        approved = materialize(PUBLISHED, SUCCESS, after=60)
        decision = decided(self.HELD, approved, now=TWO + minutes(90))
        assert isinstance(decision, Nothing)
        assert "back" not in decision.words

    def test_that_is_refused_leaves_the_day_held(self) -> None:
        refused = materialize(PUBLISHED, failure=names.HELD, job="acme__approve", after=60)
        decision = decided(self.HELD, refused, now=TWO + minutes(90))
        assert isinstance(decision, Nothing)
        assert decision.words.startswith("guards or data checks hold 2026-11-23 back")

    def test_is_never_repeated_by_a_retry_of_its_export(self) -> None:
        failed = materialize(PUBLISHED, job="acme__approve", after=60, config=self.CONFIG)
        decision = decided(self.HELD, failed, now=TWO + minutes(61))
        assert isinstance(decision, Resolve)
        assert selected(decision) == PUBLISHED
        assert decision.config == {
            "ops": {"acme__resolved_directory": {"config": {"even_if_older": True}}},
            "loggers": self.CONFIG["loggers"],
        }

    def test_is_left_out_of_every_configuration(self) -> None:
        assert config_of({"ops": {"acme__exports": {}}}, PUBLISHED) == {}
        assert config_of({}, PUBLISHED) == {}


class TestACommandsSync:
    def test_that_has_resolved_the_rest_is_still_tried_again(self) -> None:
        resolved = run(SUCCESS, job="resolve", at=TWO + minutes(0.5))
        retry = decided(run(), resolved, now=TWO + minutes(1))
        assert isinstance(retry, Retry)
        assert retry.selection is None
