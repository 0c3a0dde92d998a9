"""The options of a listing: `$select`, `$top`, `$expand`, `$count` and `$skiptoken`."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from opensense_okta.simulator.entra.messages import graph_error
from opensense_okta.simulator.entra.properties import NOT_IN_COLLECTIONS, Empty
from opensense_okta.simulator.messages import Call, RefusedError

DEFAULT_PAGE = 100
MAX_PAGE = 999

_TOKEN_START = b"DSpt"
_MANAGER = re.compile(r"manager(?:\(\$select=([\w,]+)\))?")
_SUPPORTED = frozenset({"$select", "$top", "$expand", "$count", "$skiptoken"})


@dataclass(frozen=True, slots=True)
class Query:
    """The options of a listing, and the id of the row before the page's first one."""

    options: dict[str, str]
    after: str

    @property
    def top(self) -> int:
        """The number of rows of a page."""
        return int(self.options.get("$top", DEFAULT_PAGE))


def read_query(call: Call) -> Query:
    """The options of a call; those of its page token, where the call does not have them.

    Raises:
        RefusedError: An option is unknown, or its value is wrong.
    """
    options = {name: value for name, value in call.query.items() if name.startswith("$")}
    after = ""
    if "$skip" in options:
        raise _bad(call, "Request_BadRequest", "'$skip' is not supported by the service.")
    for name in options.keys() - _SUPPORTED:
        raise _bad(call, "Request_UnsupportedQuery", f"Unsupported Query: {name}.")
    if token := options.pop("$skiptoken", None):
        path, after, before = _read_token(call, token)
        if path != call.path:
            raise _bad(call, "Request_UnsupportedQuery", "The page token is of another query.")
        options = {**before, **options}
    top = options.get("$top", "1")
    if not top.isdecimal() or not 1 <= int(top) <= MAX_PAGE:
        message = f"Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
        raise _bad(call, "Request_UnsupportedQuery", message)
    return Query(options, after)


def next_link(call: Call, query: Query, last_id: str) -> str:
    """The absolute URL of the page after a row; its token is opaque."""
    content = msgspec.json.encode([call.path, last_id, query.options])
    token = urlsafe_b64encode(_TOKEN_START + content).rstrip(b"=").decode()
    options = [f"{name}={quote(value, safe='$(),=')}" for name, value in query.options.items()]
    return f"{call.base_url}{call.path}?{'&'.join([*options, f'$skiptoken={token}'])}"


def selected(call: Call, query: Query, known: Empty, of_type: str) -> tuple[str, ...] | None:
    """The properties in `$select`; None without it.

    Raises:
        RefusedError: A property does not exist, or a listing does not have it.
    """
    if "$select" not in query.options:
        return None
    names = tuple(name.strip() for name in query.options["$select"].split(","))
    for name in names:
        if name in NOT_IN_COLLECTIONS:
            message = "This operation target is not yet supported."
            raise RefusedError(graph_error(call, 501, "NotImplemented", message))
        if name not in known:
            raise _bad(
                call,
                "BadRequest",
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.{of_type}'.",
            )
    return tuple(dict.fromkeys(names))


def expanded_manager(call: Call, query: Query, known: Empty) -> tuple[str, ...] | None:
    """The manager's properties in `$expand`; None without it.

    Raises:
        RefusedError: It has anything else.
    """
    if "$expand" not in query.options:
        return None
    match = _MANAGER.fullmatch(query.options["$expand"])
    names = tuple(match[1].split(",")) if match and match[1] else tuple(known)
    if not match or any(name not in known for name in names):
        raise _bad(call, "BadRequest", "Parsing OData Select and Expand failed.")
    return names


def _read_token(call: Call, token: str) -> tuple[str, str, dict[str, str]]:
    """The content of a page token: the path, the last row, and the options."""
    try:
        start = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if start[:4] == _TOKEN_START:
            return msgspec.json.decode(start[4:], type=tuple[str, str, dict[str, str]])
    except (ValueError, msgspec.DecodeError):
        pass
    raise _bad(call, "Request_UnsupportedQuery", "The specified page token is invalid.")


def _bad(call: Call, code: str, message: str) -> RefusedError:
    return RefusedError(graph_error(call, 400, code, message))
