"""What people see of a run in Dagster: numbers, checks and words, and nothing personal."""

import logging
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import dagster as dg
import duckdb
import pytest

from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import CHECKS
from opensense_okta.orchestration import names
from opensense_okta.publishing.guards.evaluate import Guard
from opensense_okta.publishing.published import published
from opensense_okta.resolution.checks import RESOLUTION_CHECKS
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.server import TOKEN
from opensense_okta.storage.files import make_private_dir
from tests.support import company
from tests.support.company import DAY, NOON, Beginning, Company, Run, a_company
from tests.support.scratch import scratch

RESOLVED, RAW = (
    [asset.removeprefix("acme/") for asset in assets] for assets in (company.RESOLVED, company.READ)
)
YESTERDAY = DAY - timedelta(days=1)
A_FILE = {"csv": {"path": "exports/people.csv"}}


class Synced(NamedTuple):
    """A company after its first good sync."""

    company: Company
    run: Run

    def shows(self, asset: str) -> dict[str, object]:
        """The metadata of one of its assets."""
        return self.run.metadata()[f"acme/{asset}"]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    with a_company(tmp_path_factory.mktemp("data")) as company:
        run = company.run()
        assert run.succeeded, run.failures()
        yield Synced(company, run)


# What each materialization shows.


def test_a_sync_materializes_every_asset_of_the_day(synced: Synced) -> None:
    assert set(synced.run.metadata()) == {
        f"acme/{asset}" for asset in (*RAW, *RESOLVED, "changes", "resolved_directory", "report")
    }


def test_every_table_shows_its_rows(synced: Synced) -> None:
    truth = synced.company.okta.org.truth()
    users, groups, members = len(truth.users), len(truth.groups), len(truth.memberships)
    shown = {
        asset: synced.shows(asset)["dagster/partition_row_count"]
        for asset in (*RAW, *RESOLVED, "changes")
    }
    provenance = shown.pop("provenance")
    assert shown == {
        "okta/raw_users": users,
        "okta/raw_groups": groups,
        "okta/memberships": members,
        "accounts": users,
        "people": users,
        "conflicts": 0,  # one directory agrees with itself
        "groups": groups,
        "memberships": members,
        "changes": users + groups + members,  # everything is new
    }
    assert isinstance(provenance, int)
    assert provenance > users


@pytest.mark.parametrize("asset", [*RAW, *RESOLVED, "changes"])
def test_every_table_shows_its_size(synced: Synced, asset: str) -> None:
    size = synced.shows(asset)["bytes"]
    assert isinstance(size, int)
    assert size > 0


@pytest.mark.parametrize("asset", [*RAW, *RESOLVED, "changes"])
def test_the_columns_are_those_that_were_defined(synced: Synced, asset: str) -> None:
    """They are shown from the definition; a materialization does not repeat them."""
    specs = synced.company.definitions.resolve_all_asset_specs()
    (spec,) = [spec for spec in specs if spec.key.to_user_string() == f"acme/{asset}"]
    schema = spec.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert all(column.type for column in schema.columns)
    assert any(column.description for column in schema.columns)
    assert {column.name: column.type for column in schema.columns} == columns(synced, asset)
    assert "dagster/column_schema" not in synced.shows(asset)


def columns(synced: Synced, asset: str) -> dict[str, str]:
    """The columns of a stored table of the day, with their types."""
    *directory, table = asset.split("/")
    lake = synced.company.lake
    day = lake.snapshot(directory[0], DAY) if directory else lake.resolved(DAY)
    (path,) = day.folder.glob(f"*/{table}.parquet")
    stored = duckdb.read_parquet(str(path))
    return dict(zip(stored.columns, map(str, stored.types), strict=True))


@pytest.mark.parametrize("asset", RAW)
def test_a_read_shows_what_it_has_cost(synced: Synced, asset: str) -> None:
    shown = synced.shows(asset)
    asked = len(synced.company.okta.requests)
    assert shown["requests"] == shown["pages"] == asked
    assert (shown["retried_requests"], shown["waits"], shown["waited_seconds"]) == (0, 0, 0)
    received, headroom, seconds = (
        shown[name] for name in ("received_bytes", "rate_limit_headroom", "seconds")
    )
    assert isinstance(received, int)
    assert received > 10_000
    assert isinstance(headroom, float)
    assert 0.99 < headroom < 1
    assert isinstance(seconds, float)
    captured = shown["captured_from"], shown["captured_to"]
    assert all(isinstance(moment, float) for moment in captured)
    assert str(captured[0]) <= str(captured[1])
    assert (shown["mode"], shown["read_earlier"], shown["set_aside"]) == ("full", False, 0)


def test_what_is_resolved_shows_what_it_was_made_from(synced: Synced) -> None:
    for asset in RESOLVED:
        shown = synced.shows(asset)
        assert shown["snapshot_of_okta"] == str(DAY)
        assert shown["rules_changed"] == "no published day before is stored"
    assert synced.shows("memberships")["nested_memberships"] == 0


def test_what_is_published_shows_the_day_the_rows_and_the_place(synced: Synced) -> None:
    shown = synced.shows("resolved_directory")
    database = synced.company.lake.database
    people = synced.shows("people")["dagster/partition_row_count"]
    assert shown["published_day"] == str(DAY)
    assert shown["database"] == str(database)
    assert shown["bytes"] == database.stat().st_size
    assert shown["people_rows"] == people


def test_what_is_published_shows_what_has_changed(synced_acme: Company) -> None:
    acme = synced_acme
    first, second, *_ = acme.okta.org.user_ids
    acme.okta.org.update_profile(first, {"title": "Chief"})
    acme.okta.org.remove_user(second)
    with acme.on(DAY + timedelta(days=1)):
        run = acme.run(day=DAY + timedelta(days=1))
    shown = run.metadata()["acme/resolved_directory"]
    counted = {name: n for name, n in shown.items() if name.startswith("people_")}
    assert counted == {
        "people_rows": 39,
        "people_added": 0,
        "people_removed": 1,
        # And whoever was managed by the one who is gone.
        "people_changed": counted["people_changed"],
    }
    assert counted["people_changed"] >= 1
    # The guards judge the same numbers before it is published.
    judged = run.metadata()["acme/changes"]
    assert (judged["compared_with"], judged["held"]) == (str(DAY), False)
    assert judged["guards_compared_with"] == "the directory of 2026-11-23"
    assert [judged[name] for name in ("added", "removed", "changed")] == [
        shown[f"people_{name}"] for name in ("added", "removed", "changed")
    ]
    assert judged["attributes_changed"]["title"] == 1
    assert run.metadata()["acme/people"]["rules_changed"] == f"no, the same as on {DAY}"
    assert run.metadata()["acme/report"]["changes"] == (
        f"0 people added, 1 removed, {counted['people_changed']} changed since {DAY}"
    )


def test_the_first_day_is_compared_with_nothing(synced: Synced) -> None:
    judged = synced.shows("changes")
    people = synced.shows("people")["dagster/partition_row_count"]
    assert judged["compared_with"] == "nothing: no earlier day is published"
    assert judged["guards_compared_with"] == "nothing: nothing is published"
    assert (judged["added"], judged["removed"], judged["changed"]) == (people, 0, 0)


def test_the_report_shows_where_it_is_and_names_nobody(synced: Synced) -> None:
    # A browser opens no link from a page to a file.
    assert synced.shows("report")["page"] == "/directory/acme/reports/2026-11-23"
    path = Path(str(synced.shows("report")["report"]))
    text = path.read_text()
    assert synced.shows("report")["bytes"] == path.stat().st_size
    assert int(str(synced.shows("report")["people_active"])) > 0
    assert found_in(text, personal(synced.company.okta.org)) == set()


def test_exports_show_the_files_they_wrote(first_sync: Beginning, tmp_path: Path) -> None:
    with first_sync.copy(tmp_path / "data", publish=A_FILE) as acme:
        (shown,) = acme.run(only=["acme/exports"]).metadata().values()
        files = {record.data["file"]: record.data for record in shown["files"].records}
        (people,) = [data for file, data in files.items() if file.endswith("people.csv")]
        assert people["rows"] <= rows_of_people(acme)
        assert people["bytes"] == (acme.lake.scratch / "exports" / "people.csv").stat().st_size


def test_exports_show_which_groups_they_do_not_have(first_sync: Beginning, tmp_path: Path) -> None:
    csv = {**A_FILE["csv"], "groups": ["Everyone", "Same", "Nowhere"]}
    with first_sync.copy(tmp_path / "data", publish={"csv": csv}) as acme:
        two = give_two_groups_one_name(acme, "Same")
        run = acme.run(only=["acme/exports"])
        (shown,) = run.metadata().values()
        left_out, unmatched = shown["groups_left_out"], shown["unmatched_patterns"]
        assert left_out.startswith(f"2 groups left out of the export ({', '.join(two)}): the name")
        assert unmatched.startswith(
            "No group of the day matches these entries of publish.csv.groups: Nowhere."
        )
        levels = {entry.user_message: entry.level for entry in run.events}
        assert (levels[left_out], levels[unmatched]) == (logging.WARNING, logging.WARNING)


def give_two_groups_one_name(acme: Company, name: str) -> list[str]:
    """Renames two groups of the resolved day; returns their ids."""
    (file,) = acme.lake.resolved(DAY).folder.glob("*/groups.parquet")
    renamed = file.with_suffix(".renamed")
    with scratch() as connection:
        groups = connection.read_parquet(str(file))
        others = groups.filter("name <> 'Everyone'").order("group_id").limit(2)
        two = [group_id for (group_id,) in others.select("group_id").fetchall()]
        name_of_two = f"if(group_id in ('{two[0]}', '{two[1]}'), '{name}', name) as name"
        groups.select(f"* replace ({name_of_two})").write_parquet(str(renamed))
    renamed.replace(file)
    return two


def rows_of_people(acme: Company) -> int:
    """How many people are published."""
    with duckdb.connect(acme.lake.database, read_only=True) as connection:
        return len(connection.execute("from people").fetchall())


def test_every_check_shows_its_result_and_whether_it_holds(synced: Synced) -> None:
    found = {
        (check.asset_key.path[-1], check.check_name): (check.passed, check.severity)
        for check in synced.run.checks()
    }
    asked: list[tuple[str, str, bool]] = [
        (check.table, check.name, check.blocks_publishing) for check in CHECKS["okta"]
    ]
    asked += [(check.table, check.name, check.blocks_publishing) for check in RESOLUTION_CHECKS]
    # A guard is an error when it holds the day back, a warning when it has a doubt.
    asked += [("changes", guard, False) for guard in get_args(Guard)]
    asked += [("provenance", "rules_effective", False), ("resolved_directory", "published", False)]
    severity = {True: dg.AssetCheckSeverity.ERROR, False: dg.AssetCheckSeverity.WARN}
    assert found == {(table, name): (True, severity[holds]) for table, name, holds in asked}


def test_every_check_names_its_day(synced: Synced) -> None:
    assert {check.partition for check in synced.run.checks()} == {
        synced.run.record.tags["dagster/partition"]
    }


def test_a_check_shows_the_numbers_it_was_judged_by(synced: Synced) -> None:
    (check,) = [each for each in synced.run.checks() if each.check_name == "members_known"]
    members = synced.shows("okta/memberships")["dagster/partition_row_count"]
    assert {name: value.value for name, value in check.metadata.items()} == {
        "memberships": members,
        "members_unknown": 0,
        "groups_unknown": 0,
    }
    assert check.description == (
        f"0 of {members} memberships name a user who was not listed, 0 a group that was not."
    )


def test_a_run_says_whose_it_is_and_of_which_day(synced: Synced) -> None:
    shown = {name: value for name, value in synced.run.record.tags.items() if value}
    assert shown == {
        "dagster/partition": str(DAY),
        "dagster/partition_set": "acme__sync_partition_set",
        "opensense/organization": "acme",
    }


# Personal data stays home.


def personal(org: Org) -> set[str]:
    """Words that say who somebody is: every name, login, address, number and id."""
    fields = ("login", "email", "secondEmail", "firstName", "lastName", "displayName", "mobilePhone",
              "primaryPhone", "employeeNumber", "streetAddress")  # fmt: skip
    profiles = [user["profile"] for user in org.users.values()]
    words = {str(profile.get(field) or "") for profile in profiles for field in fields}
    return {word for word in words | set(org.user_ids) if len(word) > 3}


def found_in(text: str, words: set[str]) -> set[str]:
    """Which of the words are in a text, as words of their own; the fraction of a time is none."""
    stand = {word for word in words if word in text}  # much faster than the expression
    return {word for word in stand if re.search(rf"(?<!\w)(?<!\d\.){re.escape(word)}(?!\w)", text)}


def test_there_is_something_to_be_found(synced: Synced) -> None:
    words = personal(synced.company.okta.org)
    assert len(words) > 200
    assert found_in(f"of {min(words)}, and", words) == {min(words)}


def test_a_runs_events_tags_and_metadata_name_nobody_and_no_secret(synced: Synced) -> None:
    text = synced.run.text()
    assert found_in(text, personal(synced.company.okta.org)) == set()
    assert TOKEN not in text
    assert len(text) > 100_000


def assert_nobody_named(run: Run, acme: Company) -> None:
    """Nothing that is stored of the run names a person or has the token."""
    assert found_in(run.text(), personal(acme.okta.org)) == set()
    assert TOKEN not in run.text()


def test_nor_do_those_of_a_run_with_strange_records(acme: Company) -> None:
    acme.okta.faults.append(make_fault("strange-records", times=None))
    assert_nobody_named(acme.run(), acme)


def test_nor_do_those_of_a_run_that_trips_over_what_nobody_foresaw(synced_acme: Company) -> None:
    acme = synced_acme
    shelf = acme.lake.snapshot("okta", DAY)
    manifest = shelf.manifest(SnapshotManifest)
    assert manifest
    shelf.table(manifest, "memberships").write_bytes(
        shelf.table(manifest, "raw_users").read_bytes()
    )
    run = acme.run("resolve")
    assert not run.succeeded
    assert found_in(run.text(), personal(acme.okta.org)) == set()


# What goes wrong says what to do.


class Incident(NamedTuple):
    fault: str
    tag: str
    cause: str
    remedy: str


TROUBLES = [
    Incident(
        "invalid-token",
        names.PERMANENT,
        "Okta does not accept the API token: it is invalid, expired or revoked (401 E0000011, Invalid"
        " token provided",
        "In Okta's Admin Console open Security > API > Tokens, create a token as a Read-Only"
        " Administrator and put it where the organization file's `api_token` points.",
    ),
    Incident(
        "forbidden",
        names.PERMANENT,
        "Okta refuses access: an administrator role is missing (403 E0000006",
        "Give the administrator who made the token the Read-Only Administrator role (Security >"
        " Administrators); for an API Services app grant the scopes okta.users.read and okta.groups.read"
        " (Okta API Scopes tab) and the same role (Admin roles tab).",
    ),
    Incident(
        "unknown-org",
        names.PERMANENT,
        "A web page came instead of an answer of Okta's API (404",
        "Check `endpoint` in the organization file:",
    ),
    Incident(
        "empty",
        names.PERMANENT,
        "Okta answered, but listed no ",
        "credentials lack a role.",
    ),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.fault)
def test_a_read_that_fails_says_why_and_what_to_do(acme: Company, trouble: Incident) -> None:
    acme.okta.faults.append(make_fault(trouble.fault, times=None))
    run = acme.run()
    (failure,) = run.failures()
    assert run.failure == trouble.tag
    shown = {name: str(value.value) for name, value in failure.metadata.items()}
    assert trouble.cause in shown["cause"]
    assert trouble.remedy in shown["remedy"]
    assert shown["meaning"] == (
        "Nothing of this read is used; what is stored and published of this directory stays as it was."
    )
    assert failure.description == (
        f"acme/okta: {shown['cause']} {shown['meaning']} What to do: {shown['remedy']}"
    )
    assert run.metadata() == {}
    assert_nobody_named(run, acme)


def test_what_time_heals_is_tagged_so_with_the_time_that_the_api_gives(acme: Company) -> None:
    later = {"retry-after": "7200"}
    acme.okta.faults.append(make_fault("retry-after", headers=later, times=None))
    run = acme.run()
    assert run.failure == names.TRANSIENT
    retry_at = datetime.fromisoformat(run.record.tags[names.RETRY_AT])
    assert timedelta(0) <= retry_at - NOON - timedelta(hours=2) < timedelta(minutes=1)
    assert "Okta has trouble of its own (503 E0000010" in run.words()


def test_a_secret_that_is_missing_says_where_it_is_looked_for(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_TOKEN")
    run = acme.run()
    assert run.failure == names.PERMANENT
    assert run.words() == (
        "acme/okta: The secret's environment variable ACME_TOKEN is not set. What to do: set it where"
        " the commands and Dagster's processes start."
    )
    assert acme.okta.requests == []


class Restarted(NamedTuple):
    """A company after a run that was started again two days later, and what lay about before."""

    run: Run
    half_read: Path
    half_resolved: Path


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """The run inherits how the one before failed; killed processes left files; an address is malformed."""
    later = DAY + timedelta(days=2)
    inherited = {names.FAILURE: names.PERMANENT, names.RETRY_AT: "2026-11-24T00:00:00+00:00"}
    with a_company(tmp_path_factory.mktemp("restarted") / "data") as acme, acme.on(later):
        read = acme.lake.snapshot("okta", DAY).draft()
        read.table("raw_users").write_bytes(b"half")
        for path in (read.table("raw_users"), read.folder):
            os.utime(path, (NOON.timestamp(), NOON.timestamp()))
        resolved = acme.lake.resolved(later).draft().folder
        os.utime(resolved, (0, 0))
        acme.okta.org.update_profile(acme.okta.org.user_ids[0], {"email": "nowhere"})
        run = acme.run(day=later, run_tags=inherited)
        assert run.succeeded
        yield Restarted(run, read.folder, resolved)


def test_a_run_started_again_does_not_inherit_how_the_one_before_failed(
    restarted: Restarted,
) -> None:
    assert restarted.run.failure is None
    assert restarted.run.record.tags[names.RETRY_AT] == ""


def test_a_sync_removes_what_a_killed_one_left_behind_days_ago(restarted: Restarted) -> None:
    assert not restarted.half_read.exists()


def test_a_sync_deletes_what_killed_processes_left(restarted: Restarted) -> None:
    assert not restarted.half_resolved.exists()


def test_a_warning_holds_nothing_back(restarted: Restarted) -> None:
    checks = restarted.run.checks()
    assert [(check.check_name, check.severity) for check in checks if not check.passed] == [
        ("emails_well_formed", dg.AssetCheckSeverity.WARN)
    ]


# What does not prove itself whole is not published.


def test_a_day_that_is_held_says_why_and_what_approving_it_takes_and_what_is_published_stays(
    acme_of_yesterday: Company,
) -> None:
    acme = acme_of_yesterday
    before = acme.lake.database.read_bytes()
    acme.okta.faults.append(make_fault("restricted-admin", times=None))
    run = acme.run()
    (failure,) = run.failures()
    assert run.failure == names.HELD
    shown = {name: str(value.value) for name, value in failure.metadata.items()}
    assert shown["cause"].startswith(
        "acme: 2026-11-23 is held back.\nokta: everyone_group_listed: Built-in groups named Everyone: 0."
        " An administrator who cannot see it has a restricted role. 1 of 1 active people (100.0 %) are"
        " gone (1) or inactive (0): all of them."
    )
    assert (
        shown["meaning"]
        == "The directory of 2026-11-22, which it was compared with, stays published."
    )
    assert shown["remedy"] == (
        "If this is a mistake, correct it in the directory or in the organization file and start the sync"
        " again: `opensense-okta sync acme`. If it is intended, approve this one day: `opensense-okta"
        " approve acme --date 2026-11-23 --by YOUR_NAME`, which shows examples first; or, in"
        " Dagster's UI, the job acme__approve for 2026-11-23 with the configuration that `approve_with` of"
        " resolved_directory shows."
    )
    failed = [(check.check_name, check.severity) for check in run.checks() if not check.passed]
    for check in ("everyone_group_listed", "removed", "removed_memberships"):
        assert (check, dg.AssetCheckSeverity.ERROR) in failed
    (removed,) = [check for check in run.checks() if check.check_name == "removed"]
    assert "opensense-okta approve acme --date 2026-11-23 --by YOUR_NAME" in str(
        removed.description
    )
    state = published_check(run)
    assert state.severity == dg.AssetCheckSeverity.ERROR
    assert not state.passed
    assert (state.description or "").startswith("acme: 2026-11-23 is held back. ")
    assert (state.description or "").endswith(
        "Next: Dagster's daemon does not run, so no sync starts by itself; to start one:"
        " opensense-okta sync acme."
    )
    assert "the job acme__approve for 2026-11-23 with the configuration that `approve_with`" in (
        state.description or ""
    )
    assert state.metadata["approve_with"] == failure.metadata["approve_with"]
    assert state.metadata["page"] == dg.MetadataValue.url("/directory/acme/days/2026-11-23")
    assert acme.lake.database.read_bytes() == before
    # What was judged is stored and shown; what is published is not touched, its report neither.
    assert run.metadata()["acme/changes"]["held"] is True
    assert not {"acme/resolved_directory", "acme/report"} & run.metadata().keys()
    assert_nobody_named(run, acme)
    (noted,) = run.observations()["acme/resolved_directory"]
    assert (noted["published_day"], noted["held_day"]) == (str(YESTERDAY), str(DAY))
    assert noted["held_because"].startswith(
        "- okta: everyone_group_listed: Built-in groups named Everyone"
    )
    assert "1 of 1 active people (100.0 %) are gone" in noted["held_because"]
    assert noted["approve_with"] == APPROVE_WITH
    assert noted["page"] == "/directory/acme/days/2026-11-23"


def published_check(run: Run) -> dg.AssetCheckEvaluation:
    """The check that says what is published."""
    (check,) = [check for check in run.checks() if check.check_name == "published"]
    return check


APPROVE_WITH = """\
```yaml
ops:
  acme__resolved_directory:
    config:
      by: "YOUR NAME"
      removed: 1
      removed_memberships: 1
      unproven: 1
```"""


def test_materializing_what_is_published_alone_cannot_get_around(acme: Company) -> None:
    acme.okta.faults.append(make_fault("restricted-admin", times=None))
    acme.run()
    for job, only in (
        ("resolve", ["acme/resolved_directory"]),
        ("sync", ["acme/resolved_directory"]),
        ("resolve", None),
    ):
        config = {"ops": {"acme__resolved_directory": {"config": {"even_if_older": True}}}}
        run = acme.run(job, only=only, config=config)
        assert run.failure == names.HELD
        assert published(acme.lake) is None
        assert not acme.lake.database.exists()


# Which day.


def test_a_run_without_a_day_asks_for_one(acme: Company) -> None:
    for job in ("sync", "resolve"):
        assert acme.run(job, day=None).words() == (
            "Choose a day: these assets are partitioned by day, in the organization's time zone."
        )
    assert acme.okta.requests == []


def test_a_past_day_without_a_snapshot_refuses_and_says_what_can_be_done(acme: Company) -> None:
    run = acme.run(day=YESTERDAY)
    assert run.failure == names.PERMANENT
    assert run.words() == (
        "acme/okta: There is no snapshot of 2026-11-22, and an API only returns the data of today, which is"
        " 2026-11-23. Nothing was read, and nothing that is stored was touched. What to do: Choose a later"
        " day: nothing is stored up to 2026-11-22, and the first day that can be resolved is the day of"
        " the first snapshot."
    )
    assert acme.okta.requests == []
    assert acme.lake.snapshot_days("okta") == []


def test_a_past_day_without_a_snapshot_names_the_one_it_can_be_resolved_from(acme: Company) -> None:
    acme.keep(YESTERDAY - timedelta(days=1))
    assert (
        acme.run(day=YESTERDAY)
        .words()
        .endswith(
            "What to do: Start the job acme__resolve for 2026-11-22: it resolves the newest snapshot"
            " before it, of 2026-11-21."
        )
    )
    run = acme.run("resolve", day=YESTERDAY, only=["acme/people"])
    assert run.succeeded
    assert run.metadata()["acme/people"]["snapshot_of_okta"] == "2026-11-21"


def test_resolving_a_day_before_the_first_snapshot_says_what_can_be_done(acme: Company) -> None:
    run = acme.run("resolve")
    assert run.failure == names.PERMANENT
    assert run.words().startswith(
        "acme: there is no snapshot of 2026-11-23 or of an earlier day, of any of the directories okta,"
    )


def test_an_older_day_is_resolved_and_published_only_when_a_person_asks_for_it(
    small_yesterday: Beginning, tmp_path: Path
) -> None:
    older = YESTERDAY - timedelta(days=1)
    with small_yesterday.copy(tmp_path / "data", publish=A_FILE) as acme:
        acme.keep(older)
        run = acme.run("resolve", day=older)
        asked = {"acme__resolved_directory": {"config": {"even_if_older": True}}}
        by_a_person = acme.run(
            "resolve", day=older, config={"ops": asked}, only=["acme/resolved_directory"]
        )
        assert run.succeeded
        # A day that is not the published one is not exported again.
        made = run.metadata().keys()
        assert not {"acme/resolved_directory", "acme/exports", "acme/report"} & made
        (shown,) = run.observations()["acme/resolved_directory"]
        assert shown["published_day"] == str(YESTERDAY)
        assert shown["outcome"] == (
            "2026-11-21 is resolved, and not published: 2026-11-22 is published, and is newer."
        )
        assert published_check(run).passed  # a newer day is published: there is nothing to do
        published_now = by_a_person.metadata()["acme/resolved_directory"]
        assert published_now["published_day"] == str(older)


def test_the_report_of_a_day_that_is_not_published_is_not_green(
    acme_of_yesterday: Company,
) -> None:
    older = YESTERDAY - timedelta(days=1)
    acme_of_yesterday.keep(older)
    run = acme_of_yesterday.run("resolve", day=older, only=["acme/report"])
    assert run.succeeded
    assert "acme/report" not in run.metadata()
    (shown,) = run.observations()["acme/report"]
    assert shown["outcome"] == (
        "Nothing was written: the directory of 2026-11-21 is not published, that of 2026-11-22 is."
    )


def test_a_sync_of_a_day_that_is_over_says_that_nothing_was_read(acme: Company) -> None:
    acme.keep(YESTERDAY)
    run = acme.run(day=YESTERDAY)
    assert run.succeeded
    said = "okta: 2026-11-22 is over, so its stored snapshot is used and nothing was read."
    assert said in run.text()


def test_a_day_without_a_read_is_not_published_and_not_green(acme_of_yesterday: Company) -> None:
    run = acme_of_yesterday.run("resolve", day=DAY)
    assert run.succeeded
    assert not {"acme/resolved_directory", "acme/report"} & run.metadata().keys()
    state = published_check(run)
    assert (state.passed, state.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (state.description or "").startswith(
        "2026-11-23 is resolved, and not published: no directory was read after 2026-11-22, which stays"
        " published.\n\nPublished is the directory of 2026-11-22, with the data of okta of 2026-11-22."
    )


def test_a_day_beyond_the_partitions_is_refused_before_anything_runs(acme: Company) -> None:
    for day in (DAY + timedelta(days=1), date(2026, 11, 19)):
        with pytest.raises(dg.DagsterUnknownPartitionError, match=str(day)):
            acme.run(day=day)


def test_a_full_disk_is_a_failure_in_words_and_retried(acme: Company) -> None:
    acme.keep(DAY)
    make_private_dir(acme.lake.resolved(DAY).folder)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(acme.lake.resolved(DAY).folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        run = acme.run("resolve")
    finally:
        subprocess.run(["umount", str(acme.lake.resolved(DAY).folder)], check=True)
    assert run.failure == names.TRANSIENT
    (failure,) = run.failures()
    assert "because the disk is full" in str(failure.description)
    assert "What to do: free space on that disk" in str(failure.description)
    assert "Traceback" not in str(failure.description)
