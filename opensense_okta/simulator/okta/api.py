"""The endpoints of the Okta API: users, groups, members, and the schema of profiles."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

import msgspec

from opensense_okta.simulator.company.people import BASE_ATTRIBUTES, CUSTOM_ATTRIBUTES
from opensense_okta.simulator.company.state import Json, State
from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply, json_reply
from opensense_okta.simulator.okta.filters import (
    GROUP_FILTER,
    GROUP_SEARCH,
    USER_FILTER,
    USER_SEARCH,
    InvalidFilterError,
    Operators,
    Predicate,
    parse,
)
from opensense_okta.simulator.okta.messages import error

MAX_USERS = 200
MAX_GROUPS = 10_000
MAX_MEMBERS = 1000
MAX_APP_USERS = 500
Q_USERS = 10
Q_GROUPS = 300

_OMITTED = {
    "omitCredentials": "credentials",
    "omitTransitioningToStatus": "transitioningToStatus",
}
_LINKS_BY_STATUS = {
    "STAGED": ("activate",),
    "DEPROVISIONED": ("activate", "delete"),
    "SUSPENDED": ("unsuspend", "resetFactors", "deactivate"),
    "LOCKED_OUT": ("unlock", "resetPassword", "resetFactors", "deactivate"),
    "PROVISIONED": ("suspend", "resetPassword", "reactivate", "resetFactors", "deactivate"),
}
_LINKS_OTHERWISE = ("suspend", "resetPassword", "expirePassword", "resetFactors", "deactivate")


@dataclass(frozen=True, slots=True)
class Page:
    """The ids of one page of a listing, and its link headers."""

    ids: list[str]
    links: Headers


class Api:
    """The endpoints of one org."""

    def __init__(self, org: State) -> None:
        self._org = org

    def list_users(self, call: Call) -> Reply:
        """GET /api/v1/users."""
        users, predicate = self._org.users, self._user_predicate(call)
        page = self._page(
            call,
            self._org.user_ids,
            MAX_USERS,
            cursor_start="2",
            predicate=lambda user_id: predicate(users[user_id]),
        )
        return self._users(call, page)

    def get_user(self, call: Call, user_id: str) -> Reply:
        """GET /api/v1/users/{id}; a login, or its part before the @, may replace the id."""
        if user_id == "me":
            if not call.headers.get("authorization", "").upper().startswith("SSWS"):
                raise RefusedError(error("E0000007", "me (User)"))
            user_id = self._org.user_ids[0]
        user = self._org.users.get(user_id) or self._user_by_login(user_id)
        if not user:
            raise RefusedError(error("E0000007", f"{user_id} (User)"))
        visible = _without(user, _omitted(call)) | {"_links": self._user_links(user)}
        body = msgspec.json.encode(visible)
        return Reply(200, body, [("etag", f'W/"{hashlib.sha256(body).hexdigest()}"')])

    def list_groups_of_user(self, call: Call, user_id: str) -> Reply:
        """GET /api/v1/users/{id}/groups."""
        if user_id not in self._org.users:
            raise RefusedError(error("E0000007", f"{user_id} (User)"))
        return self._groups(call, self._page(call, self._org.groups_of(user_id), MAX_USERS))

    def list_groups(self, call: Call) -> Reply:
        """GET /api/v1/groups."""
        groups, predicate = self._org.groups, self._group_predicate(call)
        page = self._page(
            call,
            self._org.group_ids,
            MAX_GROUPS,
            predicate=lambda group_id: predicate(groups[group_id]),
        )
        return self._groups(call, page)

    def get_group(self, call: Call, group_id: str) -> Reply:
        """GET /api/v1/groups/{id}."""
        self._known_group(group_id)
        return json_reply(self._group(group_id, call.query.get("expand", "")))

    def list_members(self, call: Call, group_id: str) -> Reply:
        """GET /api/v1/groups/{id}/users."""
        self._known_group(group_id)
        members = self._org.members(group_id)
        return self._users(call, self._page(call, members, MAX_MEMBERS, cursor_start="2"))

    def list_app_users(self, call: Call, app_id: str) -> Reply:
        """GET /api/v1/apps/{id}/users."""
        if app_id not in self._org.apps:
            raise RefusedError(error("E0000007", f"{app_id} (AppInstance)"))
        page = self._page(call, self._org.apps[app_id], MAX_APP_USERS)
        rows = [
            {"id": user_id, "scope": "USER", "status": "ACTIVE", "profile": {}}
            for user_id in page.ids
        ]
        return Reply(200, msgspec.json.encode(rows), page.links)

    def get_schema(self, _: Call) -> Reply:
        """GET /api/v1/meta/schemas/user/default: the attributes that a profile can have."""
        custom = {
            name: {"title": name, "type": kind, "scope": "NONE"}
            for name, kind in CUSTOM_ATTRIBUTES.items()
        }
        base = {name: {"title": name, "type": "string"} for name in BASE_ATTRIBUTES}
        definitions = {
            "base": {"id": "#base", "type": "object", "properties": base},
            "custom": {"id": "#custom", "type": "object", "properties": custom},
        }
        url = f"{self._org.base_url}/api/v1/meta/schemas/user/default"
        schema = {"id": url, "name": "user", "title": "User", "type": "object"}
        return json_reply(schema | {"definitions": definitions})

    # -- filters ----------------------------------------------------------------------

    def _user_predicate(self, call: Call) -> Predicate:
        if "search" in call.query:
            if "filter" in call.query:
                raise RefusedError(error("E0000033"))
            return _parsed(call.query["search"], USER_SEARCH)
        if "filter" in call.query:
            return _parsed(call.query["filter"], USER_FILTER)
        prefix = call.query.get("q", "").lower()
        return lambda user: (
            user["status"] != "DEPROVISIONED"
            and (
                not prefix
                or _any_starts_with(user["profile"], ("firstName", "lastName", "email"), prefix)
            )
        )

    def _group_predicate(self, call: Call) -> Predicate:
        predicates: list[Predicate] = []
        if "search" in call.query:
            predicates.append(_parsed(call.query["search"], GROUP_SEARCH))
        if "filter" in call.query:
            predicates.append(_parsed(call.query["filter"], GROUP_FILTER))
        if prefix := call.query.get("q", "").lower():
            predicates.append(lambda group: _any_starts_with(group["profile"], ("name",), prefix))
        return lambda group: all(predicate(group) for predicate in predicates)

    def _user_by_login(self, login: str) -> Json | None:
        for user in self._org.users.values():
            if login in (user["profile"]["login"], user["profile"]["login"].partition("@")[0]):
                return user
        return None

    def _known_group(self, group_id: str) -> None:
        if group_id not in self._org.groups:
            raise RefusedError(error("E0000007", f"{group_id} (UserGroup)"))

    # -- pages -------------------------------------------------------------------------------

    def _page(
        self,
        call: Call,
        ids: Sequence[str],
        max_rows: int,
        *,
        cursor_start: str = "",
        predicate: Callable[[str], bool] | None = None,
    ) -> Page:
        """The page that a call requests; `cursor_start` is what the listing's cursors begin with."""
        if "search" in call.query:
            cursor_start = ""
        limit = _limit(call, max_rows)
        rest = islice(ids, self._start(call, ids, cursor_start), None)
        rows = list(islice(filter(predicate, rest) if predicate else rest, limit + 1))
        if "q" in call.query:
            return Page(rows[:limit], [])
        links = [_link(call, limit, call.query.get("after"), "self")]
        if 0 < limit < len(rows):
            links.append(_link(call, limit, cursor_start + rows[limit - 1], "next"))
        return Page(rows[:limit], links)

    def _start(self, call: Call, ids: Sequence[str], cursor_start: str) -> int:
        """The index of the page's first row: after the cursor's row, which may have been deleted."""
        if "after" not in call.query:
            return 0
        last = call.query["after"].removeprefix(cursor_start)
        if not self._org.existed(last):
            code = "E0000031" if "search" in call.query else "E0000029"
            raise RefusedError(error(code, cause="Invalid cursor."))
        return bisect_right(ids, last)

    # -- objects -----------------------------------------------------------------------------

    def _users(self, call: Call, page: Page) -> Reply:
        omitted = _omitted(call)
        if omitted:
            rows = (
                msgspec.json.encode(_without(self._org.user_json(user_id), omitted))
                for user_id in page.ids
            )
        else:
            rows = (self._org.user_bytes(user_id) for user_id in page.ids)
        return Reply(200, b"[" + b",".join(rows) + b"]", page.links)

    def _groups(self, call: Call, page: Page) -> Reply:
        expand = call.query.get("expand", "")
        return json_reply([self._group(group_id, expand) for group_id in page.ids], page.links)

    def _group(self, group_id: str, expand: str) -> Json:
        group = self._org.group_json(group_id)
        if "stats" in expand.split(","):
            stats = {
                "usersCount": len(self._org.members(group_id)),
                "appsCount": 0,
                "groupPushMappingsCount": 0,
                "hasAdminPrivilege": group_id == self._org.administrators,
            }
            group["_embedded"] = {"stats": stats}
        return group

    def _user_links(self, user: Json) -> Json:
        href = self._org.user_url(user["id"])
        links: Json = {
            "self": {"href": href},
            "schema": {"href": f"{self._org.base_url}/api/v1/meta/schemas/user/default"},
            "type": {"href": f"{self._org.base_url}/api/v1/meta/types/user/{user['type']['id']}"},
        }
        for name in _LINKS_BY_STATUS.get(user["status"], _LINKS_OTHERWISE):
            step = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
            links[name] = {"href": f"{href}/lifecycle/{step}", "method": "POST"}
        return links


def _parsed(expression: str, allowed: Operators) -> Predicate:
    try:
        return parse(expression, allowed)
    except InvalidFilterError:
        raise RefusedError(error("E0000031")) from None


def _limit(call: Call, max_rows: int) -> int:
    """The size of the page; Okta reduces one that is too large, without an error."""
    default = max_rows
    if "q" in call.query:
        default = Q_USERS if call.path.endswith("/users") else Q_GROUPS
    limit = call.query.get("limit", str(default))
    if not limit.isdecimal():
        raise RefusedError(error("E0000001", "limit", "limit: must be a number"))
    return min(int(limit), max_rows)


def _link(call: Call, limit: int, after: str | None, relation: str) -> tuple[str, str]:
    others = {name: value for name, value in call.query.items() if name not in ("after", "limit")}
    cursor = {"after": after} if after else {}
    query = urlencode({**cursor, "limit": limit, **others})
    return "link", f'<{call.base_url}{call.path}?{query}>; rel="{relation}"'


def _any_starts_with(profile: Json, attributes: tuple[str, ...], prefix: str) -> bool:
    return any(str(profile.get(name) or "").lower().startswith(prefix) for name in attributes)


def _omitted(call: Call) -> frozenset[str]:
    """The fields of users that the content type's parameter `okta-response` omits."""
    content_type = call.headers.get("content-type", "")
    if "okta-response" not in content_type:
        return frozenset()
    return frozenset(field for name, field in _OMITTED.items() if name in _names(content_type))


def _names(content_type: str) -> list[str]:
    return content_type.partition("okta-response=")[2].strip('" ').split(",")


def _without(user: Json, omitted: frozenset[str]) -> Json:
    return {name: value for name, value in user.items() if name not in omitted}
