"""The endpoints of Graph: users, groups, members, and the organization."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.groups import Member
from opensense_okta.simulator.entra.messages import NOT_FOUND, graph_error, graph_reply
from opensense_okta.simulator.entra.properties import GROUP, OF_TYPE, USER, USER_DEFAULT
from opensense_okta.simulator.entra.query import (
    Query,
    expanded_manager,
    next_link,
    read_query,
    selected,
)
from opensense_okta.simulator.entra.rows import Rows
from opensense_okta.simulator.entra.tenant import TENANT_ID, Tenant
from opensense_okta.simulator.messages import Call, RefusedError, Reply

UNITS = {"users": 2, "groups": 1, "members": 3, "other": 1}
"""Resource units of each call, as recorded, with and without `$select` (docs/entra-api.md, "Throttling")."""

Row = TypeVar("Row", str, Member)

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PERMISSION = {"user": "users", "group": "groups", "device": "devices", "orgContact": "contacts"}


class Api:
    """The endpoints of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._rows = Rows(tenant)

    def list_users(self, call: Call, _: App) -> Reply:
        """GET /v1.0/users."""
        query = read_query(call)
        names = selected(call, query, USER, "user")
        manager = expanded_manager(call, query, USER)
        visible = names or USER_DEFAULT
        return _listing(
            call,
            query,
            self._tenant.user_ids,
            lambda user_id: self._rows.user(user_id, visible, manager),
            context="users" + _context(names),
            units=UNITS["users"] + (manager is not None),
        )

    def count_users(self, call: Call, _: App) -> Reply:
        """GET /v1.0/users/$count."""
        return _count(call, len(self._tenant.users))

    def count_groups(self, call: Call, _: App) -> Reply:
        """GET /v1.0/groups/$count."""
        return _count(call, len(self._tenant.groups))

    def get_user(self, call: Call, _: App, name: str) -> Reply:
        """GET /v1.0/users/{id}; a userPrincipalName may replace the id."""
        user_id = name
        if name not in self._tenant.users:
            matching = (
                key for key, user in self._tenant.users.items() if user["userPrincipalName"] == name
            )
            user_id = next(matching, "")
        if not user_id:
            raise _not_found(call, name)
        names = selected(call, read_query(call), USER, "user")
        row = self._rows.user(user_id, names or USER_DEFAULT, None)
        return _entity(call, row, f"users{_context(names)}/$entity")

    def list_groups(self, call: Call, _: App) -> Reply:
        """GET /v1.0/groups."""
        query = read_query(call)
        names = selected(call, query, GROUP, "group")
        visible = names or tuple(GROUP)
        return _listing(
            call,
            query,
            self._tenant.group_ids,
            lambda group_id: self._rows.group(group_id, visible),
            context="groups" + _context(names),
            units=UNITS["groups"],
        )

    def get_group(self, call: Call, _: App, group_id: str) -> Reply:
        """GET /v1.0/groups/{id}."""
        self._known_group(call, group_id)
        names = selected(call, read_query(call), GROUP, "group")
        row = self._rows.group(group_id, names or tuple(GROUP))
        return _entity(call, row, f"groups{_context(names)}/$entity")

    def list_members(self, call: Call, app: App, group_id: str, cast: str | None = None) -> Reply:
        """GET /v1.0/groups/{id}/members, of all types, or cast to one type."""
        self._known_group(call, group_id)
        query = read_query(call)
        known = OF_TYPE[cast] if cast else _all_properties()
        names = selected(call, query, known, cast or "directoryObject")
        members = self._tenant.members(group_id)
        if cast:
            members = [member for member in members if member.type == cast]

        def render(member: Member) -> bytes:
            readable = app.may_read(_PERMISSION[member.type])
            row = self._rows.member(member, names, readable=readable)
            return b"{" + row[row.index(b",") + 1 :] if cast else row

        return _listing(
            call,
            query,
            members,
            render,
            context=f"{cast}s" if cast else "directoryObjects" + _context(names),
            units=UNITS["members"],
        )

    def list_users_in_group(self, call: Call, app: App, group_id: str) -> Reply:
        """GET /v1.0/groups/{id}/members/microsoft.graph.user, an advanced query."""
        if not _advanced(call) or call.query.get("$count") != "true":
            message = (
                "Casting needs the header ConsistencyLevel:eventual and the option $count=true."
            )
            raise RefusedError(graph_error(call, 400, "Request_UnsupportedQuery", message))
        return self.list_members(call, app, group_id, "user")

    def get_organization(self, call: Call, _: App) -> Reply:
        """GET /v1.0/organization."""
        return _entity(
            call, msgspec.json.encode([_organization(self._tenant)]), "organization", many=True
        )

    def _known_group(self, call: Call, group_id: str) -> None:
        if not _GUID.fullmatch(group_id):
            message = f"Invalid object identifier '{group_id}'."
            raise RefusedError(graph_error(call, 400, "Request_BadRequest", message))
        if group_id not in self._tenant.groups:
            raise _not_found(call, group_id)


def _listing(
    call: Call,
    query: Query,
    rows: Sequence[Row],
    render: Callable[[Row], bytes],
    *,
    context: str,
    units: int,
) -> Reply:
    """One page; a full page has a next link, also if no rows follow (paging_last_page_empty)."""
    start = bisect_right(rows, query.after, key=_id) if query.after else 0
    page = rows[start : start + query.top]
    head: Json = {"@odata.context": f"{call.base_url}/v1.0/$metadata#{context}"}
    if query.options.get("$count") == "true" and _advanced(call) and not query.after:
        head["@odata.count"] = len(rows)
    if len(page) == query.top:
        head["@odata.nextLink"] = next_link(call, query, _id(page[-1]))
    body = msgspec.json.encode(head)[:-1] + b',"value":[' + b",".join(map(render, page)) + b"]}"
    return graph_reply(body, units)


def _entity(call: Call, row: bytes, context: str, *, many: bool = False) -> Reply:
    """One object, or a short collection without pages."""
    head = msgspec.json.encode({"@odata.context": f"{call.base_url}/v1.0/$metadata#{context}"})[:-1]
    body = head + (b',"value":' + row + b"}" if many else b"," + row[1:])
    return graph_reply(body, UNITS["other"])


def _count(call: Call, total: int) -> Reply:
    """A plain number (users_count_plain)."""
    if not _advanced(call):
        message = "$count is not currently supported."
        raise RefusedError(graph_error(call, 400, "Request_BadRequest", message))
    return graph_reply(str(total).encode(), UNITS["other"], "text/plain")


def _organization(tenant: Tenant) -> Json:
    """The properties of the organization, as recorded (organization)."""
    return {
        "id": TENANT_ID,
        "deletedDateTime": None,
        "businessPhones": [],
        "city": None,
        "country": None,
        "countryLetterCode": "US",
        "createdDateTime": "2020-07-16T17:54:20Z",
        "displayName": "Acme",
        "isMultipleDataLocationsForServicesEnabled": None,
        "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": f"{tenant.day}T01:00:00Z",
        "onPremisesSyncEnabled": True,
        "postalCode": None,
        "preferredLanguage": "en",
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": None,
        "street": None,
        "technicalNotificationMails": [f"it@{tenant.domains[0]}"],
        "tenantType": "AAD",
        "directorySizeQuota": {"used": len(tenant.users) + len(tenant.groups), "total": 300_000},
        "privacyProfile": None,
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": not number,
                "isInitial": bool(number),
                "name": name,
                "type": "Managed",
            }
            for number, name in enumerate(tenant.domains)
        ],
    }


def _all_properties() -> Json:
    """The properties that `$select` may have for rows of several types."""
    return {name: None for known in OF_TYPE.values() for name in known}


def _context(names: tuple[str, ...] | None) -> str:
    return f"({','.join(names)})" if names else ""


def _id(row: str | Member) -> str:
    return row if isinstance(row, str) else row.id


def _advanced(call: Call) -> bool:
    """Whether the caller requests an advanced query, which can count and cast."""
    return call.headers.get("consistencylevel", "").lower() == "eventual"


def _not_found(call: Call, name: str) -> RefusedError:
    return RefusedError(graph_error(call, 404, "Request_ResourceNotFound", NOT_FOUND.format(name)))
