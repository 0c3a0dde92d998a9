"""The state of an Okta org: users, groups and memberships, and how their time stamps change."""

import string
from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from random import Random
from typing import Any, NamedTuple

import msgspec

from opensense_okta.simulator.company.people import People, Profile, dice

Json = dict[str, Any]

_BASE_36 = string.digits + string.ascii_lowercase
_BASE_62 = string.digits + string.ascii_letters


class Truth(NamedTuple):
    """Everything that the org has, as the API returns it, to compare a read with."""

    users: list[Json]
    groups: list[Json]
    memberships: list[tuple[str, str]]


def stamp(seconds: float) -> str:
    """An Okta time stamp: whole seconds, written with milliseconds."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()[:19] + ".000Z"


def midnight(day: date) -> int:
    """The first second of a day in UTC."""
    return int(datetime.combine(day, time(), UTC).timestamp())


class State:
    """The state of an Okta org; its methods change the time stamps as Okta does.

    Users and groups are in the order of their ids, which is the order of their creation and of the
    listings.
    """

    def __init__(
        self,
        seed: int,
        day: date,
        *,
        everyone_has_deprovisioned: bool,
    ) -> None:
        self.seed = seed
        self.day = day
        self.base_url = "https://acme.okta.example"
        self.people = People()
        self.users: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.parts: dict[str, str] = {}  # the user of each part; see cast.py
        self.former_group_names: list[str] = []
        self._everyone_has_deprovisioned = everyone_has_deprovisioned
        self.apps: dict[str, list[str]] = {}
        self._members: dict[str, list[str]] = {}
        self._everyone: list[str] | None = None
        self._user_ids: list[str] = []
        self._group_ids: list[str] = []
        self._deleted: set[str] = set()
        self._created = 0
        self._edits = 0
        self._encoded: dict[str, bytes] = {}
        rng = dice(seed, "ids")
        self._id_prefix = "".join(rng.choices(string.ascii_lowercase, k=3))
        self.type_id = self._new_id("oty", rng)

    def truth(self) -> Truth:
        """Everything that the org has now, as the API returns it."""
        return Truth(
            users=[self.user_json(user_id) for user_id in self._user_ids],
            groups=[self.group_json(group_id) for group_id in self._group_ids],
            memberships=[
                (group, user) for group in self._group_ids for user in self.members(group)
            ],
        )

    # -- reading -----------------------------------------------------------------------------

    @property
    def user_ids(self) -> list[str]:
        """The ids of all users, in the order of the listing."""
        return self._user_ids

    @property
    def group_ids(self) -> list[str]:
        """The ids of all groups, in the order of the listing."""
        return self._group_ids

    @property
    def everyone(self) -> str:
        """The id of the group "Everyone"."""
        return self._group_ids[0]

    @property
    def administrators(self) -> str:
        """The id of the group "Okta Administrators"."""
        return self._group_ids[1]

    def members(self, group_id: str) -> list[str]:
        """The ids of a group's members, in order; not to be changed."""
        if group_id != self.everyone:
            return self._members[group_id]
        if self._everyone is None:
            self._everyone = [
                user_id
                for user_id, user in self.users.items()
                if self._everyone_has_deprovisioned or user["status"] != "DEPROVISIONED"
            ]
        return self._everyone

    def is_member(self, group_id: str, user_id: str) -> bool:
        """Whether a user is in a group."""
        return _contains(self.members(group_id), user_id)

    def groups_of(self, user_id: str) -> list[str]:
        """The ids of a user's groups."""
        return [group_id for group_id in self._group_ids if self.is_member(group_id, user_id)]

    def existed(self, object_id: str) -> bool:
        """Whether a user or a group with this id exists or has existed."""
        return object_id in self.users or object_id in self.groups or object_id in self._deleted

    def user_json(self, user_id: str) -> Json:
        """A user, as in listings."""
        return {**self.users[user_id], "_links": {"self": {"href": self.user_url(user_id)}}}

    def user_url(self, user_id: str) -> str:
        """The API's URL of a user."""
        return f"{self.base_url}/api/v1/users/{user_id}"

    def user_bytes(self, user_id: str) -> bytes:
        """A user, as in listings; encoded once, until the user changes."""
        encoded = self._encoded.get(user_id)
        if encoded is None:
            links = b',"_links":{"self":{"href":"%b"}}}' % self.user_url(user_id).encode()
            encoded = self._encoded[user_id] = msgspec.json.encode(self.users[user_id])[:-1] + links
        return encoded

    def group_json(self, group_id: str) -> Json:
        """A group, as the API returns it."""
        href = f"{self.base_url}/api/v1/groups/{group_id}"
        group = self.groups[group_id]
        links: Json = {
            "logo": [_logo(group["type"], size) for size in ("medium", "large")],
            "users": {"href": f"{href}/users"},
            "apps": {"href": f"{href}/apps"},
        }
        if "source" in group:
            links["source"] = {"href": f"{self.base_url}/api/v1/apps/{group['source']['id']}"}
        return {**group, "_links": links}

    def serve_at(self, base_url: str) -> None:
        """Set the URL of the API, for the links in the objects."""
        self.base_url = base_url
        self._encoded.clear()

    # -- changing ----------------------------------------------------------------------------

    def now(self) -> str:
        """The time stamp of a change by hand: today, one second after the previous one."""
        self._edits += 1
        return stamp(midnight(self.day) + self._edits)

    def add_user(
        self, rng: Random, status: str = "ACTIVE", at: str | None = None, **profile: object
    ) -> str:
        """Create a user and return the id; `profile` replaces attributes of the random profile."""
        at = at or self.now()
        user_id = self._new_id("00u", rng)
        drawn: Profile = self.people.profile(rng, self._created)
        self.users[user_id] = {
            "id": user_id,
            "status": status,
            "created": at,
            "activated": None if status == "STAGED" else at,
            "statusChanged": at,
            "lastLogin": None,
            "lastUpdated": at,
            "passwordChanged": None if status in ("STAGED", "PROVISIONED") else at,
            "type": {"id": self.type_id},
            "profile": drawn | profile,
            "credentials": _credentials(rng, drawn["email"]),
        }
        self._user_ids.append(user_id)
        self._everyone = None
        return user_id

    def update_profile(
        self, user_id: str, changes: Mapping[str, object], at: str | None = None
    ) -> None:
        """Change a user's profile; the value `...` removes an attribute."""
        user = self.users[user_id]
        profile = user["profile"] | changes
        user["profile"] = {name: value for name, value in profile.items() if value is not ...}
        user["lastUpdated"] = at or self.now()
        self._encoded.pop(user_id, None)

    def set_status(self, user_id: str, status: str, at: str | None = None) -> None:
        """Change a user's status; a deactivated user stays in its groups."""
        self.users[user_id].update(status=status)
        self.users[user_id]["statusChanged"] = self.users[user_id]["lastUpdated"] = at or self.now()
        self._encoded.pop(user_id, None)
        self._everyone = None

    def activate(self, user_id: str, at: str | None = None) -> None:
        """Activate a staged or provisioned user."""
        at = at or self.now()
        self.set_status(user_id, "ACTIVE", at)
        self.users[user_id].update(activated=at, passwordChanged=at)
        self.users[user_id].pop("transitioningToStatus", None)

    def log_in(self, user_id: str, at: str | None = None) -> None:
        """Log a user in; `lastUpdated` does not change."""
        self.users[user_id]["lastLogin"] = at or self.now()
        self._encoded.pop(user_id, None)

    def remove_user(self, user_id: str) -> None:
        """Delete a user, also from all groups, whose stamps do not change."""
        del self.users[user_id]
        self._deleted.add(user_id)
        self._encoded.pop(user_id, None)
        self._everyone = None
        _discard(self._user_ids, user_id)
        for members in self._members.values():
            _discard(members, user_id)

    def add_group(
        self,
        rng: Random,
        name: str,
        description: str | None = None,
        at: str | None = None,
        **fields: object,
    ) -> str:
        """Create an empty group and return the id; names need not be unique."""
        at = at or self.now()
        group_id = self._new_id("00g", rng)
        group: Json = {
            "id": group_id,
            "created": at,
            "lastUpdated": at,
            "lastMembershipUpdated": at,
            "objectClass": ["okta:user_group"],
            "type": "OKTA_GROUP",
            "profile": {"name": name, "description": description},
        }
        self.groups[group_id] = group | fields
        self._group_ids.append(group_id)
        self._members[group_id] = []
        return group_id

    def update_group(
        self, group_id: str, changes: Mapping[str, object], at: str | None = None
    ) -> None:
        """Change a group's profile."""
        self.groups[group_id]["profile"] |= changes
        self.groups[group_id]["lastUpdated"] = at or self.now()

    def remove_group(self, group_id: str) -> None:
        """Delete a group."""
        self.former_group_names.append(self.groups.pop(group_id)["profile"]["name"])
        self._deleted.add(group_id)
        del self._members[group_id]
        _discard(self._group_ids, group_id)

    def add_member(self, group_id: str, user_id: str, at: str | None = None) -> None:
        """Add a user to a group; only the group's membership stamp changes."""
        if not self.is_member(group_id, user_id):
            insort(self._members[group_id], user_id)
            self.groups[group_id]["lastMembershipUpdated"] = at or self.now()

    def remove_member(self, group_id: str, user_id: str, at: str | None = None) -> None:
        """Remove a user from a group; only the group's membership stamp changes."""
        if self.is_member(group_id, user_id):
            _discard(self._members[group_id], user_id)
            self.groups[group_id]["lastMembershipUpdated"] = at or self.now()

    def set_members(self, group_id: str, user_ids: list[str], at: str) -> None:
        """Set the members of a new group; the ids are in order."""
        self._members[group_id] = user_ids
        self.groups[group_id]["lastMembershipUpdated"] = at

    def _new_id(self, kind: str, rng: Random) -> str:
        """An id like Okta's: twenty characters, sorted by creation."""
        self._created += 1
        number, counter = self._created + 36**4, ""
        for _ in range(5):
            number, digit = divmod(number, 36)
            counter = _BASE_36[digit] + counter
        return f"{kind}{self._id_prefix}{counter}{''.join(rng.choices(_BASE_62, k=6))}5d7"


def _logo(group_type: str, size: str) -> Json:
    logos = "https://ok14static.oktacdn.com/assets/img/logos/groups/odyssey"
    return {"name": size, "href": f"{logos}/{group_type.lower()}-{size}.png", "type": "image/png"}


def _credentials(rng: Random, email: str) -> Json:
    primary = {"value": email, "status": "VERIFIED", "type": "PRIMARY"}
    match rng.random():
        case chance if chance < 0.6:
            provider = {"type": "OKTA", "name": "OKTA"}
            return {"password": {}, "emails": [primary], "provider": provider}
        case chance if chance < 0.8:
            return {"provider": {"type": "ACTIVE_DIRECTORY", "name": "corp.acme.example"}}
        case chance if chance < 0.9:
            return {"emails": [primary], "provider": {"type": "IMPORT", "name": "IMPORT"}}
    question = {"question": "What is the food you least liked as a child?"}
    provider = {"type": "OKTA", "name": "OKTA"}
    return {"password": {}, "recovery_question": question, "provider": provider}


def _contains(sorted_ids: list[str], object_id: str) -> bool:
    index = bisect_left(sorted_ids, object_id)
    return index < len(sorted_ids) and sorted_ids[index] == object_id


def _discard(sorted_ids: list[str], object_id: str) -> None:
    if _contains(sorted_ids, object_id):
        del sorted_ids[bisect_left(sorted_ids, object_id)]
