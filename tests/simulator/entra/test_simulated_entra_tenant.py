"""The tenant's people and groups: compared with Okta's, and from day to day."""

from collections import Counter
from datetime import date, timedelta

import pytest

from opensense_okta.simulator.company.cast import NULL, Part
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.entra.groups import KINDS
from opensense_okta.simulator.entra.properties import DEVICE, GROUP, USER
from opensense_okta.simulator.entra.tenant import Tenant

DAY = date(2026, 11, 23)


@pytest.fixture
def org() -> Org:
    return Org.create(users=400, groups=40, memberships=1500, day=DAY)


def both(org: Org, tenant: Tenant, part: Part) -> tuple[Json, Json]:
    """An Okta profile and the account of the same person."""
    account = tenant.account_of(org.parts[part])
    assert account
    return org.users[org.parts[part]]["profile"], tenant.users[account]


def test_the_same_seed_gives_the_same_tenant() -> None:
    first, same, different = (
        Tenant(Org.create(seed, users=60, day=DAY)).truth() for seed in (1, 1, 2)
    )
    assert first == same
    assert first != different


def test_objects_have_only_properties_of_graph(tenant: Tenant) -> None:
    truth = tenant.truth()
    assert {name for user in truth.users for name in user} <= {*USER, "manager"}
    assert {name for group in truth.groups for name in group} <= set(GROUP)
    assert {name for device in tenant.devices.values() for name in device} <= set(DEVICE)
    assert all(value not in (None, "") for user in truth.users for value in user.values())


def test_most_people_are_in_both_directories_and_some_in_one(org: Org, tenant: Tenant) -> None:
    accounts = {key: tenant.account_of(key) for key in org.users}
    shared = [account for account in accounts.values() if account]
    assert 0.85 < len(shared) / len(org.users) < 0.99
    active = [key for key, user in org.users.items() if user["status"] == "ACTIVE"]
    assert any(not accounts[key] for key in active)
    only_here = [user for user in tenant.truth().users if user["id"] not in shared]
    kinds = Counter((user["userType"], user["accountEnabled"]) for user in only_here)
    assert set(kinds) == {("Member", True), ("Guest", True), ("Member", False)}


def test_accounts_of_people_who_left_are_disabled_or_deleted(org: Org, tenant: Tenant) -> None:
    states = set()
    for key, user in org.users.items():
        if user["status"] == "DEPROVISIONED":
            account = tenant.account_of(key)
            states.add(tenant.users[account]["accountEnabled"] if account else None)
        if user["status"] == "STAGED":
            assert not tenant.account_of(key)
    assert states == {None, False}


def test_guests_have_hardly_more_than_an_address(tenant: Tenant) -> None:
    guests = [user for user in tenant.truth().users if user["userType"] == "Guest"]
    assert all("#EXT#@" in user["userPrincipalName"] for user in guests)
    assert not any("givenName" in user or "surname" in user for user in guests)
    assert any(user["displayName"] == user["mail"] for user in guests)


def test_mailboxes_are_disabled_and_have_only_a_display_name(tenant: Tenant) -> None:
    mailbox = tenant.user("frontdesk@acme.example")
    assert mailbox["displayName"] == "Front Desk"
    assert mailbox["accountEnabled"] is False
    assert not {"givenName", "surname", "employeeId", "jobTitle"} & mailbox.keys()


def test_the_agreeing_part_has_equal_values(org: Org, tenant: Tenant) -> None:
    profile, account = both(org, tenant, Part.AGREEING)
    for there, here in (
        ("firstName", "givenName"),
        ("lastName", "surname"),
        ("email", "mail"),
        ("login", "userPrincipalName"),
        ("title", "jobTitle"),
        ("department", "department"),
        ("mobilePhone", "mobilePhone"),
        ("employeeNumber", "employeeId"),
    ):
        assert profile.get(there) == account.get(here)


def test_the_cast_has_the_differences_of_its_table(org: Org, tenant: Tenant) -> None:
    profile, account = both(org, tenant, Part.REWRITTEN)
    assert account["businessPhones"] != [profile["primaryPhone"]]
    assert account["businessPhones"] == [
        "+" + "".join(filter(str.isdecimal, profile["primaryPhone"]))
    ]
    profile, account = both(org, tenant, Part.SECOND_PHONE)
    assert account["mobilePhone"] not in (None, profile["mobilePhone"])
    profile, account = both(org, tenant, Part.REORGANIZED)
    assert account["department"] != profile["department"]
    profile, account = both(org, tenant, Part.SHOUTING)
    assert account["mail"] != profile["email"]
    assert account["mail"].lower() == profile["email"]
    profile, account = both(org, tenant, Part.MAILLESS)
    assert "mail" not in account
    assert account["userPrincipalName"] == profile["login"]
    profile, account = both(org, tenant, Part.BORROWER)
    assert account["mail"] == org.users[org.parts[Part.LENDER]]["profile"]["email"]
    for part in (Part.OKTA_ONLY, Part.LENDER):
        assert tenant.account_of(org.parts[part]) is None
    assert tenant.user(NULL[2])["surname"] == "Null"


def test_each_difference_happens_by_chance(org: Org, tenant: Tenant) -> None:
    differ: Counter[str] = Counter()
    names = {
        "title": "jobTitle",
        "department": "department",
        "mobilePhone": "mobilePhone",
        "email": "mail",
        "employeeNumber": "employeeId",
    }
    people = [(key, account) for key in org.users if (account := tenant.account_of(key))]
    for key, account in people:
        for there, here in names.items():
            left, right = org.users[key]["profile"].get(there), tenant.users[account].get(here)
            differ[there] += left != right
    assert set(+differ) == set(names)
    assert all(count < len(people) / 3 for count in differ.values())


def test_managers_are_the_same_people(org: Org, tenant: Tenant) -> None:
    numbers = {user["profile"].get("employeeNumber"): key for key, user in org.users.items()}
    links = 0
    for key, user in org.users.items():
        account = tenant.account_of(key)
        if account and "manager" in tenant.users[account]:
            manager = numbers[user["profile"]["managerId"]]
            assert tenant.users[account]["manager"] == tenant.account_of(manager) or (
                tenant.account_of(manager) is None
            )
            links += 1
    assert links > len(org.users) / 2


def test_groups_are_of_every_kind_and_some_have_names_of_okta_groups(
    org: Org, tenant: Tenant
) -> None:
    groups = tenant.truth().groups
    told_apart = {
        kind: [group for group in groups if properties.items() <= group.items()]
        for kind, properties in KINDS.items()
    }
    assert all(told_apart.values()), told_apart.keys()
    assert any(group.get("onPremisesSyncEnabled") for group in groups)
    names = {group["profile"]["name"] for group in org.groups.values()}
    assert len([group for group in groups if group["displayName"] in names]) > len(names) / 3


def test_groups_are_nested_also_in_a_circle(tenant: Tenant) -> None:
    a, b = tenant.group("Circle A")["id"], tenant.group("Circle B")["id"]
    assert [member.id for member in tenant.members(a)] == [b]
    assert [member.id for member in tenant.members(b)] == [a]
    assert {member.type for member in tenant.members(tenant.group("All Departments")["id"])} == {
        "group"
    }


def test_every_member_exists(tenant: Tenant) -> None:
    truth = tenant.truth()
    assert {user for _, user in truth.memberships} <= tenant.users.keys()
    known = {*tenant.groups, *tenant.devices, *tenant.contacts}
    assert {some_id for _, _, some_id in truth.others} <= known


def test_a_day_changes_only_the_accounts_of_changed_people(org: Org, tenant: Tenant) -> None:
    before = {user["id"]: user for user in tenant.truth().users}
    stamps = {key: user["lastUpdated"] for key, user in org.users.items()}
    accounts = {tenant.account_of(key): key for key in org.users}
    tenant.advance(DAY + timedelta(days=1))
    after = {user["id"]: user for user in tenant.truth().users}
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert changed
    assert after.keys() - before.keys()
    for key in changed:
        okta_id = accounts[key]
        assert stamps[okta_id] != org.users[okta_id]["lastUpdated"]


def test_a_followed_tenant_equals_a_new_tenant(org: Org) -> None:
    followed, new = (
        Tenant(org),
        Tenant(Org.create(users=400, groups=40, memberships=1500, day=DAY)),
    )
    for days in range(30):
        followed.advance(DAY + timedelta(days=days))
    new.org.advance(followed.day)
    first, second = followed.truth(), new.truth()
    assert [user["id"] for user in first.users] == [user["id"] for user in second.users]
    assert first.groups == second.groups
    assert first.memberships == second.memberships


def test_changes_by_hand_are_kept_for_days(tenant: Tenant) -> None:
    user_id, *_ = tenant.user_ids
    guest = tenant.add_user("guest@partner.example", mail="guest@partner.example")
    group = tenant.add_group("By hand", securityEnabled=True)
    for some_id in (user_id, guest):
        tenant.add_member(group, some_id)
    tenant.add_member(group, tenant.group("Circle A")["id"], "group")
    tenant.update_user(user_id, {"jobTitle": "Chief Tester", "mail": None})
    tenant.update_group(group, {"description": "Made by hand"})
    gone = tenant.user_ids[5]
    tenant.remove_user(gone)
    tenant.remove_group(tenant.group("Circle B")["id"])
    tenant.remove_member(group, guest)
    for days in range(3):
        tenant.advance(DAY + timedelta(days=days))
        assert tenant.users[user_id]["jobTitle"] == "Chief Tester"
        assert "mail" not in tenant.users[user_id]
        assert gone not in tenant.user_ids
        assert gone not in {user for _, user in tenant.truth().memberships}
        assert tenant.groups[group]["description"] == "Made by hand"
        assert [member.type for member in tenant.members(group) if member.id != user_id] == [
            "group"
        ]
        assert tenant.members(tenant.group("Circle A")["id"]) == []


def test_a_very_small_company_also_has_a_tenant() -> None:
    assert Tenant(Org.create(users=0, groups=2, memberships=0, day=DAY)).truth().users == []
    assert Tenant(Org.create(users=1, groups=2, memberships=0, day=DAY)).truth().users
