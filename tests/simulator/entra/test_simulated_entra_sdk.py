"""Microsoft's own Python client reads the simulator as it reads Graph."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Simulator
from opensense_okta.simulator.entra.tenant import Tenant
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


def test_the_official_client_lists_users_groups_and_members_completely() -> None:
    from kiota_abstractions.authentication import (  # noqa: PLC0415 - takes seconds
        AccessTokenProvider,
        AllowedHostsValidator,
        BaseBearerTokenAuthenticationProvider,
    )
    from kiota_abstractions.base_request_configuration import (  # noqa: PLC0415 - as above
        RequestConfiguration,
    )
    from msgraph.generated.groups.groups_request_builder import (  # noqa: PLC0415 - as above
        GroupsRequestBuilder,
    )
    from msgraph.generated.groups.item.members.members_request_builder import (  # noqa: PLC0415 - as above
        MembersRequestBuilder,
    )
    from msgraph.generated.users.users_request_builder import (  # noqa: PLC0415 - as above
        UsersRequestBuilder,
    )
    from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415 - as above
    from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415 - as above

    class Token(AccessTokenProvider):
        def __init__(self, url: str) -> None:
            self._token = token_of(url)

        async def get_authorization_token(
            self, uri: str, additional_authentication_context: dict[str, Any] | None = None
        ) -> str:
            del uri, additional_authentication_context
            return self._token

        def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
            return AllowedHostsValidator(["127.0.0.1"])

    tenant = Tenant(Org.create(users=24, groups=12, memberships=60, day=date(2026, 11, 23)))
    truth = tenant.truth()

    user_options = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "displayName", "accountEnabled"], top=2
    )
    group_options = GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters(top=2)
    member_options = MembersRequestBuilder.MembersRequestBuilderGetQueryParameters(top=5)

    async def read(url: str, connections: httpx.AsyncClient) -> None:
        provider = BaseBearerTokenAuthenticationProvider(Token(url))
        adapter = GraphRequestAdapter(provider, connections)
        adapter.base_url = f"{url}/v1.0"
        client = GraphServiceClient(request_adapter=adapter)
        users, pages = await all_pages(
            client.users.get(RequestConfiguration(query_parameters=user_options)),
            lambda link: client.users.with_url(link).get(),
        )
        assert pages > 10
        assert [user.id for user in users] == [user["id"] for user in truth.users]
        assert [user.display_name for user in users] == [
            user["displayName"] for user in truth.users
        ]
        groups, pages = await all_pages(
            client.groups.get(RequestConfiguration(query_parameters=group_options)),
            lambda link: client.groups.with_url(link).get(),
        )
        assert pages > 5
        assert [group.id for group in groups] == [group["id"] for group in truth.groups]
        memberships, others = [], []
        for group in groups:
            listing = client.groups.by_group_id(group.id).members
            members, _ = await all_pages(
                listing.get(RequestConfiguration(query_parameters=member_options)),
                lambda link: client.groups.by_group_id("any").members.with_url(link).get(),
            )
            for member in members:
                kind = member.odata_type.removeprefix("#microsoft.graph.")
                if kind == "user":
                    memberships.append((group.id, member.id))
                else:
                    others.append((group.id, kind, member.id))
        assert memberships == truth.memberships
        assert others == truth.others

    async def read_all(url: str) -> None:
        async with httpx.AsyncClient() as connections:
            await read(url, connections)

    with running(Simulator(tenant)) as entra:
        asyncio.run(read_all(entra.url))
