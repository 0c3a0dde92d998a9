"""Access to Graph: access tokens, and the permissions of their applications."""

from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.login import Login
from opensense_okta.simulator.entra.messages import DENIED, graph_error
from opensense_okta.simulator.messages import Call, RefusedError

_AUTHORITY = (
    'authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)
CHALLENGE = f'Bearer realm="", {_AUTHORITY}'

NO_DOTS = (
    "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE "
    "Compact Serialization Format. (JWS): 'EncodedHeader.EndcodedPayload.EncodedSignature'. (JWE): "
    "'EncodedProtectedHeader.EncodedEncryptedKey.EncodedInitializationVector.EncodedCiphertext."
    "EncodedAuthenticationTag'."
)
EXPIRED = "Lifetime validation failed, the token is expired."
UNREADABLE = "CompactToken parsing failed with error code: 80049217"


class Access:
    """Checks the Authorization header of every call.

    Attributes:
        endpoint: The login endpoint, which grants access tokens.
    """

    def __init__(self, endpoint: Login) -> None:
        self.endpoint = endpoint

    def caller(self, call: Call) -> App:
        """The application that calls.

        Raises:
            RefusedError: Its token is missing or not valid, or Graph does not know the application.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(call, "Access token is empty.")
        if "." not in token:
            raise _unauthorized(call, NO_DOTS)
        grant = self.endpoint.grant_of(token)
        if not grant:
            known = self.endpoint.was_granted(token)
            raise _unauthorized(call, EXPIRED if known else UNREADABLE)
        # The registration may have changed since the token was granted.
        app = self.endpoint.apps.get(grant.app.id, grant.app)
        if not app.known_to_graph:
            message = "The identity of the calling application could not be established."
            raise RefusedError(graph_error(call, 401, "Authorization_IdentityNotFound", message))
        return app

    def reader(self, call: Call, kind: str) -> App:
        """The application that calls, if it may read objects of a kind.

        Raises:
            RefusedError: It may not read them.
        """
        app = self.caller(call)
        if not app.may_read(kind):
            raise RefusedError(graph_error(call, 403, "Authorization_RequestDenied", DENIED))
        return app


def _unauthorized(call: Call, message: str) -> RefusedError:
    headers = [("www-authenticate", CHALLENGE)]
    return RefusedError(graph_error(call, 401, "InvalidAuthenticationToken", message, headers))
