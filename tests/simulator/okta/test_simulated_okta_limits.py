import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.limits import Limits, Meter
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running

HEADERS = {"Authorization": f"SSWS {TOKEN}"}


class Stopped(Clock):
    """A clock that a test sets."""

    time = 1000.0

    def now(self) -> float:
        return self.time


def numbers(response: httpx.Response) -> tuple[int, int, int]:
    """The headers' limit, remaining requests, and seconds until the window ends."""
    limit, remaining, reset = (
        int(response.headers[f"x-rate-limit-{name}"]) for name in ("limit", "remaining", "reset")
    )
    return (
        limit,
        remaining,
        reset - int(parsedate_to_datetime(response.headers["date"]).timestamp()),
    )


def test_the_headers_count_down_per_bucket(api: httpx.Client, okta: Simulator, org: Org) -> None:
    for expected in (599, 598):
        limit, remaining, wait = numbers(api.get("/api/v1/users?limit=1"))
        assert (limit, remaining) == (600, expected)
        assert 0 <= wait <= 61
    assert numbers(api.get(f"/api/v1/users/{org.user_ids[0]}/groups"))[:2] == (600, 597)
    assert numbers(api.get("/api/v1/groups"))[:2] == (500, 499)
    assert numbers(api.get(f"/api/v1/groups/{org.everyone}/users"))[:2] == (500, 498)
    assert numbers(api.get(f"/api/v1/groups/{org.everyone}"))[:2] == (1000, 999)
    assert okta.meter.used("users") == 3


def test_a_used_up_window_is_a_429_until_it_ends(org: Org) -> None:
    with running(Simulator(org, limits=Limits(users=2, window_seconds=1))) as okta:
        answers = [httpx.get(f"{okta.url}/api/v1/users", headers=HEADERS) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        refused = answers[-1]
        assert refused.json()["errorCode"] == "E0000047"
        limit, remaining, wait = numbers(refused)
        assert (limit, remaining) == (2, 0)
        assert "retry-after" not in refused.headers
        assert httpx.get(f"{okta.url}/api/v1/groups", headers=HEADERS).status_code == 200
        okta.clock.skew += wait
        assert httpx.get(f"{okta.url}/api/v1/users", headers=HEADERS).status_code == 200
        assert okta.meter.refused == 1


def test_a_window_starts_with_its_first_request() -> None:
    clock = Stopped()
    meter = Meter(Limits(users=2), clock)
    allowed, headers = meter.take("users")
    assert allowed
    assert dict(headers)["x-rate-limit-reset"] == "1060"
    clock.time = 1059.9
    assert meter.take("users")[0]
    assert not meter.take("users")[0]
    clock.time = 1060.0
    assert meter.take("users")[0]
    assert meter.used("users") == 1


def test_other_clients_use_up_a_part_of_the_window() -> None:
    clock = Stopped()
    meter = Meter(Limits(users=100, others=60), clock)
    assert dict(meter.take("users")[1])["x-rate-limit-remaining"] == "99"
    clock.time = 1030.0
    assert dict(meter.take("users")[1])["x-rate-limit-remaining"] == "68"


def test_too_many_requests_at_once_are_refused_with_a_limit_of_zero(org: Org) -> None:
    def get(_: int) -> httpx.Response:
        return httpx.get(f"{okta.url}/api/v1/users?limit=1", headers=HEADERS)

    with running(Simulator(org, limits=Limits(concurrent=2), latency=0.3)) as okta:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(get, range(6)))
        assert okta.most_at_once > 2
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert len(answers) - len(refused) >= 2
    assert all(numbers(answer) == (0, 0, 116) for answer in refused)


def test_the_orgs_clock_may_be_wrong(org: Org) -> None:
    with running(Simulator(org, clock_skew=-3600)) as okta:
        answer = httpx.get(f"{okta.url}/api/v1/users", headers=HEADERS)
    behind = time.time() - parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert 3590 < behind < 3700
    assert 0 <= numbers(answer)[2] <= 61


def test_answers_can_have_a_latency(org: Org) -> None:
    with running(Simulator(org, latency=0.05)) as okta:
        started = time.perf_counter()
        httpx.get(f"{okta.url}/api/v1/users", headers=HEADERS)
    assert time.perf_counter() - started > 0.05


@pytest.mark.parametrize("stop", [lambda okta: okta.requests.clear(), lambda _: None])
def test_a_stopped_simulator_does_not_listen(org: Org, stop: Callable[[Simulator], None]) -> None:
    with running(Simulator(org)) as okta:
        stop(okta)
    with pytest.raises(httpx.ConnectError):
        httpx.get(okta.url)
