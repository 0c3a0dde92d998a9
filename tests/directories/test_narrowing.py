"""What a read stores: users by include and exclude, groups by store_groups, of a small snapshot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.narrowing import is_narrowed, left_out_words, narrow
from opensense_okta.simulator.company.org import Org
from opensense_okta.storage.partition import StagedPartition
from tests.support.days import DAY, a_company
from tests.support.scratch import scratch
from tests.support.stored import RAW_TABLES

USERS: Mapping[str, Mapping[str, str]] = {
    "ada": {
        "email": "Ada@Acme.com ",
        "title": "Clerk",
        "city": "Bonn",
        "aliases": "a@x.test;ada@acme.com",
    },
    "bob": {"email": "bob@acme.com", "title": "R&D (50%)", "city": "Rome"},
    "svc": {"email": "svc-print@acme.com", "title": "Service", "city": ""},
    "eve": {"email": "eve@partner.test", "title": "Guest", "aliases": '["e@x.test"]'},
}
GROUPS = {"g1": "Staff", "g2": "Staff Rome", "g3": "Printers", "g4": "All"}
MEMBERS = [("g1", "ada"), ("g1", "svc"), ("g2", "bob"), ("g3", "svc"), ("g4", "eve"), ("g1", "zoe")]
NESTED = [("g4", "g1"), ("g1", "g2")]
COLUMNS: Mapping[str, str] = {
    **{str(table): columns for table, columns in RAW_TABLES.items()},
    "nested_groups": "group_id varchar, member_group_id varchar",
}


class Stored:
    """The files of a small snapshot, narrowed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection = connection
        self.staged = StagedPartition("draft", folder)

    def narrow(
        self, directory: CsvDirectory, users: Mapping[str, Mapping[str, str]]
    ) -> dict[str, int]:
        rows: Mapping[str, Sequence[Sequence[object]]] = {
            "raw_users": [(name, "ACTIVE", json.dumps(profile)) for name, profile in users.items()],
            "raw_groups": [(group, name, "{}") for group, name in GROUPS.items()],
            "memberships": MEMBERS,
            "nested_groups": NESTED,
        }
        columns = {"raw_users": "id, status, profile", "raw_groups": "id, name, profile"}
        for table, shape in COLUMNS.items():
            self.connection.execute(
                f"drop view if exists {table}; create temp table made ({shape})"
            )
            marks = ", ".join("?" * len(rows[table][0]))
            names = f" ({columns[table]})" if table in columns else ""
            self.connection.executemany(
                f"insert into made{names} values ({marks})",  # noqa: S608 - the test's own
                [list(row) for row in rows[table]],
            )
            self.connection.table("made").write_parquet(str(self.staged.table(table)))
            self.connection.execute("drop table made")
            self.connection.read_parquet(str(self.staged.table(table))).create_view(table)
        return narrow(self.connection, directory, ["aliases"], self.staged)[1]

    def column(self, table: str, column: str) -> str:
        """The values of a stored column, each once, in order."""
        stored = self.connection.read_parquet(str(self.staged.table(table)))
        return " ".join(sorted({row[0] for row in stored.select(column).fetchall()}))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    with scratch() as connection:
        yield Stored(connection, tmp_path_factory.mktemp("staged"))


def directory(**keys: object) -> CsvDirectory:
    attributes = {
        "place": ["city", {"constant": "nowhere"}],
        "city": "city",
        "both": {"join": ["title", "city"], "with": " in "},
    }
    written = {"kind": "csv", "users": "people.csv", "attributes": attributes, **keys}
    return CsvDirectory.model_validate(written)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        # One match excludes; a pattern must match the whole value, and case does not count.
        ({"exclude": {"email": ["SVC-*"]}}, "ada bob eve"),
        ({"exclude": {"email": ["svc"]}}, "ada bob eve svc"),
        ({"exclude": {"email": ["svc-*"], "title": ["guest"]}}, "ada bob"),
        ({"exclude": {"title": ["R&D (50%)", "C_erk"]}}, "ada eve svc"),
        # Of each attribute of include a value must match; a blank matches nothing.
        ({"include": {"email": ["*@acme.com"]}}, "ada bob svc"),
        ({"include": {"email": ["*@acme.com"], "title": ["Clerk", "R*"]}}, "ada bob"),
        ({"include": {"city": ["*"]}}, "ada bob"),
        ({"include": {"email": ["*@acme.com"]}, "exclude": {"title": ["Service"]}}, "ada bob"),
        # A list matches if one of its values does.
        ({"exclude": {"aliases": ["*@x.test"]}}, "bob svc"),
        ({"include": {"aliases": ["e@x.test", "ada@*"]}}, "ada eve"),
        # Computed values count, too.
        ({"exclude": {"place": ["nowhere"]}}, "ada bob"),
        ({"include": {"both": ["Clerk in Bonn"]}}, "ada"),
    ],
)
def test_users_are_stored_by_include_and_exclude(
    stored: Stored, scope: Mapping[str, object], expected: str
) -> None:
    stored.narrow(directory(scope=scope), USERS)
    assert stored.column("raw_users", "id") == expected
    # The unlisted member stays: a check counts it.
    listed = {*expected.split(), "zoe"}
    members = {user for _, user in MEMBERS if user in listed}
    assert set(stored.column("memberships", "user_id").split()) == members


@pytest.mark.parametrize(
    ("groups", "nested", "expected"),
    [
        (["Printers"], True, "g3"),
        (["Staff*"], True, "g1 g2"),
        (["g3", "Staff Rome"], True, "g2 g3"),
        (["staff"], True, None),
        # A group's groups are stored, too: their members are its members.
        (["All"], True, "g1 g2 g4"),
        (["All"], False, "g4"),
        (["*"], True, "g1 g2 g3 g4"),
    ],
)
def test_groups_are_stored_by_store_groups(
    stored: Stored, groups: list[str], *, nested: bool, expected: str | None
) -> None:
    chosen = directory(store_groups=groups, nested=nested)
    if expected is None:
        with pytest.raises(IncompleteListing, match="None of the groups has a name or id"):
            stored.narrow(chosen, USERS)
        return
    stored.narrow(chosen, USERS)
    assert stored.column("raw_groups", "id") == expected
    kept = expected.split()
    assert stored.column("memberships", "group_id") == " ".join(
        sorted({group for group, _ in MEMBERS if group in kept})
    )
    assert stored.column("raw_users", "id") == "ada bob eve svc"


def test_a_scope_without_users_is_an_error_and_no_deletion(stored: Stored) -> None:
    scope = {"include": {"email": ["*@acme.com"]}, "exclude": {"email": ["*"]}}
    with pytest.raises(IncompleteListing, match="`scope` leaves out all of them") as refused:
        stored.narrow(directory(scope=scope), USERS)
    assert not refused.value.transient
    assert "scope.exclude" in (refused.value.remedy or "")


def test_each_rule_counts_what_it_leaves_out_and_matches(stored: Stored) -> None:
    scope = {"include": {"email": ["*@acme.com"]}, "exclude": {"title": ["Service", "Robot"]}}
    counts = stored.narrow(directory(scope=scope, store_groups=["Staff*", "Gone"]), USERS)
    assert counts == {
        "left_out.scope.exclude.title": 1,
        "left_out.scope.include.email": 1,
        "matched.scope.exclude.title.1": 1,
        "matched.scope.exclude.title.2": 0,
        "matched.scope.include.email.1": 3,
        "matched.store_groups.1": 2,
        "matched.store_groups.2": 0,
    }
    before = {"left_out.scope.exclude.title_before": 4}
    assert left_out_words(counts | before) == (
        "1 by scope.exclude.title (4 in the snapshot before), 1 by scope.include.email"
    )


def test_without_such_keys_nothing_is_narrowed() -> None:
    assert not is_narrowed(directory())
    assert is_narrowed(directory(store_groups=["*"]))


EMAILS = st.sampled_from(["a@acme.com", "b@acme.com", "svc-1@acme.com", "x@partner.test", ""])


@settings(deadline=None, max_examples=25)
@given(
    emails=st.lists(EMAILS, min_size=1, max_size=6),
    excluded=st.sampled_from(["svc-*", "*@partner.test"]),
)
def test_who_is_excluded_is_in_no_table(stored: Stored, emails: list[str], excluded: str) -> None:
    users = {f"u{number}-id": {"email": email} for number, email in enumerate(emails)}
    out = {
        name
        for name, profile in users.items()
        if profile["email"].startswith("svc-" if excluded == "svc-*" else "x@")
    }
    chosen = directory(scope={"exclude": {"email": [excluded]}})
    if len(out) == len(users):
        with pytest.raises(IncompleteListing):
            stored.narrow(chosen, users)
        return
    assert stored.narrow(chosen, users)["left_out.scope.exclude.email"] == len(out)
    assert stored.column("raw_users", "id") == " ".join(sorted(users.keys() - out))


def test_a_service_account_in_every_group_leaves_incremental_reads_incremental(
    tmp_path: Path,
) -> None:
    org = Org.create(users=12, groups=5, memberships=20, day=DAY)
    robot = org.user_ids[0]
    org.update_profile(robot, {"email": "svc-backup@acme.com"})
    for group in org.group_ids:
        if group != org.everyone:
            stamp = org.groups[group]["lastMembershipUpdated"]
            org.set_members(group, sorted({robot, *org.members(group)}), stamp)
    with a_company(tmp_path, org, scope={"exclude": {"email": ["svc-*"]}}) as acme:
        first = acme.take()
        assert acme.groups_read
        assert first.evidence["left_out.scope.exclude.email"] == 1
        second = acme.take(DAY + timedelta(days=1))
        assert (second.mode, acme.groups_read) == ("incremental", set())
        third = acme.take(DAY + timedelta(days=2))
        assert acme.groups_read == set()
        for snapshot in (first, second, third):
            tables = acme.tables(snapshot)
            assert robot not in {user["id"] for user in tables.users}
            assert robot not in {user for _, user in tables.memberships}
            assert len(tables.memberships) == len(acme.tables(first).memberships)
        # Ids alone are kept, for the next read.
        shelf = acme.lake.snapshot("okta", third.day)
        with scratch() as connection:
            kept = connection.read_parquet(str(shelf.table(third, "carry_over")))
            assert kept.columns == ["group_id", "user_id"]
            assert {row[1] for row in kept.fetchall()} == {robot}
        # Under other rules all is read again, and the account has its memberships.
        fourth = acme.take(DAY + timedelta(days=3), scope={})
        assert (fourth.mode, fourth.evidence["scope_changed"]) == ("full", 1)
        assert robot in {user for _, user in acme.tables(fourth).memberships}


def test_store_groups_beside_the_groups_in_scope(tmp_path: Path) -> None:
    org = Org.create(users=8, groups=4, memberships=20, day=DAY)
    groups = [group for group in org.group_ids if group != org.everyone]
    group, other = sorted(groups, key=lambda group: len(org.members(group)))[-2:]
    with a_company(tmp_path, org, scope={"groups": [group]}, store_groups=[other]) as acme:
        first = acme.take()
        tables = acme.tables(first)
        members = set(org.members(group))
        assert {user["id"] for user in tables.users} == members
        assert [stored["id"] for stored in tables.groups] == [other]
        assert tables.memberships == sorted(
            (other, user) for user in org.members(other) if user in members
        )
        second = acme.take(DAY + timedelta(days=1))
        assert (second.mode, acme.groups_read) == ("incremental", set())
        assert acme.tables(second).memberships == tables.memberships


@pytest.mark.parametrize("scope", [{}, {"statuses": ["ACTIVE"]}, {"groups": ["*"]}])
def test_store_groups_that_match_no_group_are_named(
    tmp_path: Path, scope: dict[str, list[str]]
) -> None:
    org = Org.create(users=8, groups=4, memberships=20, day=DAY)
    with (
        a_company(tmp_path, org, scope=scope, store_groups=["Stuff*", "00g0"]) as acme,
        pytest.raises(IncompleteListing) as raised,
    ):
        acme.take()
    assert raised.value.message == (
        "None of the groups has a name or id of `store_groups`: Stuff*, 00g0."
    )
    assert raised.value.remedy.startswith("Correct `store_groups` in the organization file")
    assert not raised.value.transient
