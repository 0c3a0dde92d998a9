"""A small Entra tenant on loopback, as Microsoft Graph and its sign-in service answer for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from opensense_okta.config.directory_models import EntraDirectory
from tests.support.replay import Peer, Reply, serving

TENANT = "11111111-1111-1111-1111-111111111111"
APP = "22222222-2222-2222-2222-222222222222"
SECRET = "recognisable~client.secret"
TYPE = "@odata.type"
JSON = ("content-type", "application/json;odata.metadata=minimal;charset=utf-8")
NOW = ("date", "Mon, 23 Nov 2026 12:00:00 GMT")

Record = dict[str, Any]


def user(number: int, **more: object) -> Record:
    """A user, with a property or two that nobody asks for."""
    return {
        "id": f"user-{number}",
        "displayName": f"Person {number}",
        "givenName": "Person",
        "surname": str(number),
        "mail": f"person{number}@acme.com",
        "userPrincipalName": f"person{number}@acme.com",
        "businessPhones": [f"+1 555 010{number}"],
        "jobTitle": "Engineer",
        "employeeId": f"00{number}",
        "accountEnabled": True,
        "userType": "Member",
        "createdDateTime": "2024-05-28T14:04:37Z",
        "officeLocation": "not asked for",
        **more,
    }


def group(number: int, **more: object) -> Record:
    """A security group."""
    return {
        "id": f"group-{number}",
        "displayName": f"Group {number}",
        "description": None,
        "createdDateTime": "2023-05-18T18:51:52Z",
        "groupTypes": [],
        "securityEnabled": True,
        "mailEnabled": False,
        **more,
    }


def member(id_: str, kind: str | None = "user") -> Record:
    """A row of a listing of members."""
    return {TYPE: f"#microsoft.graph.{kind}", "id": id_} if kind else {"id": id_}


def reply(body: object, status: int = 200, *headers: tuple[str, str]) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(body).encode(), (JSON, NOW, *headers))


def refusal(status: int, code: str, *headers: tuple[str, str]) -> Reply:
    """Graph's error envelope."""
    body = {"error": {"code": code, "message": "Words.", "innerError": {"request-id": "r-1"}}}
    return reply(body, status, ("request-id", "r-1"), *headers)


@dataclass
class Tenant:
    """What the tenant holds, and what goes wrong.

    Attributes:
        page: rows of a page, whatever is asked for.
        instead: answers given instead of the true one, once each, by a part of the target.
        always: answers given instead, every time.
    """

    users: list[Record] = field(default_factory=lambda: [user(n) for n in range(1, 6)])
    groups: list[Record] = field(default_factory=lambda: [group(n) for n in range(1, 4)])
    members: dict[str, list[Record]] = field(
        default_factory=lambda: {
            "group-1": [member("user-1"), member("user-2"), member("user-3")],
            "group-2": [member("user-3"), member("group-1", "group")],
        }
    )
    page: int = 2
    instead: list[tuple[str, Reply]] = field(default_factory=list)
    every_run: dict[str, Reply] = field(default_factory=dict)
    peer: Peer = field(init=False)
    _places: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.peer.url

    @property
    def asked(self) -> list[str]:
        """The targets of Graph that were asked for."""
        return [target for target in self.peer.targets if target.startswith("/v1.0/")]

    def settings(self, **more: object) -> EntraDirectory:
        """The directory's settings."""
        return EntraDirectory.model_validate(
            {
                "kind": "entra",
                "tenant_id": TENANT,
                "client_id": APP,
                "client_secret": {"env": "ACME_ENTRA_SECRET"},
                "authority": self.url,
                "graph": self.url,
                **more,
            }
        )

    def answer(self, target: str) -> Reply:
        """The reply to a target."""
        for position, (part, given) in enumerate(self.instead):
            if part in unquote(target):
                del self.instead[position]
                return given
        given_always = next(
            (r for part, r in self.every_run.items() if part in unquote(target)), None
        )
        return given_always or self._true_answer(target)

    def _true_answer(self, target: str) -> Reply:
        if target == f"/{TENANT}/oauth2/v2.0/token":
            granted = {"token_type": "Bearer", "expires_in": 3599, "access_token": "token-1"}
            return reply({**granted, "ext_expires_in": 3599})
        parts = urlsplit(target)
        if parts.path == "/v1.0/users/$count":
            text = ("content-type", "text/plain")
            return Reply(200, f"\ufeff{len(self.users)}".encode(), (text, NOW))
        query = parse_qs(parts.query)
        first, start = target, 0
        if "$skiptoken" in query:
            first, start = self._places[query["$skiptoken"][0]]
        return self._page(urlsplit(first).path, parse_qs(urlsplit(first).query), first, start)

    def _page(self, path: str, query: dict[str, list[str]], first: str, start: int) -> Reply:
        rows = self._rows(path, query)
        if rows is None:
            return refusal(404, "Request_ResourceNotFound")
        body: Record = {"@odata.context": "…", "value": rows[start : start + self.page]}
        # The last page is empty after an exact multiple (docs/entra-api.md, "Paging").
        if rows and start + self.page <= len(rows):
            token = f"place-{len(self._places)}"
            self._places[token] = (first, start + self.page)
            body["@odata.nextLink"] = f"{self.url}{path}?$skiptoken={token}"
        return reply(body)

    def _rows(self, path: str, query: dict[str, list[str]]) -> list[Record] | None:
        chosen = query["$select"][0].split(",")
        if path == "/v1.0/users":
            managed = "$expand" in query
            return [_chosen(row, chosen, managed=managed) for row in self.users]
        if path == "/v1.0/groups":
            return [_chosen(row, chosen) for row in self.groups]
        group_id = path.split("/")[3]
        known = any(row["id"] == group_id for row in self.groups)
        return self.members.get(group_id, []) if known else None


def _chosen(row: Record, names: list[str], *, managed: bool = False) -> Record:
    manager = {"manager": row["manager"]} if managed and "manager" in row else {}
    return {name: row.get(name) for name in names} | manager


@contextmanager
def a_tenant(tenant: Tenant | None = None) -> Iterator[Tenant]:
    """A tenant that answers while the context lasts."""
    tenant = tenant or Tenant()
    with serving(tenant.answer) as peer:
        tenant.peer = peer
        yield tenant
