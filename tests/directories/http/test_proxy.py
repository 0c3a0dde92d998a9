"""Proxies by environment variables: which one is used, and what is said when it cannot be."""

import asyncio
import traceback
from base64 import b64encode
from pathlib import Path

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.diagnosis import examine_address
from opensense_okta.directories.http.proxy import Proxy, proxy_for
from tests.directories.http.test_client import SECRET, get
from tests.support.proxies import a_proxy
from tests.support.reads import failure
from tests.support.replay import Reply, serving

ACME = "https://acme.invalid"
PASSWORD = "hunter2"


def chosen(url: str = ACME, **environment: str) -> str | None:
    """The address of the proxy for a URL."""
    proxy = proxy_for(url, environment)
    return proxy.url if proxy else None


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://p:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://q:2"}, None),
        ({"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ({"all_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://q:2"),
        ({"HTTPS_PROXY": "proxy.acme.com:3128"}, "http://proxy.acme.com:3128"),
        ({"HTTPS_PROXY": " http://proxy.acme.com:3128/ \n"}, "http://proxy.acme.com:3128"),
        ({"HTTPS_PROXY": "proxy"}, "http://proxy:80"),
        ({"HTTPS_PROXY": "https://[2001:db8::1]"}, "https://[2001:db8::1]:443"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "acme.invalid"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "localhost, .invalid"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "invalid"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.invalid"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "acme.*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ACME.invalid:443"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "https://acme.invalid/"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "acme.invalid:8443"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "cme.invalid 10.0.0.0/8 ::1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "<local>,10.*,"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "*"}, "http://p:1"),
    ],
)
def test_the_variables_mean_what_they_mean_to_curl(
    environment: dict[str, str], address: str | None
) -> None:
    assert chosen(**environment) == address


def test_networks_and_addresses_are_exempt_by_number() -> None:
    exempt = {
        "ALL_PROXY": "http://p:1",
        "NO_PROXY": "10.0.0.0/8,192.0.2.7,2001:db8::/32,[2001:db9::1]",
    }
    hosts = ("10.1.2.3", "192.0.2.7", "[2001:db8::5]", "[2001:db9::1]")
    assert {chosen(f"https://{host}", **exempt) for host in hosts} == {None}
    assert chosen("https://192.0.2.8", **exempt) == "http://p:1"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "127.1.2.3", "localhost", "okta.localhost:1", "[::1]:8080"]
)
@pytest.mark.parametrize("value", ["http://p:1", "socks5://p:1", "http://p:no-port"])
def test_loopback_has_no_proxy(host: str, value: str) -> None:
    assert chosen(f"http://{host}", HTTP_PROXY=value, ALL_PROXY=value, NO_PROXY="[") is None


def test_credentials_are_kept_apart_and_not_shown() -> None:
    proxy = proxy_for(ACME, {"HTTPS_PROXY": f"http://ann:{PASSWORD}%2F%40@p:1"})
    assert proxy == Proxy("HTTPS_PROXY", "http://p:1", ("ann", f"{PASSWORD}/@"))
    assert PASSWORD not in repr(proxy)


MALFORMED = [
    "http://",
    "http://p:port",
    f"http://ann:{PASSWORD}/rest@p:1",
    f"http://ann:1234/{PASSWORD}@p:1",
    f"http://ann:{PASSWORD}#rest@p:1",
    f"http://ann:{PASSWORD}?rest@p:1",
    f"ann:{PASSWORD}/x@p:1",
    f"http://ann:{PASSWORD}@p:99999",
    f"http:/ann:{PASSWORD}@p:1",
    f"http://ann:{PASSWORD}@[::1",
    f"http://ann:{PASSWORD}@[zz]:1",
    f"http://ann:{PASSWORD}@p q:1",
    f"http://ann:{PASSWORD}@p\n:1",
    f"http://ann:{PASSWORD}@p:1/path",
    f"ftp://ann:{PASSWORD}@p:1",
    f"socks5://ann:{PASSWORD}@p:1",
    f"SOCKS5H://ann:{PASSWORD}@p:1",
    f"socks4://ann:{PASSWORD}@p:1",
    f"socks://ann:{PASSWORD}@p:1",
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_variable_that_cannot_be_used_is_named_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    error = failure(lambda: get(ACME))

    assert type(error) is errors.ProxyTrouble
    assert not error.transient
    assert f"The environment variable {variable} " in error.message
    assert variable in error.remedy
    text = "".join(traceback.format_exception(error))
    assert PASSWORD not in text
    assert "ann" not in str(error)
    assert ("SOCKS" in error.message) == value.lower().startswith("socks")


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["[::1", "10.0.0.0/99", "a.com;b.com", "http://[", "a.com:http"])
def test_a_list_of_hosts_that_is_none_is_named(variable: str, value: str) -> None:
    exempt = {"HTTPS_PROXY": "http://p:1", variable: f"acme.invalid,{value}"}
    error = failure(lambda: proxy_for(ACME, exempt))
    assert type(error) is errors.ProxyTrouble
    assert f"The environment variable {variable} is not a list of hosts" in error.message
    assert value not in str(error)


@pytest.mark.parametrize(
    ("status", "words", "transient"),
    [
        ("407 Proxy Authentication Required, ann", "does not accept its user and password", False),
        ("403 Forbidden", "refuses the connection (403)", False),
        ("503 Service Unavailable", "makes no connection (503)", True),
        ("302 Found", "makes no connection (302)", True),
    ],
)
def test_what_a_proxy_answers_is_said_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, status: str, words: str, transient: bool
) -> None:
    refusal = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    with a_proxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:{proxy.port}")

        error = failure(lambda: get(ACME, tries=1))

    assert type(error) is errors.ProxyTrouble
    assert error.transient == transient
    assert "HTTPS_PROXY" in error.message
    assert words in error.message
    assert "ann" not in str(error)
    assert SECRET.encode() not in b"".join(proxy.heads)


def test_a_proxy_that_is_away_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:1")
    error = failure(lambda: get(ACME, tries=1))
    assert type(error) is errors.Unreachable
    assert "the proxy that the environment variable ALL_PROXY names" in error.remedy
    assert PASSWORD not in "".join(traceback.format_exception(error))


def test_a_page_is_read_through_a_tunnel_that_hides_the_token(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    with (
        serving(lambda _target: Reply(200, b"good"), certificate=certificate) as peer,
        a_proxy(target=int(peer.url.rpartition(":")[2])) as proxy,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert get(ACME).body == b"good"
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT acme.invalid:443 HTTP/1.1\r\n")
    assert b"Basic " + b64encode(f"ann:{PASSWORD}".encode()) in head
    assert [asked.headers["authorization"] for asked in peer.asked] == [f"SSWS {SECRET}"]


def test_a_loopback_endpoint_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serving(lambda _target: Reply(200, b"good")) as peer,
        a_proxy(b"HTTP/1.1 407 No\r\n\r\n") as proxy,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert get(peer.url).body == b"good"
    assert proxy.heads == []


def test_the_doctor_names_the_proxy_or_what_is_wrong_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@proxy.acme.com:3128")
    (used,) = asyncio.run(examine_address(ACME))
    assert (used.name, used.outcome) == ("proxy", "passed")
    assert "HTTPS_PROXY" in used.message
    assert "proxy.acme.com" not in used.message

    monkeypatch.setenv("HTTPS_PROXY", f"socks5://ann:{PASSWORD}@proxy.acme.com:3128")
    (refused,) = asyncio.run(examine_address(ACME))
    assert (refused.name, refused.outcome) == ("proxy", "error")
    assert PASSWORD not in f"{refused.message} {refused.hint}"
