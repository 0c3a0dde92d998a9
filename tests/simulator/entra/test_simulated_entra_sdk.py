"""Microsoft's own Python client reads the simulator as it reads Graph."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Simulator
from opensense_okta.simulator.entra.tenant import Tenant, Truth
from opensense_okta.simulator.serving import running

pytestmark = [
    pytest.mark.slow,  # importing the client alone takes seconds
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the client's own
]


def token_of(url: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": f"{url}/.default",
    }
    answer = httpx.post(f"{url}/{TENANT_ID}/oauth2/v2.0/token", data=form)
    token: str = answer.raise_for_status().json()["access_token"]
    return token


async def all_pages(
    first: Awaitable[Any], following: Callable[[str], Awaitable[Any]]
) -> tuple[list[Any], int]:
    """A listing's rows, and the number of its pages."""
    page, rows, pages = await first, [], 1
    rows += page.value
    while page.odata_next_link:
        page = await following(page.odata_next_link)
        rows += page.value
        pages += 1
    return rows, pages


def client_of(url: str, connections: httpx.AsyncClient) -> Any:  # noqa: ANN401 - importing its type takes seconds
    """Microsoft's client of a simulator."""
    from kiota_abstractions.authentication import (  # noqa: PLC0415 - takes seconds
        AccessTokenProvider,
        AllowedHostsValidator,
        BaseBearerTokenAuthenticationProvider,
    )
    from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415 - as above
    from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415 - as above

    class Token(AccessTokenProvider):
        def __init__(self) -> None:
            self._token = token_of(url)

        async def get_authorization_token(
            self, uri: str, additional_authentication_context: dict[str, Any] | None = None
        ) -> str:
            del uri, additional_authentication_context
            return self._token

        def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
            return AllowedHostsValidator(["127.0.0.1"])

    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token()), connections)
    adapter.base_url = f"{url}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


async def listed(
    builder: Any,  # noqa: ANN401 - the client's classes have no common type
    with_url: Callable[[str], Any],
    **parameters: object,
) -> tuple[list[Any], int]:
    """All rows that the client lists, and the number of their pages."""
    from kiota_abstractions.base_request_configuration import (  # noqa: PLC0415 - takes seconds
        RequestConfiguration,
    )

    (kind,) = (
        value for name, value in vars(type(builder)).items() if name.endswith("GetQueryParameters")
    )
    options = RequestConfiguration(query_parameters=kind(**parameters))
    return await all_pages(builder.get(options), lambda link: with_url(link).get())


async def assert_lists(client: Any, truth: Truth) -> None:  # noqa: ANN401 - as above
    """That the client lists everything that the tenant has."""
    select = ["id", "displayName", "accountEnabled"]
    users, pages = await listed(client.users, client.users.with_url, select=select, top=2)
    assert pages > 10
    assert [user.id for user in users] == [user["id"] for user in truth.users]
    assert [user.display_name for user in users] == [user["displayName"] for user in truth.users]
    groups, pages = await listed(client.groups, client.groups.with_url, top=2)
    assert pages > 5
    assert [group.id for group in groups] == [group["id"] for group in truth.groups]
    memberships, others = [], []
    for group in groups:
        builder = client.groups.by_group_id(group.id).members
        members, _ = await listed(builder, builder.with_url, top=5)
        for member in members:
            kind = member.odata_type.removeprefix("#microsoft.graph.")
            if kind == "user":
                memberships.append((group.id, member.id))
            else:
                others.append((group.id, kind, member.id))
    assert memberships == truth.memberships
    assert others == truth.others


def test_the_official_client_lists_users_groups_and_members_completely() -> None:
    tenant = Tenant(Org.create(users=24, groups=12, memberships=60, day=date(2026, 11, 23)))

    async def read(url: str) -> None:
        async with httpx.AsyncClient() as connections:
            await assert_lists(client_of(url, connections), tenant.truth())

    with running(Simulator(tenant)) as entra:
        asyncio.run(read(entra.url))
