"""Which members are read, which are carried over, and that both give the truth."""

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.simulator.company.changes import Rates
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import dice
from opensense_okta.simulator.okta.faults import StaleStamps
from tests.support.days import DAY, Company, Rewritten, Tables, a_company, truth
from tests.support.reads import Row

LIVELY = Rates(
    joiners=0.03,
    leavers=0.03,
    movers=0.03,
    renames=0.02,
    phones=0.02,
    members_added=0.02,
    members_removed=0.02,
    groups_created=0.05,
    groups_deleted=0.05,
)
TOMORROW, LATER = DAY + timedelta(days=1), DAY + timedelta(days=2)

Start = Callable[..., AbstractContextManager[Company]]


def an_org(**options: bool) -> Org:
    return Org.create(users=60, groups=14, memberships=150, day=DAY, rates=LIVELY, **options)


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A lake with the first day, read in full, and the port on which Okta listened."""
    root = tmp_path_factory.mktemp("first-day")
    with a_company(root, an_org()) as company:
        assert company.take().mode == "full"
        return root, int(company.okta.url.rpartition(":")[2])


@pytest.fixture
def acme(first_day: tuple[Path, int], tmp_path: Path) -> Iterator[Company]:
    """acme, read in full on the first day."""
    root, port = first_day
    shutil.copytree(root, tmp_path / "data")
    with a_company(tmp_path / "data", an_org(), port=port) as company:
        yield company


def a_group(acme: Company) -> str:
    """A group of several members."""
    return max(acme.open_groups(), key=lambda group: len(acme.org.members(group)))


# -- the truth, day after day ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("with_deprovisioned", "days"), [(False, 15), (True, 5)], ids=["present", "all"]
)
def test_every_day_of_two_lively_weeks_is_read_to_the_row(
    tmp_path: Path, *, with_deprovisioned: bool, days: int
) -> None:
    org = an_org(everyone_has_deprovisioned=with_deprovisioned)
    groups, users, modes = set(org.group_ids), set(org.user_ids), []
    last_read: dict[str, tuple[str, date]] = {}
    with a_company(tmp_path, org) as acme:
        for number in range(days + 1):
            day = DAY + timedelta(days=number)
            org.advance(day)
            snapshot = acme.take(day)
            assert acme.tables(snapshot) == truth(org), day
            modes.append(snapshot.mode)
            assert org.everyone not in acme.groups_read
            if snapshot.mode == "incremental":
                assert acme.groups_read <= changed_since(org, last_read), day
            last_read |= {group: (stamp_of(org, group), day) for group in acme.groups_read}
    assert modes == ["incremental" if number % 7 else "full" for number in range(days + 1)]
    assert groups - set(org.group_ids), "no group was deleted"
    assert users - set(org.user_ids), "no user was deleted"
    assert set(org.user_ids) - users, "nobody joined"


def stamp_of(org: Org, group: str) -> str:
    return str(org.groups[group]["lastMembershipUpdated"])


def changed_since(org: Org, last_read: dict[str, tuple[str, date]]) -> set[str]:
    """The groups whose stamp is another one than when they were last read, or was too young then."""

    def is_unchanged(group: str) -> bool:
        stamp, day = last_read.get(group, ("", DAY))
        young = datetime.combine(day, time(11), UTC) < datetime.fromisoformat(stamp_of(org, group))
        return stamp_of(org, group) == stamp and not young

    return {group for group in org.group_ids if not is_unchanged(group)}


def test_a_stamp_that_lags_is_made_up_for_as_soon_as_it_is_there(acme: Company) -> None:
    lags = StaleStamps()
    acme.okta.faults.append(lags)
    acme.take(everything=True)
    for number in range(1, 4):
        acme.org.advance(DAY + timedelta(days=number))
        acme.swap(a_group(acme), at=acme.org.now())
        acme.take(DAY + timedelta(days=number), full_read_days=100)
    acme.okta.faults.clear()
    day = DAY + timedelta(days=4)
    assert acme.tables(acme.take(day, full_read_days=100)) == truth(acme.org)


@pytest.mark.parametrize(
    ("stamped", "trusted"),
    [
        (time(12, 0), False),
        (time(11, 1), False),
        (time(10, 59), True),
    ],
    ids=str,
)
def test_a_stamp_younger_than_the_read_by_less_than_an_hour_is_not_trusted(
    acme: Company, stamped: time, *, trusted: bool
) -> None:
    group = a_group(acme)
    acme.swap(group, at=datetime.combine(TOMORROW, stamped, UTC).isoformat())
    acme.take(TOMORROW)
    assert group in acme.groups_read
    acme.swap(group)  # a change that the stamp dates back to before the read
    after = acme.take(LATER)
    assert (group in acme.groups_read) is not trusted
    assert (acme.tables(after) == truth(acme.org)) is not trusted
    acme.take(LATER + timedelta(days=1))
    assert group not in acme.groups_read


# -- what is asked for ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_sync_makes_the_fewest_requests_and_an_incremental_one_next_to_none(
    tmp_path: Path,
) -> None:
    org = Org.create(users=450, groups=210, memberships=1200, day=DAY)
    with a_company(tmp_path, org) as acme:
        acme.take()
        asked = acme.asked
        gone = sum(user["status"] == "DEPROVISIONED" for user in org.users.values())
        filled = [group for group in org.group_ids[1:] if org.members(group)]
        for found, fewest in [
            (sum("filter=" not in a and "/v1/users?" in a for a in asked), (450 - gone) / 200),
            (sum("filter=" in a for a in asked), gone / 200),
            (sum("/v1/groups?" in a for a in asked), len(org.group_ids) / 200),
        ]:
            assert math.ceil(fewest) <= found <= math.ceil(fewest) + 2
        assert acme.groups_read == set(filled)
        full = acme.member_calls
        assert full == sum(math.ceil(len(org.members(group)) / 1000) for group in filled)

        for user in org.user_ids[10:20]:
            org.update_profile(user, {"title": "Chief"})
        # A deletion changes no stamp, and costs no request.
        for user in org.user_ids[30:60]:
            org.remove_user(user)
        changed = acme.open_groups()[:5]
        for group in changed:
            org.add_member(group, next(u for u in org.user_ids if not org.is_member(group, u)))
        snapshot = acme.take(TOMORROW)
        assert acme.groups_read == set(changed)
        assert acme.member_calls < 0.03 * full
        assert acme.tables(snapshot) == truth(org)


def test_a_group_that_is_and_was_empty_is_not_asked_for(acme: Company) -> None:
    empty = acme.org.add_group(dice("a group"), "Empty")
    for everything in (False, True):
        acme.take(TOMORROW, everything=everything)
        assert empty not in acme.groups_read


def test_a_group_is_read_before_it_is_believed_empty(acme: Company) -> None:
    group = a_group(acme)

    def deny(row: Row) -> None:
        if row["id"] == group:
            row["_embedded"]["stats"]["usersCount"] = 0

    acme.okta.faults.append(Rewritten(change=deny))
    found = acme.tables(acme.take(TOMORROW))
    assert acme.groups_read == {group}
    assert found.members(group) == acme.org.members(group)


def test_a_group_that_lost_its_last_member_is_read_once_more(acme: Company) -> None:
    group = a_group(acme)
    acme.org.set_members(group, [], acme.org.groups[group]["lastMembershipUpdated"])
    assert acme.tables(acme.take(TOMORROW)).members(group) == []
    assert group in acme.groups_read
    acme.take(LATER)
    assert group not in acme.groups_read


def test_groups_without_statistics_are_always_read(acme: Company) -> None:
    acme.okta.faults.append(Rewritten(change=lambda row: row.pop("_embedded")))
    for number in range(1, 3):
        snapshot = acme.take(DAY + timedelta(days=number))
        assert acme.groups_read == set(acme.org.group_ids)
        assert acme.tables(snapshot).memberships == truth(acme.org).memberships


def test_a_group_made_anew_under_the_old_name_is_read(acme: Company) -> None:
    group = a_group(acme)
    name, members = acme.org.groups[group]["profile"]["name"], acme.org.members(group)
    stamp = acme.org.groups[group]["lastMembershipUpdated"]
    acme.org.remove_group(group)
    again = acme.org.add_group(dice("a group"), name)
    acme.org.set_members(again, list(members), stamp)
    assert acme.tables(acme.take(TOMORROW)) == truth(acme.org)
    assert acme.groups_read == {again}


def test_everyone_is_read_where_its_count_fits_no_derivation(acme: Company) -> None:
    everyone = acme.org.everyone

    def miscount(row: Row) -> None:
        if row["id"] == everyone:
            row["_embedded"]["stats"]["usersCount"] += 1

    acme.take(TOMORROW)
    assert everyone not in acme.groups_read
    acme.okta.faults.append(Rewritten(change=miscount))
    found = acme.tables(acme.take(LATER))
    assert everyone in acme.groups_read
    assert found.memberships == truth(acme.org).memberships


def test_members_who_vanished_are_dropped_from_groups_that_do_not_show_it(acme: Company) -> None:
    group = a_group(acme)
    stats = len(acme.org.members(group))
    gone = acme.org.members(group)[-1]
    acme.org.remove_user(gone)

    def count_as_before(row: Row) -> None:
        if row["id"] == group:
            row["_embedded"]["stats"]["usersCount"] = stats

    acme.okta.faults.append(Rewritten(change=count_as_before))
    found = acme.tables(acme.take(TOMORROW))
    assert group not in acme.groups_read
    assert found.members(group) == acme.org.members(group)
    assert gone not in {user for _, user in found.memberships}


# -- groups that lost members without a new stamp ---------------------------------------------------


def test_groups_that_lost_deleted_users_alone_are_not_read(acme: Company) -> None:
    group = a_group(acme)
    for user in acme.org.members(group)[1:3]:
        acme.org.remove_user(user)
    for day, deleted in ((TOMORROW, None), (LATER, acme.org.members(group)[-1])):
        if deleted:
            acme.org.remove_user(deleted)
        snapshot = acme.take(day)
        assert acme.groups_read == set()
        assert acme.tables(snapshot) == truth(acme.org)
        assert "groups_miscounted" not in warnings(snapshot)


def test_a_group_that_lost_all_its_members_to_deletions_is_empty_without_being_read(
    acme: Company,
) -> None:
    group = min(acme.open_groups(), key=lambda group: len(acme.org.members(group)))
    for user in list(acme.org.members(group)):
        acme.org.remove_user(user)
    for day in (TOMORROW, LATER):
        assert acme.tables(acme.take(day)) == truth(acme.org)
        assert acme.groups_read == set()


def set_members_silently(acme: Company, group: str, members: list[str]) -> None:
    acme.org.set_members(group, sorted(members), stamp_of(acme.org, group))


def test_a_group_that_lost_others_than_deleted_users_is_read(acme: Company) -> None:
    group = a_group(acme)
    first, second, *rest = acme.org.members(group)
    acme.org.remove_user(first)
    set_members_silently(acme, group, rest)
    assert acme.tables(acme.take(TOMORROW)).memberships == truth(acme.org).memberships
    assert group in acme.groups_read
    assert second in acme.org.users


def test_a_deactivated_user_who_left_a_group_silently_is_no_deletion(acme: Company) -> None:
    group = a_group(acme)
    leaver, *rest = acme.org.members(group)
    acme.org.set_status(leaver, "DEPROVISIONED")
    set_members_silently(acme, group, rest)
    assert acme.tables(acme.take(TOMORROW)) == truth(acme.org)
    assert group in acme.groups_read
    acme.org.set_status(leaver, "ACTIVE")
    set_members_silently(acme, group, [leaver, *rest])
    assert acme.tables(acme.take(LATER)) == truth(acme.org)
    assert group in acme.groups_read


def test_a_member_who_was_never_listed_is_no_deletion(acme: Company) -> None:
    group = a_group(acme)
    unlisted, left, *rest = acme.org.members(group)
    acme.okta.faults.append(
        Rewritten(match=r"GET /api/v1/users\?", drop=lambda row: row["id"] == unlisted)
    )
    acme.swap(group, at=datetime.combine(TOMORROW, time(1), UTC).isoformat())
    set_members_silently(acme, group, [unlisted, left, *rest])
    acme.take(TOMORROW)
    assert group in acme.groups_read
    set_members_silently(acme, group, [unlisted, *rest])
    found = acme.tables(acme.take(LATER))
    assert group in acme.groups_read
    assert found.members(group) == acme.org.members(group)


def test_who_was_only_hidden_from_the_listing_is_a_member_again(acme: Company) -> None:
    group = a_group(acme)
    hidden = acme.org.members(group)[0]
    acme.okta.faults += [
        Rewritten(match=r"GET /api/v1/users\?", drop=lambda row: row["id"] == hidden),
        Rewritten(change=lambda row: count_without(acme, hidden, row)),
    ]
    assert hidden not in acme.tables(acme.take(TOMORROW)).members(group)
    acme.okta.faults.clear()
    assert acme.tables(acme.take(LATER)) == truth(acme.org)


def count_without(acme: Company, hidden: str, row: Row) -> None:
    row["_embedded"]["stats"]["usersCount"] -= acme.org.is_member(row["id"], hidden)


def test_drift_covers_groups_that_lost_deleted_users(acme: Company) -> None:
    group = a_group(acme)
    acme.swap(group)
    acme.org.remove_user(acme.org.members(group)[0])
    found_out = acme.take(TOMORROW, everything=True)
    assert acme.tables(found_out) == truth(acme.org)
    assert drift(found_out) == (2, 1)


# -- how often everything is read, and what that shows ---------------------------------------------


def how(snapshot: SnapshotManifest) -> tuple[str, int]:
    """The mode, and how many days ago everything was read."""
    return snapshot.mode, (snapshot.day - snapshot.full_read).days


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"full_read_days": 3},
            [("full", 0), ("incremental", 1), ("incremental", 2), ("full", 0), ("incremental", 1)],
        ),
        ({"full_read_days": 1}, [("full", 0)] * 3),
        ({"memberships": "full"}, [("full", 0)] * 3),
    ],
    ids=str,
)
def test_everything_is_read_anew_every_so_many_days(
    tmp_path: Path, settings: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    with a_company(tmp_path, an_org(), **settings) as acme:
        for number, wanted in enumerate(expected):
            assert how(acme.take(DAY + timedelta(days=number))) == wanted
            assert bool(acme.groups_read) == (wanted[0] == "full")


def test_everything_is_read_when_asked_for(acme: Company) -> None:
    assert how(acme.take(TOMORROW, everything=True)) == ("full", 0)
    assert acme.groups_read == {g for g in acme.org.group_ids[1:] if acme.org.members(g)}
    assert how(acme.take(LATER)) == ("incremental", 1)
    assert acme.groups_read == set()


def test_a_shortcut_that_lied_is_found_out_by_the_next_full_read(acme: Company) -> None:
    group = a_group(acme)
    acme.swap(group)
    lied = acme.take(TOMORROW)
    assert acme.tables(lied).memberships != truth(acme.org).memberships
    assert drift(lied) == (0, 0)
    found_out = acme.take(LATER, everything=True)
    assert acme.tables(found_out) == truth(acme.org)
    assert drift(found_out) == (2, 1)
    assert drift(acme.take(LATER, everything=True)) == (0, 0)


def test_what_a_stamp_shows_is_no_drift(acme: Company) -> None:
    acme.swap(a_group(acme), at=datetime.combine(TOMORROW, time(1), UTC).isoformat())
    assert drift(acme.take(TOMORROW, everything=True)) == (0, 0)


def drift(snapshot: SnapshotManifest) -> tuple[int, int]:
    evidence = snapshot.evidence
    return evidence["memberships_drifted"], evidence["groups_drifted"]


# -- what only warns -------------------------------------------------------------------------------


def warnings(snapshot: SnapshotManifest) -> dict[str, str]:
    return {one.name: one.text for one in check_snapshot(snapshot) if not one.passed}


def test_fewer_users_than_before_are_told(acme: Company) -> None:
    before = len(acme.org.user_ids)
    for user in acme.org.user_ids[3:8]:
        acme.org.remove_user(user)
    assert "size_stable" not in warnings(acme.take(TOMORROW))
    for user in acme.org.user_ids[3:10]:
        acme.org.remove_user(user)
    assert warnings(acme.take(LATER)) == {
        "size_stable": f"{before - 12} users were listed, {before - 5} in the snapshot before. Only"
        " a part of the directory may have been listed. The guards hold the day back if the loss exceeds"
        " their limits."
    }


def test_a_changed_scope_is_named(acme: Company) -> None:
    everybody: Tables = truth(acme.org)
    name = acme.org.groups[a_group(acme)]["profile"]["name"]
    decrease = acme.take(TOMORROW, scope={"groups": [name]})
    assert decrease.rows["raw_users"] < 0.9 * len(everybody.users)
    assert warnings(decrease)["scope_stable"] == (
        "Changes of scope or endpoint since the snapshot before (2026-11-23): 1. People outside of the"
        " new scope are gone."
    )
    assert "size_stable" in warnings(decrease)
    assert decrease.mode == "full"
    assert warnings(acme.take(LATER, scope={"groups": [name]})) == {}
