import time
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.okta.faults import KINDS, PRESETS, make_fault
from opensense_okta.simulator.okta.server import Simulator

USERS = "/api/v1/users?limit=20"


def inject(okta: Simulator, name: str, **options: object) -> Fault:
    okta.faults.append(make_fault(name, **options))
    return okta.faults[-1]


def all_ids(api: httpx.Client, url: str) -> list[str]:
    ids: list[str] = []
    while url:
        response = api.get(url)
        ids += [row["id"] for row in response.json()]
        url = response.links.get("next", {}).get("url", "")
    return ids


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("rate-limited", 429, "E0000047"),
        ("crowded", 429, "E0000047"),
        ("server-error", 500, "E0000009"),
        ("read-only", 503, "E0000010"),
        ("search-down", 503, "E0000100"),
        ("invalid-cursor", 400, "E0000029"),
        ("invalid-token", 401, "E0000011"),
        ("invalid-session", 403, "E0000005"),
        ("forbidden", 403, "E0000006"),
    ],
)
def test_an_error_of_oktas_has_its_status_body_and_rate_limit_headers(
    okta: Simulator, api: httpx.Client, name: str, status: int, code: str
) -> None:
    inject(okta, name)
    response = api.get(USERS)
    assert (response.status_code, response.json()["errorCode"]) == (status, code)
    assert "x-rate-limit-reset" in response.headers
    assert "x-okta-request-id" in response.headers


@pytest.mark.parametrize(
    ("name", "status"), [("gateway-html", 502), ("unknown-org", 404), ("gateway-timeout", 504)]
)
def test_an_error_of_a_proxy_is_html_or_empty(
    okta: Simulator, api: httpx.Client, name: str, status: int
) -> None:
    inject(okta, name)
    response = api.get(USERS)
    assert response.status_code == status
    assert not response.content or response.headers["content-type"].startswith("text/html")
    assert "x-rate-limit-reset" not in response.headers


def test_a_failure_can_have_any_status_body_and_headers(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "failure", status=418, body="tea", headers={"retry-after": "3"})
    response = api.get(USERS)
    assert (response.status_code, response.text) == (418, "tea")
    assert response.headers["retry-after"] == "3"
    inject(okta, "retry-after")
    assert api.get(USERS).headers["retry-after"] == "1"


def test_a_fault_applies_after_some_calls_and_a_number_of_times(
    okta: Simulator, api: httpx.Client
) -> None:
    fault = inject(okta, "server-error", match="GET /api/v1/users", after=1, times=2)
    assert api.get("/api/v1/groups").status_code == 200
    assert [api.get(USERS).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert fault.struck == 2
    inject(okta, "forbidden")
    assert [api.get(USERS).status_code for _ in range(4)] == [403] * 4
    okta.faults.clear()
    assert api.get(USERS).status_code == 200


def test_a_connection_is_reset_before_the_answer(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        api.get(USERS)
    assert okta.requests[-1].status == 0
    assert api.get(USERS).status_code == 200


def test_a_body_is_truncated(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.get(USERS)
    assert api.get(USERS).status_code == 200


def test_a_body_is_not_json(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "malformed")
    response = api.get(USERS)
    assert response.status_code == 200
    with pytest.raises(ValueError, match="char"):
        response.json()


@pytest.mark.parametrize("name", ["slow", "delay"])
def test_an_answer_is_late(okta: Simulator, api: httpx.Client, name: str) -> None:
    inject(okta, name, seconds=0.05)
    started = time.perf_counter()
    assert len(api.get(USERS).json()) == 20
    assert time.perf_counter() - started > 0.05


def test_a_listing_is_empty_with_status_200(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "empty")
    response = api.get(USERS)
    assert (response.status_code, response.json()) == (200, [])
    assert "next" not in response.links


def test_a_next_link_leads_back_to_its_own_page(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "repeated-cursor", after=1)
    second = api.get(api.get(USERS).links["next"]["url"])
    assert second.links["next"]["url"] == str(second.url)


def test_a_next_link_leads_to_another_host(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "foreign-next", host="http://127.0.0.1:9")
    assert api.get(USERS).links["next"]["url"].startswith("http://127.0.0.1:9/api/v1/users?after")


def test_a_redirect_leads_to_another_host(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "redirect")
    response = api.get(USERS)
    assert response.status_code == 302
    assert response.headers["location"] == f"https://elsewhere.example{USERS}"


def test_link_headers_are_missing_or_joined(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "lost-links")
    assert "link" not in api.get(USERS).headers
    inject(okta, "lost-next")
    assert set(api.get(USERS).links) == {"self"}
    inject(okta, "joined-links")
    response = api.get(USERS)
    assert len(response.headers.get_list("link")) == 1
    assert set(response.links) == {"self", "next"}


def test_pages_are_smaller_than_requested(okta: Simulator, api: httpx.Client, org: Org) -> None:
    inject(okta, "small-pages", limit=7)
    assert len(api.get(USERS).json()) == 7
    assert len(all_ids(api, USERS)) == len(org.members(org.everyone))


def test_the_last_page_is_empty(okta: Simulator, api: httpx.Client, org: Org) -> None:
    inject(okta, "empty-last-page")
    assert all_ids(api, USERS) == org.members(org.everyone)
    last = api.get(okta.requests[-1].target)
    assert last.json() == []


def test_a_group_vanishes_between_listing_and_members(
    okta: Simulator, api: httpx.Client, org: Org
) -> None:
    group = org.group_ids[4]
    inject(okta, "group-vanishes", match=f"/groups/{group}/users")
    assert group in [row["id"] for row in api.get("/api/v1/groups").json()]
    response = api.get(f"/api/v1/groups/{group}/users")
    assert (response.status_code, response.json()["errorCode"]) == (404, "E0000007")
    assert group not in org.groups


def test_a_listing_has_strange_records(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "strange-records")
    assert api.get(USERS).json()[:5] == [None, "00u", 42, [], {}]
    inject(okta, "strange-records", records=["x"])
    assert len(api.get(USERS).json()) == 21


def test_a_restricted_admin_sees_a_part_and_never_everyone(
    okta: Simulator, api: httpx.Client, org: Org
) -> None:
    inject(okta, "restricted-admin")
    users = all_ids(api, USERS)
    assert 0 < len(users) < len(org.members(org.everyone)) / 2
    groups = all_ids(api, "/api/v1/groups")
    assert 0 < len(groups) < len(org.groups) / 2
    assert org.everyone not in groups
    assert all_ids(api, USERS) == users


def test_tokens_expire_during_a_read(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "tokens-expire", after=1)
    first = api.get(USERS)
    assert first.status_code == 200
    second = api.get(first.links["next"]["url"])
    assert (second.status_code, second.json()["errorCode"]) == (401, "E0000011")


def test_a_row_is_on_two_pages(okta: Simulator, api: httpx.Client, org: Org) -> None:
    inject(okta, "row-moves")
    ids = all_ids(api, USERS)
    assert len(ids) > len(set(ids))
    assert sorted(set(ids)) == org.members(org.everyone)


def test_group_stamps_stay_stale(okta: Simulator, api: httpx.Client, org: Org) -> None:
    inject(okta, "stale-stamps")
    before = api.get("/api/v1/groups").json()
    org.add_member(org.group_ids[-1], org.user_ids[0])
    assert api.get("/api/v1/groups").json() == before
    assert org.truth().groups != before


def test_several_faults_apply_to_one_call(okta: Simulator, api: httpx.Client) -> None:
    inject(okta, "small-pages", limit=3)
    inject(okta, "strange-records", records=["x"])
    inject(okta, "joined-links")
    response = api.get(USERS)
    assert len(response.json()) == 4
    assert len(response.headers.get_list("link")) == 1


@pytest.mark.parametrize(
    "name", sorted(KINDS.keys() - {"failure", "rate-limited", "redirect", "reset", "truncated"})
)
def test_a_fault_that_changes_answers_does_not_change_errors(
    okta: Simulator, api: httpx.Client, name: str
) -> None:
    options = {"seconds": 0} if "seconds" in KINDS[name].__dataclass_fields__ else {}
    inject(okta, name, match="/api/v1/groups", **options)
    assert api.get("/api/v1/groups/00gGone/users").status_code in {401, 404}


def test_every_fault_can_be_made_by_its_name(okta: Simulator, api: httpx.Client) -> None:
    for name in {*KINDS, *PRESETS} - {"failure"}:
        okta.faults[:] = [make_fault(name, match="never")]
        assert api.get(USERS).status_code == 200


def test_another_process_adds_and_removes_faults(okta: Simulator, api: httpx.Client) -> None:
    fault = {"name": "server-error", "match": "/api/v1/users", "times": 1}
    [added] = api.post("/_simulator/faults", json=fault).json()
    assert added["kind"] == "Failure"
    assert api.get(USERS).status_code == 500
    assert api.get("/_simulator/faults").json()[0]["struck"] == 1
    assert api.delete("/_simulator/faults").json() == []
    assert okta.faults == []


@pytest.mark.parametrize(
    "fault", [{"name": "gremlins"}, {"name": "reset", "speed": 1}, {"times": 1}, {}]
)
def test_another_process_gets_an_error_for_an_unknown_fault(
    okta: Simulator, api: httpx.Client, fault: dict[str, Any]
) -> None:
    response = api.post("/_simulator/faults", json=fault)
    assert response.status_code == 400
    assert response.json()["error"]
    assert okta.faults == []
