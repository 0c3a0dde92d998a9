"""Google's own Python client reads the simulator as it reads the Directory API."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.login import READS
from opensense_okta.simulator.google.server import ADMINISTRATOR, Simulator
from opensense_okta.simulator.serving import running

pytestmark = [
    pytest.mark.slow,  # importing the client alone takes a second
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the client's own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def all_pages(
    first: Any,  # noqa: ANN401 - the client's objects have no types
    following: Callable[..., Any],
    key: str,
) -> tuple[list[Any], int]:
    """A listing's rows, and the number of its pages."""
    request, rows, pages = first, [], 0
    while request is not None:
        page = request.execute()
        rows += page.get(key, [])
        pages += 1
        request = following(request, page)
    return rows, pages


def test_the_official_client_lists_users_groups_and_members_completely() -> None:
    from google.oauth2 import service_account  # noqa: PLC0415 - takes a second
    from googleapiclient.discovery import build  # noqa: PLC0415 - as above

    account = Account(Org.create(users=24, groups=12, memberships=60, day=date(2026, 11, 23)))
    truth = account.truth()
    with running(Simulator(account)) as google:
        credentials = service_account.Credentials.from_service_account_info(
            json.loads(google.key), scopes=sorted(READS), subject=ADMINISTRATOR
        )
        with build(
            "admin",
            "directory_v1",
            credentials=credentials,
            client_options={"api_endpoint": google.url},
            static_discovery=True,
            cache_discovery=False,
        ) as client:
            users, groups, members = client.users(), client.groups(), client.members()
            listing = users.list(customer="my_customer", maxResults=2, projection="full")
            rows, pages = all_pages(listing, users.list_next, "users")
            assert (rows, pages > 10) == (truth.users, True)
            listing = groups.list(customer="my_customer", maxResults=2)
            rows, pages = all_pages(listing, groups.list_next, "groups")
            assert (rows, pages > 5) == (truth.groups, True)
            found = []
            for group in truth.groups:
                listing = members.list(groupKey=group["id"], maxResults=5)
                rows, _ = all_pages(listing, members.list_next, "members")
                found += [(group["id"], row["type"], row["id"]) for row in rows]
    direct = [(group, "USER", user) for group, user in truth.memberships]
    assert sorted(found) == sorted([*direct, *truth.others])
