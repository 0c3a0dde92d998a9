"""Okta's own Python client reads the simulator as it reads Okta."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running

pytestmark = [
    pytest.mark.slow,  # importing the client alone takes seconds
    pytest.mark.filterwarnings("default"),  # the client's own
]

Listing = Callable[..., Awaitable[tuple[list[Any], Any, Exception | None]]]


async def all_pages(listing: Listing, **options: str | int) -> tuple[list[str], int]:
    """The ids of a listing's rows, and the number of its pages."""
    ids: list[str] = []
    pages = 0
    while True:
        rows, response, error = await listing(**options)
        assert error is None
        ids += [row.id for row in rows]
        pages += 1
        following = re.search(r'[?&]after=([^&>]+)[^>]*>; rel="next"', response.headers["Link"])
        if not following:
            return ids, pages
        options["after"] = following[1]


def test_the_official_client_lists_users_groups_and_members_completely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")
    from okta.client import Client  # noqa: PLC0415 - takes seconds

    org = Org.create(users=44, groups=11, memberships=60, day=date(2026, 11, 23))
    truth = org.truth()

    async def read(url: str) -> None:
        async with Client({"orgUrl": url, "token": TOKEN}) as client:
            users, pages = await all_pages(client.list_users, limit=3)
            assert pages > 10
            gone, _ = await all_pages(client.list_users, filter='status eq "DEPROVISIONED"')
            assert sorted(users + gone) == [user["id"] for user in truth.users]
            groups, pages = await all_pages(client.list_groups, limit=1)
            assert pages > 10
            assert groups == [group["id"] for group in truth.groups]
            memberships = []
            for group in groups:
                limit = 3 if group == org.everyone else 200
                members, pages = await all_pages(
                    client.list_group_users, group_id=group, limit=limit
                )
                assert group != org.everyone or pages > 10
                memberships += [(group, user) for user in members]
            assert memberships == truth.memberships

    with running(Simulator(org)) as okta:
        asyncio.run(read(okta.url))
