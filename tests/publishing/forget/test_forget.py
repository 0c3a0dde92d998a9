"""A person is forgotten: nothing that is stored says anything of the person, and all else is as it was."""

import csv
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from obstore.store import MemoryStore

from opensense_okta.config.models import Organization, Retention
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.copy_lake import copy_lakes
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.files import sha256
from opensense_okta.publishing.forget.exported_files import ExportDamaged
from opensense_okta.publishing.forget.find_stored import find_stored, with_accounts
from opensense_okta.publishing.forget.forget import forget
from opensense_okta.publishing.forget.plan import LinkedFolder, Person, StillThere, plan_forgetting
from opensense_okta.publishing.forget.records import RECORD, Forgotten, Record, begun
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import published
from opensense_okta.publishing.retention import delete_expired
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.storage import bucket
from opensense_okta.storage.engine import TableDamaged
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import StateFileDamaged, read_state
from opensense_okta.storage.store import Version
from tests.support.leaving import (
    ADA,
    BOB,
    DAYS,
    MONDAY,
    TRACES,
    acme,
    contents,
    read_without_ada,
    sync,
    traces_in,
    with_traces,
)
from tests.support.object_stores import forget_connections
from tests.support.stored import group, organization, store, user

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)  # later than any file of a test was written


@pytest.fixture(scope="module")
def four_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada works here on two days, has left on the third, and everything goes on on the fourth."""
    root = tmp_path_factory.mktemp("four days")
    for day in DAYS:
        sync(Lake(root, "acme"), day, with_ada=day < DAYS[2])
    return root


@pytest.fixture
def left(four_days: Path, tmp_path: Path) -> Lake:
    """The lake after Ada has left."""
    shutil.copytree(four_days, tmp_path / "left")
    return Lake(tmp_path / "left", "acme")


def forget_ada(lake: Lake) -> Forgotten:
    (found,) = find_stored(lake, "ada lovelace")
    return forget(acme(), lake, with_accounts(lake, found.person_id), "Grace", NOW)


@dataclass(frozen=True)
class Forgetting:
    """Ada is forgotten in a lake, which tests only read: all that was stored before and after."""

    lake: Lake
    person: Person
    before: Mapping[str, str]
    after: Mapping[str, str]
    done: Forgotten

    def copy(self, folder: Path) -> Lake:
        """A copy of the lake, which a test may change."""
        return Lake(shutil.copytree(self.lake.root, folder / "forgotten"), "acme")


@pytest.fixture(scope="module")
def ada(four_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Forgetting:
    """Ada is forgotten after the four days."""
    lake = Lake(shutil.copytree(four_days, tmp_path_factory.mktemp("ada") / "lake"), "acme")
    (found,) = find_stored(lake, "ada lovelace")
    person, before = with_accounts(lake, found.person_id), contents(lake)
    done = forget(acme(), lake, person, "Grace", NOW)
    return Forgetting(lake, person, before, contents(lake), done)


def test_nothing_that_is_stored_says_anything_of_the_person(ada: Forgetting) -> None:
    assert traces_in(ada.before), "Ada was never stored"
    assert traces_in(ada.after) == set()


def test_every_other_row_stays_as_it_was_and_in_its_place(ada: Forgetting) -> None:
    traces = (*TRACES, "'hr', '17'", ada.person.person_id)
    for name, text in ada.after.items():
        if name.endswith((".parquet", ".csv")) or ".duckdb/" in name:
            before = ada.before[name].splitlines()
            others = [line for line in before if not any(trace in line.lower() for trace in traces)]
            assert text.splitlines() == others, name


def test_digests_approvals_and_what_guards_compare_with_stay_valid(
    ada: Forgetting, left: Lake, tmp_path: Path
) -> None:
    lake, last = ada.copy(tmp_path), published(left)
    assert stored_judgement(lake, DAYS[3]) == stored_judgement(left, DAYS[3])
    now = published(lake)
    assert now is not None
    assert last is not None
    assert (now.id, now.day, now.resolved, now.base) == (
        last.id,
        last.day,
        last.resolved,
        last.base,
    )
    sync(lake, DAYS[3] + timedelta(days=1), with_ada=False)
    after = published(lake)
    assert after is not None
    assert after.difference is not None
    assert (after.difference.added, after.difference.removed) == (0, 0)


def test_the_manifests_say_how_many_were_forgotten(ada: Forgetting) -> None:
    for day, count in zip(DAYS, [1, 1, 0, 0], strict=True):
        resolved = ada.lake.resolved(day).manifest(ResolvedManifest)
        snapshot = ada.lake.snapshot("okta", day).manifest(SnapshotManifest)
        assert resolved is not None
        assert snapshot is not None
        assert (resolved.forgotten, snapshot.forgotten) == (count, count)


def test_the_record_says_when_and_by_whom_and_not_who(ada: Forgetting) -> None:
    assert read_state(ada.lake.store, RECORD, Record) == Record(forgotten=(ada.done,))
    assert (ada.done.at, ada.done.by) == (NOW, "Grace")
    assert ada.done.rows > ada.done.files > 10


def test_checksums_of_exports_fit_the_files_that_stay(ada: Forgetting) -> None:
    listings = sorted(ada.lake.scratch.glob("exports/*/*.sha256"))
    assert len(listings) == len(DAYS)
    for listed in listings:
        for line in listed.read_text().splitlines():
            digest, _, name = line.partition("  ")
            assert sha256(listed.parent / name) == digest, name
    first = ada.after[f"exports/{MONDAY}/people.csv"]
    assert sorted(row["display_name"] for row in csv.DictReader(io.StringIO(first))) == [
        "Bob",
        "Cy",
        "Dan",
        "Eve",
        "Fay",
    ]


def exporting(columns: dict[str, str]) -> Organization:
    """acme whose exports have these columns, each with its header."""
    return acme(publish={"csv": {"path": "exports/{date}/people.csv", "columns": columns}})


def left_with(lake: Lake, organization: Organization) -> Person:
    """Ada, after two days with and without her."""
    for day in DAYS[:2]:
        sync(lake, day, with_ada=day == MONDAY, organization=organization)
    (found,) = find_stored(lake, "ada lovelace")
    return with_accounts(lake, found.person_id)


@pytest.mark.parametrize("column", ["person_id", "accounts"])
def test_rows_of_exports_are_found_by_the_ids_alone(lake: Lake, column: str) -> None:
    organization = exporting({column: "Key", "display_name": "Name"})
    forget(organization, lake, left_with(lake, organization), "Grace", NOW)
    assert with_traces(lake) == set()


def test_rows_of_exports_are_found_below_the_headers_of_the_last_export(lake: Lake) -> None:
    before = exporting({"email": "Mail", "display_name": "Name"})
    ada = left_with(lake, before)
    after = exporting({"email": "E-Mail", "display_name": "Name"})
    forget(after, lake, ada, "Grace", NOW)
    assert with_traces(lake) == set()


def test_exports_in_which_nobody_can_be_found_are_named(lake: Lake) -> None:
    organization = exporting({"display_name": "Name"})
    ada = left_with(lake, organization)
    plan = plan_forgetting(organization, lake, ada, DAYS[1])
    assert plan.exports == {}
    assert set(plan.not_searched) == {
        f"exports/{day}/people{suffix}"
        for day in DAYS[:2]
        for suffix in (".csv", ".changes.csv", ".parquet")
    }
    forget(organization, lake, ada, "Grace", NOW)
    assert with_traces(lake) == set(plan.not_searched) - {
        f"exports/{DAYS[1]}/people.csv",
        f"exports/{DAYS[1]}/people.parquet",
    }


class Killed(BaseException):
    """The process is killed."""


@dataclass(frozen=True)
class Dying(Folder):
    """A store that kills its process before a file is stored for the n-th time."""

    left: list[int] = field(default_factory=list)

    def keep(self, file: Path, name: str, over: Version) -> Version:
        self._count()
        return super().keep(file, name, over)

    def write(self, name: str, data: bytes, over: Version) -> Version:
        self._count()
        return super().write(name, data, over)

    def _count(self) -> None:
        self.left[0] -= 1
        if not self.left[0]:
            raise Killed


def test_killed_at_any_moment_it_is_completed_by_the_next(lake: Lake, tmp_path: Path) -> None:
    sync(lake, DAYS[0], with_ada=True)
    sync(lake, DAYS[1], with_ada=False)
    (found,) = find_stored(lake, "ada lovelace")
    ada = with_accounts(lake, found.person_id)
    whole = Lake(shutil.copytree(lake.root, tmp_path / "whole"), "acme")
    moments = [0]
    whole.store = Dying(Path(whole.url()), moments)
    forget(acme(), whole, ada, "Grace", NOW)
    assert with_traces(whole) == set()
    expected, stored = tables_of(contents(whole)), -moments[0]
    assert stored > 20
    # An export, a table, the database, a manifest.
    for moment in (3, 9, stored - 5, stored - 1):
        killed = Lake(shutil.copytree(lake.root, tmp_path / f"killed {moment}"), "acme")
        alive, killed.store = killed.store, Dying(Path(killed.url()), [moment])
        with pytest.raises(Killed):
            forget(acme(), killed, ada, "Grace", NOW)
        killed.store = alive
        forget(acme(), killed, ada, "Grace", NOW)
        assert tables_of(contents(killed)) == expected, moment
        assert begun(killed) is None


def tables_of(texts: Mapping[str, str]) -> dict[str, str]:
    """All but the record, which counts what the last process removed, and the bytes of the database."""
    return {
        name: text
        for name, text in texts.items()
        if name not in (RECORD, "directory.duckdb", "published.json")
    }


def test_it_is_harmless_to_repeat(ada: Forgetting, tmp_path: Path) -> None:
    lake = ada.copy(tmp_path)
    again = forget(acme(), lake, ada.person, "Grace", NOW)
    assert (again.files, again.rows) == (0, 0)
    assert tables_of(contents(lake)) == tables_of(ada.after)


def test_it_refuses_while_a_directory_still_has_an_account(left: Lake) -> None:
    store(left, [user("17", ADA), user("18", BOB)], day=DAYS[3], directory="hr")
    before = contents(left)
    with pytest.raises(StillThere, match=r"directory hr still had an account .* on 2026-11-26"):
        forget_ada(left)
    assert contents(left) == before


def test_it_refuses_while_the_published_day_has_the_person(lake: Lake) -> None:
    sync(lake, DAYS[0], with_ada=True)
    read_without_ada(lake, DAYS[1])
    with pytest.raises(StillThere, match="the published directory of 2026-11-23 still has"):
        forget_ada(lake)


def test_it_refuses_while_no_export_was_delivered_without_the_person(lake: Lake) -> None:
    sync(lake, DAYS[0], with_ada=True)
    read_without_ada(lake, DAYS[1])
    resolve(acme(), DAYS[1], lake)
    publish(acme(), lake, DAYS[1])
    with pytest.raises(StillThere, match="the export of 2026-11-23 has this person"):
        forget_ada(lake)
    export_published(acme(), lake, DAYS[1])
    forget_ada(lake)
    assert with_traces(lake) == set()


def test_a_damaged_table_stops_it_before_anything_is_removed(left: Lake) -> None:
    (table,) = left.scratch.glob(f"resolved/date={DAYS[0]}/*/provenance.parquet")
    table.write_bytes(b"damaged")
    with pytest.raises(TableDamaged):
        forget_ada(left)
    assert begun(left) is None
    assert (left.scratch / f"exports/{MONDAY}/people.csv").read_text().count("Lovelace") == 2


def test_what_a_killed_read_left_is_removed_although_it_is_incomplete(left: Lake) -> None:
    draft = left.snapshot("okta", DAYS[3]).draft()
    draft.table("raw_users").write_bytes(b"PAR1 Ada Lovelace")
    forget_ada(left)
    assert not draft.folder.exists()
    assert with_traces(left) == set()


def test_a_refusal_leaves_the_pages_of_an_interrupted_read(left: Lake) -> None:
    store(left, [user("17", ADA), user("18", BOB)], day=DAYS[3], directory="hr")
    draft = left.snapshot("okta", DAYS[3]).draft()
    draft.pages.mkdir()
    (draft.pages / "users.jsonl").write_text("{}")
    with pytest.raises(StillThere):
        forget_ada(left)
    assert (draft.pages / "users.jsonl").exists()


def test_a_directory_can_have_the_name_of_a_database_that_forgetting_uses(tmp_path: Path) -> None:
    lake, of_working = Lake(tmp_path, "acme"), organization("working")
    users = [user(str(number), {"displayName": f"Ada {number}"}) for number in range(4)]
    for day, present in zip(DAYS, (users, users[1:]), strict=False):
        members = [("g1", str(row["id"])) for row in present]
        store(lake, present, [group("g1", "Everyone")], members, day=day, directory="working")
        resolve(of_working, day, lake)
        publish(of_working, lake, day)
    (found,) = find_stored(lake, "working/0")
    forget(of_working, lake, with_accounts(lake, found.person_id), "Grace", NOW)
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        named = "select distinct display_name from people_history order by all"
        assert connection.execute(named).fetchall() == [("Ada 1",), ("Ada 2",), ("Ada 3",)]


def test_a_damaged_database_stops_it_before_anything_is_removed(left: Lake) -> None:
    left.database.write_bytes(b"damaged")
    with pytest.raises(StateFileDamaged, match=r"directory\.duckdb is damaged"):
        forget_ada(left)
    assert begun(left) is None


def test_a_damaged_export_is_named_without_its_rows(left: Lake) -> None:
    file = left.scratch / f"exports/{MONDAY}/people.csv"
    file.write_text(file.read_text() + 'ada@acme.test,"an open quote\n')
    with pytest.raises(ExportDamaged) as refused:
        forget_ada(left)
    assert f"exports/{MONDAY}/people.csv cannot be read" in str(refused.value)
    assert "ada@" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert begun(left) is None


def test_a_damaged_table_of_an_export_is_named_alone_in_the_remedy(left: Lake) -> None:
    table = next(left.scratch.glob("exported/*/people.parquet"))
    table.write_bytes(b"damaged")
    with pytest.raises(TableDamaged) as refused:
        forget_ada(left)
    assert f"{table} cannot be read" in str(refused.value)
    assert "restore the file from a backup of the lake, else delete it" in str(refused.value)


def test_it_refuses_where_a_folder_is_a_link_which_is_not_followed(left: Lake) -> None:
    elsewhere = left.scratch.rename(left.scratch.with_name("elsewhere")) / "snapshots"
    left.scratch.mkdir()
    for path in elsewhere.parent.iterdir():
        (left.scratch / path.name).symlink_to(path) if path == elsewhere else path.rename(
            left.scratch / path.name
        )
    with pytest.raises(LinkedFolder, match=r"acme/snapshots is a symbolic link to a folder"):
        forget_ada(left)
    assert begun(left) is None


def test_who_is_named_as_manager_by_others_is_said_and_stays(lake: Lake) -> None:
    sync(lake, DAYS[0], with_ada=True, manager="ada@acme.test")
    sync(lake, DAYS[1], with_ada=False, manager="ada@acme.test")
    (found,) = find_stored(lake, "ada lovelace")
    plan = plan_forgetting(acme(), lake, with_accounts(lake, found.person_id), DAYS[1])
    assert plan.managers_of == ["okta/00uBOB"]


def test_other_changes_of_a_person_who_gets_another_manager_stay(lake: Lake) -> None:
    sync(lake, DAYS[0], with_ada=True, manager="ada@acme.test")
    sync(lake, DAYS[1], with_ada=True, manager="cy@acme.test")
    sync(lake, DAYS[2], with_ada=False, manager="cy@acme.test")
    (bob,), (ada,) = find_stored(lake, "bob"), find_stored(lake, "ada lovelace")
    (name,) = (
        name for name in contents(lake) if f"{DAYS[1]}" in name and "/changes.parquet" in name
    )
    before = contents(lake)[name].splitlines()
    forget_ada(lake)
    expected = [line for line in before if ada.person_id not in line]
    assert contents(lake)[name].splitlines() == expected
    changed = [line for line in expected if bob.person_id in line]
    assert ["'title'" in line or "'manager'" in line for line in changed] == [True, True]


def test_an_account_that_is_somebody_elses_now_keeps_its_owner(lake: Lake) -> None:
    """Ada's Okta account was once joined with Bob's in HR: what both had on that day goes."""
    always = {"resolution": {"always_same": [["okta/00uADA", "hr/18"]]}}
    store(lake, [user("00uADA", ADA)])
    store(lake, [user("18", BOB)], directory="hr")
    resolve(acme(**always), DAYS[0], lake)
    publish(acme(**always), lake, DAYS[0])
    export_published(acme(**always), lake, DAYS[0])
    sync(lake, DAYS[1], with_ada=True)
    sync(lake, DAYS[2], with_ada=False)
    forget_ada(lake)
    assert with_traces(lake) == set()
    assert [found.name for found in find_stored(lake, "bob")] == ["Bob"]
    last = published(lake)
    assert last is not None
    assert last.resolved.rows["people"] == 5


def test_a_person_of_whom_only_the_ledger_is_left_is_found_there(left: Lake) -> None:
    kept = acme().model_copy(update={"retention": Retention(days=1, snapshots=1)})
    sync(left, DAYS[3] + timedelta(days=1), with_ada=False)
    delete_expired(kept, left, NOW)
    (found,) = find_stored(left, "Ada Lovelace")
    assert with_accounts(left, found.person_id).accounts == ("hr/17", "okta/00uADA")
    forget_ada(left)
    assert with_traces(left) == set()


def test_in_an_object_store_it_is_the_same(
    ada: Forgetting, left: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = MemoryStore()
    forget_connections()
    monkeypatch.setattr(bucket, "from_url", lambda *_url, **_options: objects)
    copy_lakes(left.root, "s3://acme-lake", lambda _copied: None)
    forget(acme(), Lake("s3://acme-lake", "acme"), ada.person, "Grace", NOW)
    copy_lakes("s3://acme-lake", tmp_path / "back", lambda _copied: None)
    forget_connections()
    back = contents(Lake(tmp_path / "back", "acme"))
    assert traces_in(back) == set()
    assert tables_of(back) == tables_of(ada.after)
