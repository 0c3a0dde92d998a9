import re
from collections import Counter
from dataclasses import fields
from datetime import date

import pytest

from opensense_okta.simulator.company.changes import QUIET, Rates
from opensense_okta.simulator.company.founding import STATUSES
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import dice
from opensense_okta.simulator.company.state import Truth

DAY = date(2026, 11, 23)
STILL = Rates(*[0.0] * len(fields(Rates)))


def org_on(day: date = DAY, seed: int = 1, rates: Rates | None = None) -> Org:
    return Org.create(seed, users=150, groups=24, memberships=500, day=day, rates=rates)


def test_the_same_seed_and_size_give_the_same_org() -> None:
    assert org_on().truth() == org_on().truth()
    assert org_on().truth() != org_on(seed=2).truth()


def test_an_org_has_the_requested_size() -> None:
    org = org_on()
    assert len(org.users) == 150
    assert len(org.groups) == 24
    assert sum(len(org.members(group)) for group in org.group_ids[1:]) == 500


@pytest.mark.parametrize(("users", "groups", "memberships"), [(0, 2, 0), (1, 3, 1), (5, 2, 9)])
def test_an_org_can_be_very_small(users: int, groups: int, memberships: int) -> None:
    org = Org.create(1, users, groups, memberships, day=DAY)
    org.advance(date(2026, 11, 26))
    assert len(org.groups) >= 2


def test_group_sizes_are_skewed() -> None:
    org = Org.create(1, users=3000, groups=200, memberships=9000, day=DAY)
    sizes = sorted(len(org.members(group)) for group in org.group_ids[1:])
    assert sizes[-1] > 1000
    assert sizes[0] == 0
    assert sizes[len(sizes) // 2] < 30


def test_every_hundred_users_have_some_of_each_status() -> None:
    statuses = Counter(user["status"] for user in org_on().users.values())
    assert set(statuses) == set(STATUSES)
    assert statuses["ACTIVE"] > 100


def test_ids_look_like_oktas_and_sort_by_creation() -> None:
    org = org_on()
    assert all(re.fullmatch(r"00u[0-9A-Za-z]{14}5d7", user) for user in org.user_ids)
    assert all(re.fullmatch(r"00g[0-9A-Za-z]{14}5d7", group) for group in org.group_ids)
    assert org.user_ids == sorted(org.users)
    created = [user["created"] for user in org.users.values()]
    assert created == sorted(created)


def test_time_stamps_are_in_the_past_and_in_order() -> None:
    org = org_on()
    for user in org.users.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", user["lastUpdated"])
        assert user["created"] <= user["lastUpdated"] < "2026-11-23"
        assert (user["activated"] is None) or user["created"] <= user["activated"]


def test_there_are_groups_of_all_three_types_and_only_app_groups_have_a_source() -> None:
    org = org_on()
    types = Counter(group["type"] for group in org.groups.values())
    assert types["BUILT_IN"] == 2
    assert types["OKTA_GROUP"] > types["APP_GROUP"] > 0
    for group in org.groups.values():
        assert ("source" in group) == (group["type"] == "APP_GROUP")
        assert ("objectSid" in group["profile"]) == (group["type"] == "APP_GROUP")


def test_everyone_has_deactivated_users_only_if_requested() -> None:
    org = org_on()
    present = [i for i, user in org.users.items() if user["status"] != "DEPROVISIONED"]
    assert org.members(org.everyone) == present
    whole = Org.create(users=150, day=DAY, everyone_has_deprovisioned=True)
    assert whole.members(whole.everyone) == whole.user_ids


def test_most_people_have_a_manager_with_an_older_account() -> None:
    org = org_on()
    numbers = {user["profile"].get("employeeNumber") for user in org.users.values()}
    managed = [u["profile"]["managerId"] for u in org.users.values() if "managerId" in u["profile"]]
    assert len(managed) > 90
    assert set(managed) <= numbers


# -- days --------------------------------------------------------------------------------------


def test_days_in_one_step_or_in_several_lead_to_the_same_org() -> None:
    at_once, by_steps = org_on(), org_on()
    at_once.advance(date(2026, 12, 14))
    for day in (24, 25, 30):
        by_steps.advance(date(2026, 11, day))
    by_steps.advance(date(2026, 12, 14))
    assert at_once.truth() == by_steps.truth()
    assert at_once.day == date(2026, 12, 14)


def test_an_earlier_date_changes_nothing() -> None:
    org = org_on()
    before = org.truth()
    org.advance(date(2026, 11, 1))
    assert org.truth() == before
    assert org.day == DAY


def test_without_rates_nothing_happens() -> None:
    org = org_on(rates=STILL)
    before = org.truth()
    org.advance(date(2026, 12, 31))
    assert org.truth() == before


def after_three_weeks() -> tuple[Truth, Org]:
    org = org_on()
    before = org.truth()
    org.advance(date(2026, 12, 14))
    return before, org


def test_people_join_leave_move_and_take_other_names() -> None:
    before, org = after_three_weeks()
    old = {user["id"]: user for user in before.users}
    both = old.keys() & org.users.keys()
    assert org.users.keys() - old.keys(), "joiners"
    assert old.keys() - org.users.keys(), "deleted for good"
    assert any(org.users[i]["status"] == "DEPROVISIONED" != old[i]["status"] for i in both), (
        "leavers"
    )

    def changed(*attributes: str) -> set[str]:
        return {
            i
            for i in both
            if all(
                org.users[i]["profile"].get(name) != old[i]["profile"].get(name)
                for name in attributes
            )
        }

    assert changed("department", "costCenter"), "movers"
    assert changed("lastName", "login", "email"), "renames"
    assert changed("mobilePhone"), "phones"
    assert all(org.users[i]["lastUpdated"] >= "2026-11-23" for i in changed("lastName"))


def test_groups_are_created_deleted_and_created_again_with_the_same_name() -> None:
    before, org = after_three_weeks()
    old = {group["id"]: group["profile"]["name"] for group in before.groups}
    new = {i: group["profile"]["name"] for i, group in org.groups.items() if i not in old}
    gone = {name for i, name in old.items() if i not in org.groups}
    assert new
    assert gone
    assert gone & set(new.values())


def test_the_changes_of_a_day_are_visible_on_the_next_day() -> None:
    org = org_on()
    org.advance(date(2026, 11, 24))
    latest = max(user["lastUpdated"] for user in org.users.values())
    assert "2026-11-23" <= latest < "2026-11-24"


def test_memberships_change_only_the_groups_membership_stamp() -> None:
    members_only = Rates(*[0.0] * len(Rates.__slots__))
    rates = Rates(
        **dict.fromkeys(Rates.__slots__, 0.0) | {"members_added": 0.1, "members_removed": 0.1}
    )
    assert members_only == STILL
    org = org_on(rates=rates)
    before = org.truth()
    groups = {group["id"]: group for group in before.groups}
    members = {group: list(org.members(group)) for group in org.group_ids}
    org.advance(date(2026, 11, 24))
    assert org.truth().users == before.users
    touched = [g for g in org.group_ids if org.members(g) != members[g]]
    assert touched
    for group in touched:
        assert org.groups[group]["lastMembershipUpdated"] > groups[group]["lastMembershipUpdated"]
        assert org.groups[group]["lastUpdated"] == groups[group]["lastUpdated"]


# -- changes by hand ---------------------------------------------------------------------------


def test_a_login_changes_only_last_login() -> None:
    org = org_on()
    user = org.user_ids[5]
    before = org.user_json(user)
    org.log_in(user)
    assert org.user_json(user) == before | {"lastLogin": "2026-11-23T00:00:01.000Z"}


def test_deactivation_keeps_memberships_and_group_stamps() -> None:
    org = org_on()
    user = next(i for i in org.members(org.group_ids[4]) if i in org.members(org.everyone))
    groups = [group for group in org.truth().groups if group["id"] != org.everyone]
    org.set_status(user, "DEPROVISIONED")
    assert org.is_member(org.group_ids[4], user)
    assert not org.is_member(org.everyone, user)
    assert [group for group in org.truth().groups if group["id"] != org.everyone] == groups
    org.remove_user(user)
    assert user not in org.members(org.group_ids[4])
    assert [group for group in org.truth().groups if group["id"] != org.everyone] == groups


def test_a_profile_attribute_can_be_set_to_null_and_removed() -> None:
    org = org_on()
    user = org.user_ids[5]
    org.update_profile(user, {"title": None, "department": ...})
    assert org.users[user]["profile"]["title"] is None
    assert "department" not in org.users[user]["profile"]
    assert org.users[user]["lastUpdated"] == "2026-11-23T00:00:01.000Z"


def test_users_and_groups_can_be_added_by_hand() -> None:
    org, rng = org_on(), dice(1)
    user = org.add_user(rng, "STAGED", lastName="O'Hara")
    group = org.add_group(rng, "Newcomers")
    org.add_member(group, user)
    org.add_member(group, user)
    assert org.users[user]["profile"]["lastName"] == "O'Hara"
    assert org.groups_of(user) == [org.everyone, group]
    org.remove_member(group, user)
    org.update_group(group, {"name": "Old hands"})
    assert org.members(group) == []
    org.remove_group(group)
    assert group not in org.groups
    assert org.existed(group)


def test_every_change_is_served() -> None:
    org = org_on()
    user = org.user_ids[5]
    before = org.user_bytes(user)
    org.update_profile(user, {"title": "Chef"})
    assert before != org.user_bytes(user)
    assert b'"title":"Chef"' in org.user_bytes(user)
    org.serve_at("http://127.0.0.1:1")
    assert b"http://127.0.0.1:1/api/v1/users/" in org.user_bytes(user)


def test_on_a_quiet_day_one_percent_of_the_users_and_two_of_the_groups_change() -> None:
    org = Org.create(1, users=3000, groups=400, memberships=20_000, day=DAY, rates=QUIET)
    org.advance(date(2026, 11, 24))
    today = "2026-11-23"
    changed = sum(user["lastUpdated"].startswith(today) for user in org.users.values())
    assert 0.008 < changed / len(org.users) < 0.015
    moved = sum(
        group["lastMembershipUpdated"].startswith(today)
        for group_id, group in org.groups.items()
        if group_id != org.everyone
    )
    assert 0.01 < moved / len(org.groups) < 0.03
