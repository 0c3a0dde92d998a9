"""What is in scope is read and stored, and nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.config.attributes import source_fields
from opensense_okta.config.directory_models import OktaDirectory
from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import dice
from opensense_okta.simulator.okta.faults import RestrictedAdmin
from tests.support.days import DAY, Company, Tables, a_company, truth
from tests.support.reads import failure
from tests.support.scratch import scratch

TOMORROW = DAY + timedelta(days=1)

MEMBERS = {
    "Staff": ["ann", "bob"],
    "Staff Europe": ["cy"],
    "staff": ["dee"],
    "Staff.": ["eve"],
    "Staffs": ["fay"],
    "S[a-z]+": ["gil"],
    "Sales (all) | $x^{2}?\\": ["hal"],
    "line\nbreak": ["ida"],
    "Empty": [],
}
STATUSES = {"bob": "SUSPENDED", "cy": "DEPROVISIONED", "zoe": "STAGED"}


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    """acme, whose users are known by their logins, and whose groups are named as above."""
    org = Org.create(users=3, groups=2, memberships=0, day=DAY)
    old, rng = "2024-01-01T00:00:00.000Z", dice("scope")
    for login in sorted({"zoe", *chain(*MEMBERS.values())}):
        org.add_user(
            rng, STATUSES.get(login, "ACTIVE"), old, login=login, email=f"{login}@a.example"
        )
    logins = {user["profile"]["login"]: user_id for user_id, user in org.users.items()}
    for name, members in MEMBERS.items():
        org.set_members(
            org.add_group(rng, name, at=old), sorted(logins[one] for one in members), old
        )
    with a_company(tmp_path, org) as company:
        yield company


def named(found: Tables) -> dict[str, list[str]]:
    """The logins of each group's members, by the groups' names; both as they are stored."""
    names = {group["id"]: group["name"] for group in found.groups}
    logins = {user["id"]: user["profile"]["login"] for user in found.users}
    members: dict[str, list[str]] = {name: [] for name in names.values()}
    for group, user in found.memberships:
        members[names[group]].append(logins[user])
    assert {user for _, user in found.memberships} <= set(logins)
    return {name: sorted(found) for name, found in members.items()}


@pytest.mark.parametrize(
    ("patterns", "groups"),
    [
        (["Staff"], ["Staff"]),
        (["Staff*"], ["Staff", "Staff Europe", "Staff.", "Staffs"]),
        (["*"], ["Everyone", "Okta Administrators", *MEMBERS]),
        (["*urope"], ["Staff Europe"]),
        (["S*f*e"], ["Staff Europe"]),
        (["staff"], ["staff"]),
        (["Staff."], ["Staff."]),
        (["S[a-z]+"], ["S[a-z]+"]),
        (["Sales (all) | $x^{2}?\\"], ["Sales (all) | $x^{2}?\\"]),
        (["line*"], ["line\nbreak"]),
        (["Staff", "Empty", "No such group"], ["Staff", "Empty"]),
        (["Empty"], ["Empty"]),
    ],
    ids=str,
)
def test_a_wildcard_stands_for_any_characters_and_other_signs_for_themselves(
    acme: Company, patterns: list[str], groups: list[str]
) -> None:
    snapshot = acme.take(scope={"groups": patterns})
    found = acme.tables(snapshot)
    assert sorted(group["name"] for group in found.groups) == sorted(groups)
    if "Everyone" not in groups:
        assert named(found) == {name: MEMBERS[name] for name in groups}
        wanted = sorted(login for name in groups for login in MEMBERS[name])
        assert sorted(user["profile"]["login"] for user in found.users) == wanted


def test_a_group_may_be_named_by_its_id(acme: Company) -> None:
    group = acme.org.group_ids[3]
    found = acme.tables(acme.take(scope={"groups": [group]}))
    assert [one["id"] for one in found.groups] == [group]
    assert named(found) == {"Staff Europe": ["cy"]}


@pytest.mark.parametrize("groups", [None, ["Staff*"]], ids=["all groups", "some groups"])
@pytest.mark.parametrize("statuses", [["ACTIVE"], ["SUSPENDED", "DEPROVISIONED"]], ids=str)
def test_only_users_of_the_wanted_statuses_are_stored(
    acme: Company, statuses: list[str], groups: list[str] | None
) -> None:
    scope = {"statuses": statuses} | ({"groups": groups} if groups else {})
    snapshot = acme.take(scope=scope)
    found, everybody = acme.tables(snapshot), truth(acme.org)
    in_groups = (
        {group["id"] for group in everybody.groups}
        if not groups
        else {group["id"] for group in everybody.groups if group["name"].startswith("Staff")}
    )
    members = {user for group, user in everybody.memberships if group in in_groups}
    users = [
        user
        for user in everybody.users
        if user["status"] in statuses and (not groups or user["id"] in members)
    ]
    ids = {user["id"] for user in users}
    assert users
    assert found.users == users
    assert {group["id"] for group in found.groups} == in_groups
    # Each rule counts those whom it leaves out, also those whom another leaves out, too.
    counts = {"left_out.scope.statuses": sum(u["status"] not in statuses for u in everybody.users)}
    if groups:
        counts["left_out.scope.groups"] = len({u["id"] for u in everybody.users} - members)
    assert left_out(snapshot) == counts
    assert found.memberships == [
        (group, user) for group, user in everybody.memberships if group in in_groups and user in ids
    ]


@pytest.mark.parametrize(
    "scope",
    [
        {"groups": ["Staff"]},
        {"statuses": ["SUSPENDED"]},
        {"groups": ["Staff"], "statuses": ["ACTIVE"]},
    ],
    ids=str,
)
def test_nothing_out_of_scope_is_in_any_file(acme: Company, scope: dict[str, list[str]]) -> None:
    snapshot = acme.take(scope=scope)
    found = acme.tables(snapshot)
    out = set(acme.org.user_ids) - {user["id"] for user in found.users}
    out |= set(acme.org.group_ids) - {group["id"] for group in found.groups}
    assert out
    files = [path for path in acme.lake.scratch.rglob("*") if path.is_file()]
    assert files
    for path in files:
        held = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            with scratch() as connection:
                held = str(connection.read_parquet(str(path)).fetchall())
        assert not [one for one in out if one in held], path


def test_what_a_scope_leaves_out_is_compared_and_what_matches_nothing_is_counted(
    acme: Company,
) -> None:
    scope = {"groups": ["Staff*", "Stuff"], "statuses": ["ACTIVE"]}
    first = left_out(acme.take(scope=scope))
    (ann,) = [id_ for id_, user in acme.org.users.items() if user["profile"]["login"] == "ann"]
    acme.org.set_status(ann, "SUSPENDED")
    second = acme.take(TOMORROW, scope=scope)
    statuses = "left_out.scope.statuses"
    assert left_out(second) == {
        **first,
        statuses: first[statuses] + 1,
        **{f"{name}_before": count for name, count in first.items()},
    }
    assert second.evidence["matched.scope.groups.1"] == 4
    assert second.evidence["matched.scope.groups.2"] == 0


def left_out(snapshot: SnapshotManifest) -> dict[str, int]:
    return {n: count for n, count in snapshot.evidence.items() if n.startswith("left_out.")}


def test_a_scope_that_matches_nothing_is_an_error_with_words(acme: Company) -> None:
    error = failure(lambda: acme.take(scope={"groups": ["Stuff*", "Crew"]}))
    assert type(error) is IncompleteListing
    assert not error.transient
    assert error.message == "None of Okta's groups is in scope: Stuff*, Crew."
    assert "scope.groups" in error.remedy
    assert acme.files() == set()


def test_whoever_reads_only_some_groups_need_not_see_everyone(acme: Company) -> None:
    see_no_everyone = RestrictedAdmin(match=r"GET /api/v1/groups\?", one_in=1)
    acme.okta.faults.append(see_no_everyone)
    whole = {one.name for one in check_snapshot(acme.take()) if not one.passed}
    assert "everyone_group_listed" in whole
    scoped = check_snapshot(acme.take(TOMORROW, scope={"groups": ["Staff*"]}))
    assert [check.name for check in scoped if check.outcome == "error"] == []


def test_who_comes_back_into_scope_has_memberships_again_though_no_stamp_tells(
    acme: Company,
) -> None:
    scope = {"statuses": ["ACTIVE"]}
    first = acme.tables(acme.take(scope=scope))
    assert named(first)["Staff"] == ["ann"]
    (bob,) = [one for one, user in acme.org.users.items() if user["profile"]["login"] == "bob"]
    acme.org.set_status(bob, "ACTIVE")
    snapshot = acme.take(TOMORROW, scope=scope)
    assert snapshot.mode == "incremental"
    assert named(acme.tables(snapshot))["Staff"] == ["ann", "bob"]
    staff = {group["id"] for group in first.groups if group["name"] in ("Staff", "Staff Europe")}
    assert acme.groups_read == staff


def test_a_scope_of_statuses_does_not_look_like_miscounted_groups(acme: Company) -> None:
    assert acme.take(scope={"statuses": ["ACTIVE"]}).evidence["groups_miscounted"] == 0


def test_incremental_reads_of_a_scope_tell_the_truth(tmp_path: Path) -> None:
    org = Org.create(users=60, groups=14, memberships=200, day=DAY)
    scope: dict[str, Any] = {"groups": ["*e*"], "statuses": ["ACTIVE", "PROVISIONED"]}
    with (
        a_company(tmp_path / "one", org, scope=scope) as acme,
        a_company(tmp_path / "other", org, scope=scope, memberships="full") as other,
    ):
        for number in range(4):
            day = DAY + timedelta(days=number)
            org.advance(day)
            assert acme.tables(acme.take(day)) == other.tables(other.take(day))


# -- what of a profile is stored -----------------------------------------------------------------


def test_only_mapped_fields_are_stored_when_the_file_says_so(tmp_path: Path) -> None:
    org = Org.create(users=60, groups=4, memberships=20, day=DAY)
    settings: dict[str, Any] = {
        "store_profile": "mapped",
        "attributes": {"desk": "deskNumber", "email": "secondEmail"},
    }
    org.update_profile(org.user_ids[0], {"a/b~c": "kept out", "badgeNumber": "SENTINEL-7"})
    with a_company(tmp_path, org, **settings) as acme:
        snapshot = acme.take()
        okta = acme.organization().directories["okta"]
        assert isinstance(okta, OktaDirectory)
        fields = set(source_fields(okta))
        assert {"deskNumber", "secondEmail", "firstName"} <= fields
        assert not {"email", "badgeNumber", "a/b~c"} & fields
        expected = truth(org).users
        for user in expected:
            user["profile"] = {
                key: user["profile"][key] for key in user["profile"] if key in fields
            }
        found = acme.tables(snapshot)
        assert found.users == expected
        assert found.memberships == truth(org).memberships
        assert snapshot.evidence["logins_missing"] == 0
        with_second = sum(
            bool(user["profile"].get("secondEmail")) or user["status"] == "DEPROVISIONED"
            for user in expected
        )
        assert snapshot.evidence["emails_malformed"] == len(expected) - with_second


def test_all_fields_are_stored_unless_the_file_says_otherwise(acme: Company) -> None:
    acme.org.update_profile(acme.org.user_ids[0], {"a/b~c": "kept", "nested": {"deep": [1, None]}})
    assert acme.tables(acme.take()).users == truth(acme.org).users


def test_storing_less_of_profiles_is_no_other_scope(acme: Company) -> None:
    acme.take()
    snapshot = acme.take(TOMORROW, store_profile="mapped")
    assert snapshot.mode == "incremental"
    assert snapshot.evidence["scope_changed"] == 0
