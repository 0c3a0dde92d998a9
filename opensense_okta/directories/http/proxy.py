"""Which proxy a request goes through: the variables that curl knows, read for each host.

`https_proxy`, `http_proxy` and `all_proxy` name proxies, `no_proxy` the hosts without one; each also in
upper case, and the lower case wins. A host on loopback never has a proxy. A value may hold a password, so no
message quotes it or a part of it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from opensense_okta.config.locations import is_loopback
from opensense_okta.directories.errors import ProxyTrouble

DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
REFUSED, BLOCKED = 407, 403  # statuses of a proxy
_HOST = re.compile(r"[\w.-]+")
_EXEMPT = re.compile(r"\*|<local>|(?:[\w.*-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_SEPARATORS = re.compile(r"[,\s]+")


@dataclass(frozen=True)
class Proxy:
    """A proxy for HTTP.

    Attributes:
        variable: the environment variable that names it.
        url: its address, without the credentials.
        credentials: user and password; None if it needs none.
    """

    variable: str
    url: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy for requests to a URL; None if they go directly.

    Raises:
        ProxyTrouble: a variable that applies does not have the address of an HTTP proxy, or `no_proxy` is not
            a list of hosts.
    """
    target = urlsplit(url)
    if is_loopback(target.hostname or ""):
        return None
    for name in (f"{target.scheme}_proxy", "all_proxy"):
        variable, value = _variable(name, environment)
        if value:
            return None if _is_exempt(target, environment) else _proxy(variable, value)
    return None


def proxy_refused(proxy: Proxy | None, status: int | None) -> ProxyTrouble:
    """What the proxy's answer means; its own words are not quoted.

    Args:
        proxy: the proxy; None if it is not known.
        status: of its answer; None if it could not be reached.
    """
    variable = proxy.variable if proxy else "HTTPS_PROXY"
    named = f"The proxy that the environment variable {variable} names"
    if status == REFUSED:
        return ProxyTrouble(
            f"{named} does not accept its user and password (407).",
            remedy=f"Set {variable} with the user and password that the proxy knows, as"
            " http://USER:PASSWORD@HOST:PORT.",
        )
    if status == BLOCKED:
        return ProxyTrouble(
            f"{named} refuses the connection (403).",
            remedy="Ask the administrators of the proxy to allow the host of the directory, or add the host"
            " to NO_PROXY.",
        )
    return ProxyTrouble(
        f"{named} makes no connection ({status or 'it cannot be reached'}).",
        remedy=f"If it continues, check {variable} and the proxy.",
        transient=True,
    )


def _variable(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable that is set, in lower case before upper case, and its value."""
    written = name if name in environment else name.upper()
    return written, environment.get(written, "").strip()


def _proxy(variable: str, value: str) -> Proxy:
    address = value if "://" in value else f"http://{value}"
    if address.lower().startswith("socks"):
        raise ProxyTrouble(
            f"The environment variable {variable} names a SOCKS proxy; only HTTP proxies can be used.",
            remedy=f"Set {variable} to the address of an HTTP proxy, such as http://proxy.acme.com:3128, or"
            " add the host to NO_PROXY.",
        )
    try:
        parts = urlsplit(address)
        default = DEFAULT_PORTS[parts.scheme]
        port = parts.port or default
        host = _host(parts)
    except (ValueError, KeyError):  # neither may be quoted: a part of the password is in it
        raise _malformed(variable) from None
    unfit = parts.path not in {"", "/"} or parts.query or parts.fragment
    if unfit or not value.isprintable() or " " in value:
        raise _malformed(variable)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    credentials = (user, password) if user or password else None
    return Proxy(variable, f"{parts.scheme}://{host}:{port}", credentials)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        return f"[{ip_address(host)}]"
    if not _HOST.fullmatch(host):
        raise ValueError("not a host")
    return host


def _malformed(variable: str) -> ProxyTrouble:
    return ProxyTrouble(
        f"The environment variable {variable} is not the address of a proxy.",
        remedy=f"Set {variable} to scheme, host and port, such as http://proxy.acme.com:3128. In a user or"
        " password write % and two hexadecimal digits for a special character, such as %2F for a slash.",
    )


def _is_exempt(target: SplitResult, environment: Mapping[str, str]) -> bool:
    """Whether `no_proxy` has the host of the target."""
    variable, value = _variable("no_proxy", environment)
    host = (target.hostname or "").rstrip(".")
    port = target.port or DEFAULT_PORTS.get(target.scheme)
    entries = [entry.lower() for entry in _SEPARATORS.split(value) if entry]
    try:
        matches = [_matches(host, port, entry) for entry in entries]  # also those after a match
    except ValueError:
        raise ProxyTrouble(
            f"The environment variable {variable} is not a list of hosts.",
            remedy=f"Set {variable} to hosts, domains, addresses or networks, with commas in between, such as"
            " localhost,.acme.com,10.0.0.0/8.",
        ) from None
    return any(matches)


def _matches(host: str, port: int | None, entry: str) -> bool:
    """Whether an entry of `no_proxy` means a host.

    Raises:
        ValueError: the entry is neither a host, a domain, an address nor a network.
    """
    if network := _network(entry):
        return _is_address(host) and ip_address(host) in network
    entry = entry.rpartition("://")[2].removesuffix("/")
    if not _EXEMPT.fullmatch(entry):
        raise ValueError("not a host")
    if entry == "<local>":
        return "." not in host and not _is_address(host)
    named = re.fullmatch(r"(.*?)(?::([0-9]+))?", entry)
    name, only_port = named.groups() if named else (entry, None)
    if only_port and int(only_port) != port:
        return False
    name = name.strip("[]").removeprefix("*.").strip(".")
    return host == name or host.endswith(f".{name}") or ("*" in name and fnmatchcase(host, name))


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
