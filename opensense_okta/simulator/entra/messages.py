"""Graph's and the login endpoint's replies: success, errors, and the headers of each."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from opensense_okta.simulator.messages import Call, Headers, Reply

ODATA = (
    "application/json;odata.metadata=minimal;odata.streaming=true;"
    "IEEE754Compatible=false;charset=utf-8"
)
"""The content type of Graph's replies (docs/entra-api.md, "Errors")."""

NOT_FOUND = (
    "Resource '{}' does not exist or one of its queried reference-property objects are not present."
)
DENIED = "Insufficient privileges to complete the operation."


def graph_reply(body: bytes, units: int, content_type: str = ODATA) -> Reply:
    """Graph's reply without an error, and the units that the call used."""
    headers = [("odata-version", "4.0"), ("x-ms-resource-unit", str(units))]
    return Reply(200, body, headers, content_type)


def graph_error(
    call: Call, status: int, code: str, message: str, headers: Headers | None = None
) -> Reply:
    """Graph's reply with an error; the ids in its body and its headers are the same."""
    request_id = str(uuid4())
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": client_request_id(call) or request_id,
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return Reply(status, msgspec.json.encode(body), [("request-id", request_id), *(headers or [])])


def client_request_id(call: Call) -> str:
    """The id that the caller gave to its request, if it is a UUID."""
    given = call.headers.get("client-request-id", "")
    try:
        return str(UUID(given))
    except ValueError:
        return ""


def usual_headers(call: Call, reply: Reply) -> Headers:
    """The headers of every reply of the login endpoint or of Graph."""
    common = [("strict-transport-security", "max-age=31536000")]
    if not call.path.startswith("/v1.0/"):
        cache = ("cache-control", "no-store, no-cache")
        trace = next((value for name, value in reply.headers if name == "x-ms-request-id"), "")
        ids = [] if trace else [("x-ms-request-id", str(uuid4()))]
        server = ("x-ms-ests-server", "2.1.18105.6 - NCUS ProdSlices")
        return [*common, cache, server, ("x-content-type-options", "nosniff"), *ids]
    given = next((value for name, value in reply.headers if name == "request-id"), "")
    request_id = given or str(uuid4())
    ids = [] if given else [("request-id", request_id)]
    ids.append(("client-request-id", client_request_id(call) or request_id))
    return [*common, ("cache-control", "no-cache"), ("vary", "Accept-Encoding"), *ids]
