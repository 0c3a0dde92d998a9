"""Access to the API: SSWS tokens, and access tokens from the org's token endpoint."""

from collections.abc import Iterable, Mapping

from opensense_okta.simulator.messages import Call, Headers, Reply
from opensense_okta.simulator.okta.messages import error
from opensense_okta.simulator.okta.oauth import (
    ALGORITHMS,
    ApiNonces,
    Grant,
    ProofError,
    TokenEndpoint,
    token_hash,
)

Problem = tuple[int, str, str]
"""A status, an OAuth error code, and Okta's message."""


class Access:
    """Checks the Authorization header of every call.

    Attributes:
        tokens: The valid SSWS tokens; may be changed.
        endpoint: The endpoint that grants access tokens.
        nonces: The nonces that the API demands; None if it demands none.
    """

    def __init__(
        self, tokens: Iterable[str], endpoint: TokenEndpoint, nonces: ApiNonces | None = None
    ) -> None:
        self.tokens = set(tokens)
        self.endpoint = endpoint
        self.nonces = nonces

    def refuse(self, call: Call, scope: str) -> Reply | None:
        """The reply to a caller without access, or None if the call is allowed."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme in ("Bearer", "DPoP"):
            return self._refuse_access_token(call, scheme, token, scope)
        # Okta's Python SDK writes no space.
        if scheme[:4] == "SSWS" and (token or scheme[4:]) in self.tokens:
            return None
        return error("E0000011", headers=[("www-authenticate", "SSWS")])

    def nonce_headers(self) -> Headers:
        """The header with which an answer of the API gives the next nonce."""
        return [("dpop-nonce", self.nonces.next())] if self.nonces else []

    def _refuse_access_token(self, call: Call, scheme: str, token: str, scope: str) -> Reply | None:
        grant = self.endpoint.grant_of(token)
        problem = self._problem(call, scheme, token, scope, grant)
        if problem:
            return _challenge(call, scheme, scope, problem)
        if grant and not grant.client.has_role:
            return Reply(200, b"[]", [("link", f'<{call.base_url}{call.target}>; rel="self"')])
        return None

    def _problem(
        self, call: Call, scheme: str, token: str, scope: str, grant: Grant | None
    ) -> Problem | None:
        """The problem of a call with an access token, if there is one."""
        if not grant:
            return 401, "invalid_token", "The access token is invalid or has expired."
        if scheme == "Bearer" and grant.thumbprint:
            return 400, "invalid_request", "The resource request requires a DPoP proof."
        if scheme == "DPoP" and not grant.thumbprint:
            return 401, "invalid_token", "The presented access_token is not DPoP bound."
        if scheme == "DPoP" and (problem := self._problem_of_proof(call, token, grant)):
            return problem
        if scope not in grant.scopes:
            message = "The access token provided does not contain the required scopes."
            return 403, "insufficient_scope", message
        return None

    def _problem_of_proof(self, call: Call, token: str, grant: Grant) -> Problem | None:
        try:
            claims = self._check_proof(call, token, grant)
        except ProofError as error:
            return 400, "invalid_dpop_proof", str(error)
        if self.nonces and not self.nonces.accept(claims.get("nonce")):
            return 401, "use_dpop_nonce", "Resource server requires nonce in DPoP proof"
        return None

    def _check_proof(self, call: Call, token: str, grant: Grant) -> Mapping[str, object]:
        proof, url = call.headers.get("dpop"), f"{call.base_url}{call.path}"
        thumbprint, claims = self.endpoint.proofs.check(proof, call.method, url)
        if claims.get("ath") != token_hash(token):
            raise ProofError(
                "'ath' claim in the DPoP proof does not match the presented access_token."
            )
        if thumbprint != grant.thumbprint:
            raise ProofError("The access_token is not bound to the provided DPoP proof.")
        return claims


def _challenge(call: Call, scheme: str, scope: str, problem: Problem) -> Reply:
    """An empty reply, with the reason in its WWW-Authenticate header."""
    status, code, message = problem
    parts = {
        "authorization_uri": f"{call.base_url}/oauth2/v1/authorize",
        "realm": call.base_url,
        "scope": scope,
        "error": code,
        "error_description": message,
        "resource": call.path,
    }
    if scheme == "DPoP":
        parts = {"algs": " ".join(ALGORITHMS), **parts}
    challenge = ", ".join(f'{name}="{value}"' for name, value in parts.items())
    return Reply(status, b"", [("www-authenticate", f"{scheme} {challenge}")])
