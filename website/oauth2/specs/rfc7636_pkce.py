"""Proof key for code exchange (:rfc:`7636`): only who began a flow can finish it.

https://www.rfc-editor.org/rfc/rfc7636

S256 only; a missing method is an error, not ``plain``. By default required of every client but a confidential one of
OpenID Connect that sends a nonce (:rfc:`9700#section-2.1.1`). It is asked for at the authorization endpoint already, so
that a client learns of it before a person is asked.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from ...clients import Client
from ...grants.codes import AuthorizationCode
from ...scopes import OPENID, split
from ...settings import Settings
from ..server import AuthorizationServer

S256 = "S256"
UNLESS_NONCE = "unless_nonce"
REQUIRED = "Missing 'code_challenge': this server requires PKCE with S256."
REQUIRED_UNLESS_NONCE = (
    "Missing 'code_challenge': use PKCE with S256, or OpenID Connect with the scope openid and a 'nonce'."
)
#: The base64url of a SHA-256, and nothing else, is an S256 challenge.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")


class S256CodeChallenge(CodeChallenge):
    """Binds a code to its challenge, and its redemption to the verifier."""

    def __init__(self, required_for: str) -> None:
        super().__init__(required=True)
        self._required_for = required_for

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Judge the authorization request (:rfc:`7636#section-4.4.1`)."""
        fields = grant.request.payload.data
        challenge, method = fields.get("code_challenge"), fields.get("code_challenge_method")
        if challenge is None and method is None:
            client = grant.request.client
            # Another program of the machine may listen on another port: it must have no use for the code.
            if client.uses_free_port(redirect_uri):
                raise InvalidRequestError(REQUIRED)
            if self.may_rely_on_nonce(client):
                if "nonce" not in fields or OPENID not in split(grant.request.scope):
                    raise InvalidRequestError(REQUIRED_UNLESS_NONCE)
            elif self.is_required_of(client):
                raise InvalidRequestError(REQUIRED)
            return
        if challenge is None:
            raise InvalidRequestError("Missing 'code_challenge'.")
        if method != S256:
            raise InvalidRequestError("The code_challenge_method must be S256.")
        if not _S256_CHALLENGE.match(challenge):
            raise InvalidRequestError("The code_challenge is not the base64url of a SHA-256.")
        grant.code_challenge, grant.code_challenge_method = challenge, method

    def is_required_of(self, client: Client) -> bool:
        if client.pkce_required is not None:
            return client.pkce_required or client.is_public
        return self._required_for != "public" or client.is_public

    def may_rely_on_nonce(self, client: Client) -> bool:
        """Tell whether a nonce does instead; the code keeps it, and the ID token brings it back to the client."""
        return self._required_for == UNLESS_NONCE and client.may_rely_on_nonce

    def validate_code_verifier(self, grant: Any, result: None) -> None:
        """Judge the token request (:rfc:`7636#section-4.6`), a downgrade in either direction included."""
        code: AuthorizationCode = grant.request.authorization_code
        verifier = grant.request.payload.data.get("code_verifier")
        if code.code_challenge is None:
            if verifier is not None:
                raise InvalidGrantError("There is a code_verifier, but the request began without a code_challenge.")
            return
        if verifier is None:
            raise InvalidGrantError("Missing 'code_verifier'.")
        if not _VERIFIER.match(verifier):
            raise InvalidGrantError("The code_verifier is malformed.")
        if not hmac.compare_digest(create_s256_code_challenge(verifier), code.code_challenge):
            raise InvalidGrantError("The code_verifier does not match the code_challenge.")


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.authorization_parameters |= {"code_challenge", "code_challenge_method"}
    server.extend_grant("authorization_code", S256CodeChallenge(settings.pkce_required_for))
    server.add_metadata(code_challenge_methods_supported=[S256])
