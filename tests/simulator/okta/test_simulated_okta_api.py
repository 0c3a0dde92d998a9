import re
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running

Read = Callable[[str], list[Any]]
OLD_OR_BUSY = (
    'type eq "OKTA_GROUP" and (lastUpdated lt "2022-01-01T00:00:00.000Z" '
    'or lastMembershipUpdated gt "2026-11-10T00:00:00.000Z")'
)
Wanted = Callable[[dict[str, Any]], bool]


def error(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}
    assert body["errorLink"] == body["errorCode"]
    return response.status_code, body["errorCode"]


def test_all_pages_together_have_the_complete_org(read: Read, org: Org) -> None:
    truth = org.truth()
    users = read("/api/v1/users?limit=7")
    users += read('/api/v1/users?limit=7&filter=status eq "DEPROVISIONED"')
    assert sorted(users, key=lambda user: str(user["id"])) == truth.users
    assert read("/api/v1/groups?limit=2") == truth.groups
    memberships = [
        (group["id"], user["id"])
        for group in truth.groups
        for user in read(f"/api/v1/groups/{group['id']}/users?limit=20")
    ]
    assert memberships == truth.memberships


def test_there_are_two_link_headers_with_the_query(api: httpx.Client, okta: Simulator) -> None:
    response = api.get('/api/v1/users?filter=status eq "ACTIVE"&limit=2')
    own, following = response.headers.get_list("link")
    query = "limit=2&filter=status+eq+%22ACTIVE%22"
    assert own == f'<{okta.url}/api/v1/users?{query}>; rel="self"'
    start = re.escape(f"<{okta.url}/api/v1/users?after=")
    assert re.fullmatch(rf'{start}200u\w{{17}}&{re.escape(query)}>; rel="next"', following)


def test_links_have_the_host_of_the_request(okta: Simulator) -> None:
    headers = {"Authorization": f"SSWS {TOKEN}", "Host": "acme.okta.example"}
    link = httpx.get(f"{okta.url}/api/v1/groups", headers=headers).headers["link"]
    assert link == '<http://acme.okta.example/api/v1/groups?limit=10000>; rel="self"'


@pytest.mark.parametrize(
    ("path", "asked", "used"),
    [
        ("/api/v1/users", "", "200"),
        ("/api/v1/users", "?limit=5000", "200"),
        ("/api/v1/groups", "", "10000"),
        ("/api/v1/groups/{everyone}/users", "", "1000"),
        ("/api/v1/groups/{everyone}/users", "?limit=9999", "1000"),
        ("/api/v1/users/{admin}/groups", "", "200"),
    ],
)
def test_limits_have_oktas_defaults_and_maximums(
    api: httpx.Client, org: Org, path: str, asked: str, used: str
) -> None:
    url = path.format(everyone=org.everyone, admin=org.user_ids[0]) + asked
    assert f"limit={used}>" in api.get(url).headers["link"]


def test_the_last_page_has_rows_and_no_next_link(api: httpx.Client, org: Org) -> None:
    last = api.get(f"/api/v1/groups?limit={len(org.groups)}")
    assert len(last.json()) == len(org.groups)
    assert "next" not in last.links
    assert api.get("/api/v1/groups?limit=0").json() == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("/api/v1/users?after=200uNoSuchCursor", "E0000029"),
        ("/api/v1/groups?after=00gNoSuchCursor", "E0000029"),
        ("/api/v1/users?search=status pr&after=00uNoSuchCursor", "E0000031"),
    ],
)
def test_an_unknown_cursor_is_refused(api: httpx.Client, url: str, code: str) -> None:
    response = api.get(url)
    assert error(response) == (400, code)
    assert response.json()["errorCauses"] == [{"errorSummary": "Invalid cursor."}]


def test_a_cursor_is_valid_after_its_row_was_deleted(api: httpx.Client, org: Org) -> None:
    page = api.get("/api/v1/users?limit=3")
    following = [user["id"] for user in api.get(page.links["next"]["url"]).json()]
    org.remove_user(page.json()[-1]["id"])
    assert [user["id"] for user in api.get(page.links["next"]["url"]).json()] == following


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", lambda user: user["status"] != "DEPROVISIONED"),
        ('filter=status eq "SUSPENDED"', lambda user: user["status"] == "SUSPENDED"),
        ("search=status pr", lambda _: True),
        ('search=profile.city sw "mün"', lambda user: user["profile"]["city"] == "München"),
        ("search=profile.badgeNumber pr", lambda user: "badgeNumber" in user["profile"]),
        ("search=profile.remoteWorker eq true", lambda u: u["profile"].get("remoteWorker") is True),
        (
            'search=profile.languages eq "ja"',
            lambda user: "ja" in user["profile"].get("languages", []),
        ),
        ('filter=lastUpdated gt "1970-01-01T00:00:00.000Z"', lambda _: True),
        (
            'filter=lastUpdated ge "2024-01-01T00:00:00.00Z" and lastUpdated lt "2025-01-01T00:00:00Z"',
            lambda user: "2024" <= user["lastUpdated"] < "2025",
        ),
        (
            'filter=(status eq "STAGED" or status eq "RECOVERY") and profile.firstName eq "x"',
            lambda _: False,
        ),
    ],
)
def test_filter_and_search_select_users(read: Read, org: Org, query: str, expected: Wanted) -> None:
    wanted = [user["id"] for user in org.truth().users if expected(user)]
    assert [user["id"] for user in read(f"/api/v1/users?limit=40&{query}")] == wanted


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('filter=type eq "APP_GROUP"', lambda group: group["type"] == "APP_GROUP"),
        (
            f"filter={OLD_OR_BUSY}",
            lambda group: (
                group["type"] == "OKTA_GROUP"
                and (
                    group["lastUpdated"] < "2022-01-01"
                    or group["lastMembershipUpdated"] > "2026-11-10T00:00:00.000Z"
                )
            ),
        ),
        ("q=all ", lambda group: group["profile"]["name"].lower().startswith("all ")),
    ],
)
def test_filter_and_q_select_groups(read: Read, org: Org, query: str, expected: Wanted) -> None:
    wanted = [group["id"] for group in org.truth().groups if expected(group)]
    assert [group["id"] for group in read(f"/api/v1/groups?{query}")] == wanted
    assert wanted


def test_a_listing_by_q_has_no_link_headers(api: httpx.Client) -> None:
    assert "link" not in api.get("/api/v1/groups?q=A&limit=1").headers
    assert "link" not in api.get("/api/v1/users?q=a").headers
    assert len(api.get("/api/v1/users?q=a").json()) <= 10


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('filter=status ne "ACTIVE"', "E0000031"),
        ('filter=created gt "2021-01-01T00:00:00.000Z"', "E0000031"),
        ("filter=status eq ACTIVE", "E0000031"),
        ("filter=status", "E0000031"),
        ('filter=(status eq "ACTIVE"', "E0000031"),
        ('filter=status eq "ACTIVE" nonsense', "E0000031"),
        ("filter=", "E0000031"),
        ("filter=status eq ~", "E0000031"),
        ('filter=lastUpdated gt "2021-13-01T00:00:00Z"', "E0000031"),
        ('filter=status eq "ACTIVE"&search=status pr', "E0000033"),
        ("limit=many", "E0000001"),
    ],
)
def test_an_invalid_filter_is_a_400(api: httpx.Client, query: str, code: str) -> None:
    assert error(api.get(f"/api/v1/users?{query}")) == (400, code)


def test_a_user_is_found_by_id_login_and_short_name(api: httpx.Client, org: Org) -> None:
    user = org.truth().users[3]
    login = user["profile"]["login"]
    for name in (user["id"], login, login.partition("@")[0]):
        response = api.get(f"/api/v1/users/{name}")
        assert response.json()["profile"] == user["profile"]
        assert "deactivate" in response.json()["_links"]
        assert response.headers["etag"].startswith('W/"')
    assert api.get("/api/v1/users/me").json()["id"] == org.user_ids[0]


def test_the_groups_of_a_user_are_listed(read: Read, org: Org) -> None:
    user = org.user_ids[2]
    groups = [group["id"] for group in read(f"/api/v1/users/{user}/groups")]
    assert groups == org.groups_of(user)
    assert groups[:2] == [org.everyone, org.administrators]


def test_stats_are_embedded_only_if_requested(api: httpx.Client, org: Org) -> None:
    assert all("_embedded" not in group for group in api.get("/api/v1/groups").json())
    groups = api.get("/api/v1/groups?expand=stats").json()
    counts = [group["_embedded"]["stats"]["usersCount"] for group in groups]
    assert counts == [len(org.members(group)) for group in org.group_ids]


def test_the_content_type_omits_fields_of_users(api: httpx.Client, org: Org) -> None:
    staged = next(i for i, user in org.users.items() if user["status"] == "STAGED")
    org.users[staged]["transitioningToStatus"] = "PROVISIONED"
    slim = (
        'application/json; okta-response="omitCredentials,omitCredentialsLinks,'
        'omitTransitioningToStatus"'
    )
    whole = {user["id"]: user for user in api.get("/api/v1/users").json()}
    for user in api.get("/api/v1/users", headers={"Content-Type": slim}).json():
        full = whole[user["id"]]
        assert user == {
            name: value
            for name, value in full.items()
            if name not in ("credentials", "transitioningToStatus")
        }
    assert whole[staged]["transitioningToStatus"] == "PROVISIONED"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/users/00uGone", (404, "E0000007")),
        ("/api/v1/users/00uGone/groups", (404, "E0000007")),
        ("/api/v1/groups/00gGone", (404, "E0000007")),
        ("/api/v1/groups/00gGone/users", (404, "E0000007")),
        ("/api/v1/userz", (404, "E0000008")),
        ("/", (404, "E0000008")),
    ],
)
def test_a_missing_object_is_a_404(api: httpx.Client, path: str, expected: tuple[int, str]) -> None:
    assert error(api.get(path)) == expected


def test_a_wrong_method_is_a_405_without_rate_limit_headers(api: httpx.Client) -> None:
    response = api.post("/api/v1/users", json={})
    assert error(response) == (405, "E0000022")
    assert "x-rate-limit-limit" not in response.headers
    assert error(api.get("/oauth2/v1/token")) == (405, "E0000022")


@pytest.mark.parametrize("authorization", ["SSWS wrong", "SSWS", "Basic eDp5", ""])
def test_a_wrong_token_is_a_401(okta: Simulator, authorization: str) -> None:
    headers = {"Authorization": authorization}
    response = httpx.get(f"{okta.url}/api/v1/users", headers=headers)
    assert error(response) == (401, "E0000011")
    assert response.headers["www-authenticate"] == "SSWS"
    assert "x-rate-limit-limit" in response.headers


def test_a_token_without_a_space_is_valid_as_the_sdk_sends_it(okta: Simulator) -> None:
    headers = {"Authorization": f"SSWS{TOKEN}"}
    assert httpx.get(f"{okta.url}/api/v1/users", headers=headers).status_code == 200


def test_the_schema_names_base_and_custom_attributes(api: httpx.Client, org: Org) -> None:
    definitions = api.get("/api/v1/meta/schemas/user/default").json()["definitions"]
    known = {name for part in definitions.values() for name in part["properties"]}
    assert len(definitions["base"]["properties"]) == 31
    assert {name for user in org.users.values() for name in user["profile"]} <= known


def test_requests_are_kept_with_path_query_and_status(
    okta: Simulator, api: httpx.Client, org: Org
) -> None:
    api.get("/api/v1/users?limit=2&filter=x")
    api.get(f"/api/v1/groups/{org.everyone}")
    assert [tuple(request) for request in okta.requests] == [
        ("GET", "/api/v1/users?limit=2&filter=x", 400),
        ("GET", f"/api/v1/groups/{org.everyone}", 200),
    ]


def test_another_process_controls_days_and_sees_requests_and_truth(
    okta: Simulator, api: httpx.Client, org: Org
) -> None:
    assert api.get("/_simulator/day").json() == {"day": "2026-11-23"}
    assert api.post("/_simulator/day", json={"day": "2026-11-25"}).json() == {"day": "2026-11-25"}
    assert org.day == date(2026, 11, 25)
    assert api.post("/_simulator/day", json={"day": "tomorrow"}).status_code == 400
    truth = api.get("/_simulator/truth").json()
    assert truth["users"] == org.truth().users
    assert [tuple(pair) for pair in truth["memberships"]] == org.truth().memberships
    api.get("/api/v1/users/me")
    requests = [{"method": "GET", "target": "/api/v1/users/me", "status": 200}]
    assert api.get("/_simulator/requests").json() == requests
    assert api.delete("/_simulator/requests").json() == []
    assert okta.requests == []


def test_two_simulators_run_side_by_side() -> None:
    with (
        running(Simulator(Org.create(seed=1))) as first,
        running(Simulator(Org.create(seed=2))) as second,
    ):
        assert first.url != second.url
        headers = {"Authorization": f"SSWS {TOKEN}"}
        first_user, second_user = (
            httpx.get(f"{okta.url}/api/v1/users/me", headers=headers).json()
            for okta in (first, second)
        )
    assert first_user["id"] != second_user["id"]
