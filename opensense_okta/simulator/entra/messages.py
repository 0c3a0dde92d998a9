"""Graph's and the login endpoint's replies: success, errors, and the headers of each."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply

ODATA = (
    "application/json;odata.metadata=minimal;odata.streaming=true;"
    "IEEE754Compatible=false;charset=utf-8"
)
"""The content type of Graph's replies (docs/entra-api.md, "Errors")."""

NOT_FOUND = (
    "Resource '{}' does not exist or one of its queried reference-property objects are not present."
)
DENIED = "Insufficient privileges to complete the operation."

LOGIN_JSON = "application/json; charset=utf-8"
"""The content type of the login endpoint's replies."""

LOGIN_ERRORS: dict[int, tuple[int, str]] = {
    7000215: (401, "invalid_client"),
    7000222: (401, "invalid_client"),
    7000216: (401, "invalid_client"),
    700016: (400, "unauthorized_client"),
    700021: (401, "invalid_client"),
    700024: (401, "invalid_client"),
    700027: (401, "invalid_client"),
    50012: (401, "invalid_client"),
    50027: (401, "invalid_client"),
    90002: (400, "invalid_request"),
    900023: (400, "invalid_request"),
    900144: (400, "invalid_request"),
    9001023: (400, "invalid_request"),
    70003: (400, "unsupported_grant_type"),
    70011: (400, "invalid_scope"),
    500011: (400, "invalid_resource"),
}
"""HTTP status and `error` of the login endpoint's AADSTS codes, as recorded or documented
(docs/entra-api.md, "Token endpoint errors")."""

LOGIN_MESSAGES: dict[int, str] = {
    7000215: "Invalid client secret provided. Ensure the secret being sent in the request is "
    "the client secret value, not the client secret ID, for a secret added to app '{}'.",
    7000222: "The provided client secret keys for app '{}' are expired. Visit the Azure portal "
    "to create new keys for your app: https://aka.ms/NewClientSecret, or consider "
    "using certificate credentials for added security: https://aka.ms/certCreds.",
    7000216: "'client_assertion', 'client_secret' or 'request' is required for the "
    "'client_credentials' grant type.",
    700016: "Application with identifier '{}' was not found in the directory 'Acme'. This can "
    "happen if the application has not been installed by the administrator of the "
    "tenant or consented to by any user in the tenant. You may have sent your "
    "authentication request to the wrong tenant.",
    700021: "Client assertion application identifier doesn't match 'client_id' parameter.",
    700024: "Client assertion is not within its valid time range. Current time: {}.",
    700027: "The certificate with identifier used to sign the client assertion is not "
    "registered on application. [Reason - {}]",
    50012: "Client assertion audience claim does not match Realm issuer.",
    50027: "Invalid JWT token. {}",
    90002: "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are "
    "signing into the correct cloud. Check with your subscription administrator, this "
    "may happen if there are no active subscriptions for the tenant.",
    900023: "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid "
    "external domain.",
    900144: "The request body must contain the following parameter: '{}'.",
    9001023: "The grant type is not supported over the /common or /consumers endpoints. Please "
    "use the /organizations or tenant-specific endpoint.",
    70003: "The app requested an unsupported grant type '{}'.",
    70011: "The provided value for the input parameter 'scope' is not valid. The scope {} is "
    "not valid.",
    500011: "The resource principal named {} was not found in the tenant named Acme. This can "
    "happen if the application has not been installed by the administrator of the "
    "tenant or consented to by any user in the tenant. You might have sent your "
    "authentication request to the wrong tenant.",
}
"""The messages of these codes, as recorded or else as documented."""


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


def login_error(code: int, about: str = "") -> RefusedError:
    """The login endpoint's reply with an error, as recorded (token_7000215_invalid_secret and others)."""
    status, error = LOGIN_ERRORS[code]
    trace, correlation = str(uuid4()), str(uuid4())
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    body = {
        "error": error,
        "error_description": f"AADSTS{code}: {LOGIN_MESSAGES[code].format(about)} {ids}",
        "error_codes": [code],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return RefusedError(
        Reply(status, msgspec.json.encode(body), [("x-ms-request-id", trace)], LOGIN_JSON)
    )
