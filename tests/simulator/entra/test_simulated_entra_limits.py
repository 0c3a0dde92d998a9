"""Graph's throttling: resource units that return with time, and no header with what is left."""

import httpx
import pytest

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.entra.limits import Bucket, Limits, units_for
from opensense_okta.simulator.entra.server import CLIENT_ID, TENANT_ID, Simulator


@pytest.mark.parametrize(
    ("users", "units"), [(0, 3500), (49, 3500), (50, 5000), (500, 5000), (501, 8000)]
)
def test_larger_tenants_have_larger_buckets(users: int, units: int) -> None:
    assert units_for(users) == units


def test_an_empty_bucket_is_a_429_with_the_wait(entra: Simulator, graph: httpx.Client) -> None:
    entra.bucket.limits = Limits(units=4, window_seconds=3600)
    statuses = [graph.get("/v1.0/users").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = graph.get("/v1.0/groups")
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert float(refused.headers["retry-after"]) > 1
    assert "." in refused.headers["retry-after"]
    scope = f"Tenant_Application/ReadWrite/{CLIENT_ID}/{TENANT_ID}"
    assert refused.headers["x-ms-throttle-scope"] == scope
    assert refused.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert not any("remaining" in name for name in refused.headers)
    assert entra.bucket.refused == 2


def test_failed_calls_cost_nothing(entra: Simulator, graph: httpx.Client) -> None:
    for _ in range(5):
        graph.get("/v1.0/users?$top=0")
    assert entra.bucket.used == 0


def test_units_return_with_time_separately_for_each_app() -> None:
    clock = Clock()
    bucket = Bucket(Limits(units=10, window_seconds=10), clock)
    bucket.take("app", 1, 10)
    assert 0 < bucket.wait("app", 1) <= 1
    assert bucket.wait("other", 1) == 0
    clock.skew += 5
    bucket.take("app", 1, 4)
    assert bucket.wait("app", 1) == 0
    clock.skew += 1000
    bucket.take("app", 1, 10)
    assert bucket.wait("app", 1) > 0
