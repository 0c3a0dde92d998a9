"""Commands beside a run of the organization: `approve` waits for it, and being overtaken is no wrong use."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from opensense_okta.cli import approve, doctor
from opensense_okta.config.models import Organization
from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.publishing.approval import Outcome, review_day
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Changed
from tests.cli.test_approve import Desk, desk, half_gone, held, home

__all__ = ["desk", "half_gone", "held", "home"]  # fixtures


def test_approve_judges_under_the_organizations_lock(
    held: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_alone = []

    def review(organization: Organization, lake: Lake, day: date) -> Outcome:
        with FileLocks(lake.locks).idle() as nobody_works:
            worked_alone.append(not nobody_works)
        return review_day(organization, lake, day)

    monkeypatch.setattr(approve, "review_day", review)
    ended = held.approve(answer="y")
    assert ended.status == 0
    assert worked_alone == [True]


def overtaken(*_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
    raise Changed("/srv/lake/acme/resolved/judgement.json")


@pytest.mark.parametrize(
    ("module", "name", "command"),
    [
        (approve, "review_day", lambda desk: desk.approve("--yes")),
        (doctor, "examine_organization", lambda desk: desk.type("doctor", "acme")),
    ],
    ids=["approve", "doctor"],
)
def test_a_file_that_another_process_replaced_is_no_wrong_use(
    held: Desk,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    command: Callable[[Desk], Any],
) -> None:
    monkeypatch.setattr(module, name, overtaken)
    ended = command(held)
    assert ended.status == 1
    assert "was replaced by another process" in ended.err
