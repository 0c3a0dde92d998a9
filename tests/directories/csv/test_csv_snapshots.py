"""Snapshots of files, taken day after day, and what the checks say of them."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.storage.lake import Lake
from tests.support.reads import failure

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

Take = Callable[..., SnapshotManifest]


@pytest.fixture
def take(tmp_path: Path, lake: Lake) -> Take:
    """Takes the snapshot of a day of a file with this content, written some days before."""

    def take_it(
        content: str,
        *,
        later: int = 0,
        age: int = 0,
        rules: Mapping[str, object] | None = None,
        lists: Mapping[str, str] | None = None,
    ) -> SnapshotManifest:
        file, moment = tmp_path / "people.csv", NOON + timedelta(days=later)
        file.write_text(content)
        files = {name: tmp_path / f"{name}.csv" for name in lists or {}}
        for name, path in files.items():
            path.write_text((lists or {})[name])
        written = (moment - timedelta(days=age)).timestamp()
        os.utime(file, (written, written))
        organization = Organization.model_validate(
            {
                "name": "acme",
                "timezone": "UTC",
                "first_day": "2026-11-01",
                "directories": {
                    "hr": {
                        "kind": "csv",
                        "users": str(file),
                        **{name: str(path) for name, path in files.items()},
                    }
                },
                "resolution": rules or {},
            }
        )
        with time_machine.travel(moment, tick=True):
            run = Run("run", uuid4().hex)
            return take_snapshot(organization, "hr", moment.date(), lake, run, no_progress)

    return take_it


def complaints(manifest: SnapshotManifest) -> dict[str, str]:
    """The checks that did not pass, and whether each holds publishing back."""
    return {found.name: found.severity for found in check_snapshot(manifest) if not found.passed}


ERROR, WARNING = "error", "warning"
WHOLE = "id,name\n1,Ada\n2,Bob\n3,Cy\n"
CUT = "id,name\n1,Ada\n2,Bo"


def test_a_whole_file_gives_no_reason_to_complain(take: Take) -> None:
    assert complaints(take(WHOLE)) == {}


def test_a_file_without_a_line_break_at_its_end_may_be_cut_off(take: Take) -> None:
    assert complaints(take(CUT)) == {"files_ended": WARNING}


def test_a_file_that_once_ended_with_a_line_break_and_has_fewer_rows_is_held(take: Take) -> None:
    take(WHOLE)

    assert complaints(take(CUT, later=1)) == {
        "files_whole": ERROR,
        "files_ended": WARNING,
        "size_stable": WARNING,
    }


def test_reading_a_cut_file_again_does_not_make_it_whole(take: Take) -> None:
    take(WHOLE)
    take(CUT, later=1)

    assert "files_whole" in complaints(take(CUT, later=1))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(WHOLE.rstrip(), CUT, id="an export that never writes one"),
        pytest.param(WHOLE, WHOLE + "4,Di", id="an export that no longer writes one"),
        pytest.param(WHOLE, WHOLE[:-1], id="the same rows"),
    ],
)
def test_no_line_break_alone_holds_nothing(take: Take, before: str, now: str) -> None:
    take(before)

    assert ERROR not in complaints(take(now, later=1)).values()


def test_a_cut_file_is_no_snapshot_and_may_be_whole_at_the_next_try(take: Take, lake: Lake) -> None:
    before = take(WHOLE)

    for cut in ("", "id,na", "id,name\n", "id,name\n1,Ada\n2", 'id,name\n1,Ada\n2,"Bo'):
        error = failure(lambda cut=cut: take(cut, later=1))  # type: ignore[misc]  # bound now
        assert type(error) is IncompleteListing
        assert error.transient
    assert lake.snapshot_days("hr") == [before.day]
    assert complaints(take(WHOLE, later=1)) == {}


@pytest.mark.parametrize(
    ("age", "stale_after_days", "stale"), [(3, 3, False), (4, 3, True), (4, 7, False), (2, 1, True)]
)
def test_a_file_is_old_when_the_organization_says_so(
    take: Take, age: int, stale_after_days: int, stale: bool
) -> None:
    manifest = take(WHOLE, age=age, rules={"stale_after_days": stale_after_days})

    assert complaints(manifest) == ({"files_fresh": WARNING} if stale else {})


NO_GROUPS, GROUPS = "id,name\n", "id,name\ng,Sales\n"
NO_MEMBERS, MEMBERS = "group_id,user_id\n", "group_id,user_id\ng,1\n"


def test_an_empty_list_is_allowed_at_first_and_where_it_was_empty_before(take: Take) -> None:
    empty = {"groups": NO_GROUPS, "memberships": NO_MEMBERS}

    assert complaints(take(WHOLE, lists=empty)) == {}
    assert complaints(take(WHOLE, lists=empty, later=1)) == {}
    assert complaints(take(WHOLE, lists={"groups": GROUPS, "memberships": MEMBERS}, later=2)) == {}


@pytest.mark.parametrize("lists", [(GROUPS, NO_MEMBERS), (NO_GROUPS, NO_MEMBERS)])
def test_a_filled_list_that_becomes_empty_is_held(take: Take, lists: tuple[str, str]) -> None:
    take(WHOLE, lists={"groups": GROUPS, "memberships": MEMBERS})

    manifest = take(WHOLE, lists=dict(zip(("groups", "memberships"), lists, strict=True)), later=1)

    assert complaints(manifest) == {"list_filled": "error"}


def test_a_row_that_is_set_aside_is_a_warning(take: Take) -> None:
    assert complaints(take(WHOLE + "Total: 3,\n")) == {"rows_filled": "warning"}


def test_a_snapshot_of_an_earlier_version_is_judged_by_what_it_has(take: Take) -> None:
    manifest = take(WHOLE)
    lacking = {"files_unended", "stale_after_days"}
    evidence = {name: count for name, count in manifest.evidence.items() if name not in lacking}

    assert complaints(manifest.model_copy(update={"evidence": evidence})) == {}
