"""The state of an org on its first day: users with their histories, groups, and memberships."""

from collections.abc import Iterator
from itertools import product
from random import Random

from opensense_okta.simulator.company.cast import ADMINISTRATORS, assign
from opensense_okta.simulator.company.people import DEPARTMENTS, OFFICES, Profile, dice
from opensense_okta.simulator.company.state import Json, State, midnight, stamp

STATUSES = {
    "ACTIVE": 86,
    "DEPROVISIONED": 5,
    "PROVISIONED": 3,
    "PASSWORD_EXPIRED": 2,
    "STAGED": 1,
    "LOCKED_OUT": 1,
    "RECOVERY": 1,
    "SUSPENDED": 1,
}
"""How many of every hundred users have a status."""

AGE = 6 * 365 * 86_400
"""Seconds from the creation of the org to its first day."""

PROJECTS = (
    "Aurora",
    "Borealis",
    "Cobalt",
    "Dynamo",
    "Équinoxe",
    "Flieder",
    "桜",
    "Днепр",
    "Zenith",
)


def fill(org: State, users: int, groups: int, memberships: int) -> None:
    """Fill an empty org with users, groups and memberships."""
    rng = dice(org.seed, "founding")
    birth = midnight(org.day) - AGE
    org.add_group(rng, "Everyone", "All users in your organization", stamp(birth), type="BUILT_IN")
    org.add_group(
        rng,
        "Okta Administrators",
        "Okta manages this group, which contains all administrators in your organization.",
        stamp(birth + 2),
        type="BUILT_IN",
    )
    statuses = _statuses(rng)
    for number in range(users):
        _hire(org, rng, birth + 3 + (AGE - 86_400) * number // users, next(statuses))
    for user_id in org.user_ids:
        org.users[user_id]["profile"].update(manager_of(org, rng, user_id))
    org.parts = assign(org)
    _make_groups(org, rng, groups - 2, birth)
    _fill_groups(org, rng, memberships)


def manager_of(org: State, rng: Random, user_id: str) -> Profile:
    """A manager for a user, one of the oldest users, in the form in which Okta admins enter managers."""
    leaders = max(1, len(org.user_ids) // 12)
    leader = org.users[org.user_ids[rng.randrange(leaders)]]
    profile = leader["profile"]
    if leader["id"] >= user_id or rng.random() < 0.1:
        return {}
    manager: Profile = {"manager": f"{profile['firstName']} {profile['lastName']}"}
    if "employeeNumber" in profile:
        manager["managerId"] = profile["employeeNumber"]
    return manager


def _statuses(rng: Random) -> Iterator[str]:
    """Statuses in shuffled groups of a hundred, so that every hundred users have all statuses."""
    yield from ["ACTIVE"] * ADMINISTRATORS
    deck = [status for status, count in STATUSES.items() for _ in range(count)]
    while True:
        rng.shuffle(deck)
        yield from deck


def _hire(org: State, rng: Random, created: int, status: str) -> None:
    """Create a user with the history since its creation."""
    user = org.users[org.add_user(rng, status, stamp(created))]
    changed = rng.randrange(created, midnight(org.day))
    if status == "STAGED":
        if rng.random() < 0.3:
            user["transitioningToStatus"] = "PROVISIONED"
    else:
        user["activated"] = stamp(created + 60) if rng.random() < 0.95 else None
        user["statusChanged"] = stamp(created + 60 if status == "ACTIVE" else changed)
    user["lastUpdated"] = stamp(changed)
    if user["passwordChanged"]:
        user["passwordChanged"] = stamp(rng.randrange(created, changed + 1))
        if rng.random() < 0.9:
            user["lastLogin"] = stamp(rng.randrange(created, midnight(org.day)))


def _make_groups(org: State, rng: Random, count: int, birth: int) -> None:
    names = _group_names()
    source = f"0oa{org.everyone[3:]}"
    for number in range(count):
        at = stamp(birth + 10 + (AGE - 86_400) * number // count)
        name = next(names)
        if number % 7 == 5:
            org.add_group(
                rng,
                name,
                "Imported from Active Directory",
                at,
                type="APP_GROUP",
                objectClass=["okta:windows_security_principal"],
                source={"id": source},
                profile=_active_directory_profile(rng, name),
            )
        else:
            description = f"Everybody of {name}" if rng.random() < 0.6 else None
            org.add_group(rng, name, description, at)


def _group_names() -> Iterator[str]:
    """Names as in real companies; two of a hundred exist twice, from different sources."""
    yield from ("Staff", "Staff VPN", "All hands")
    yield from DEPARTMENTS
    for office in OFFICES:
        yield f"All {office.city}"
    for office, department in product(OFFICES, DEPARTMENTS):
        yield f"{department} - {office.city}"
    number = 0
    while True:
        number += 1
        yield f"Project {PROJECTS[number % len(PROJECTS)]} {number - (number % 50 == 0):04d}"


def _active_directory_profile(rng: Random, name: str) -> Json:
    account = name.replace(" - ", "-").replace(" ", "_")
    return {
        "name": name,
        "description": "Imported from Active Directory",
        "samAccountName": account,
        "dn": f"CN={account},OU=Groups,DC=corp,DC=acme,DC=example",
        "windowsDomainQualifiedName": f"CORP\\{account}",
        "externalId": f"{rng.getrandbits(128):032x}",
        "objectSid": f"S-1-5-21-{rng.getrandbits(31)}-{rng.getrandbits(31)}-{rng.randrange(9999)}",
        "groupType": "Security",
        "groupScope": "Global",
    }


def _fill_groups(org: State, rng: Random, memberships: int) -> None:
    everyone, administrators, *others = org.group_ids
    users, end = org.user_ids, midnight(org.day)
    org.groups[everyone]["lastMembershipUpdated"] = stamp(end - 86_400)
    org.set_members(administrators, users[:ADMINISTRATORS], stamp(end - AGE // 2))
    sizes = _sizes(len(others), memberships - len(users[:ADMINISTRATORS]), len(users))
    for group_id, size in zip(others, sizes, strict=True):
        if size:
            chosen = sorted(rng.sample(range(len(users)), size))
            at = stamp(rng.randrange(end - 30 * 86_400, end))
            org.set_members(group_id, [users[index] for index in chosen], at)


def _sizes(groups: int, total: int, users: int) -> list[int]:
    """Sizes with the total as their sum: a few large, many small, every twentieth empty."""
    sizes = [0] * groups
    weights = [0.0 if rank % 20 == 19 else 1 / (rank + 1) for rank in range(groups)]
    cap = users * 4 // 5
    left = min(total, cap * sum(1 for weight in weights if weight))
    while left > 0:
        total_weight = sum(
            weight for weight, size in zip(weights, sizes, strict=True) if size < cap
        )
        before = left
        for rank, weight in enumerate(weights):
            if weight and sizes[rank] < cap and left:
                share = round(before * weight / total_weight)
                more = min(left, cap - sizes[rank], max(1, share))
                sizes[rank] += more
                left -= more
    return sizes
