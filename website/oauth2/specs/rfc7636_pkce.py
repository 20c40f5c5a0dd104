"""Proof key for code exchange (:rfc:`7636`): only the client instance that started a flow can finish it.

https://www.rfc-editor.org/rfc/rfc7636

Only S256; a missing method is an error, not ``plain``. By default required, except for confidential OpenID Connect
clients that send a nonce (:rfc:`9700#section-2.1.1`). A missing challenge is already an error at the authorization
endpoint, before a person is involved.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ...clients import Client
from ...scopes import OPENID, split
from ...settings import Settings
from ..requests import OAuth2Request
from ..response_type_interface import BoundCode
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

S256 = "S256"
UNLESS_NONCE = "unless_nonce"
REQUIRED = "Missing 'code_challenge': this server requires PKCE with S256."
REQUIRED_UNLESS_NONCE = (
    "Missing 'code_challenge': use PKCE with S256, or OpenID Connect with the scope openid and a 'nonce'."
)
#: An S256 challenge is a SHA-256 in base64url.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}\Z")


class S256CodeChallenge:
    """Binds a code to its challenge, and checks the verifier on redemption."""

    def __init__(self, required_for: str) -> None:
        self._required_for = required_for

    def bind(self, request: OAuth2Request) -> Mapping[str, str | None]:
        """Check the authorization request (:rfc:`7636#section-4.4.1`); return what is stored with the code."""
        fields = request.payload.data
        challenge, method = fields.get("code_challenge"), fields.get("code_challenge_method")
        if challenge is None and method is None:
            self._check_may_do_without(request)
            return {}
        if challenge is None:
            raise InvalidRequestError("Missing 'code_challenge'.")
        if method != S256:
            raise InvalidRequestError("The code_challenge_method must be S256.")
        if not _S256_CHALLENGE.match(challenge):
            raise InvalidRequestError("The code_challenge must be a SHA-256 in base64url.")
        return {"code_challenge": challenge, "code_challenge_method": method}

    def _check_may_do_without(self, request: OAuth2Request) -> None:
        client: Client = request.client
        if request.is_for_device:
            return  # nothing passes through a browser: the device code stays on the device
        # Another program on the computer may listen on that port, and must not be able to use the code.
        if client.uses_free_port(request.redirect_uri):
            raise InvalidRequestError(REQUIRED)
        if self.may_rely_on_nonce(client):
            if "nonce" not in request.payload.data or OPENID not in split(request.scope):
                raise InvalidRequestError(REQUIRED_UNLESS_NONCE)
        elif self.is_required_of(client):
            raise InvalidRequestError(REQUIRED)

    def is_required_of(self, client: Client) -> bool:
        if client.pkce_required is not None:
            return client.pkce_required or client.is_public
        return self._required_for != "public" or client.is_public

    def may_rely_on_nonce(self, client: Client) -> bool:
        """Tell whether a nonce is enough; the code stores it, and the ID token returns it to the client."""
        return self._required_for == UNLESS_NONCE and client.may_rely_on_nonce

    def find_refusal(self, request: OAuth2Request, code: BoundCode) -> OAuth2Error | None:
        """Check the token request (:rfc:`7636#section-4.6`), including downgrades in either direction."""
        verifier = request.payload.data.get("code_verifier")
        if code.code_challenge is None:
            if verifier is None:
                return None
            return InvalidGrantError("There is a code_verifier, but the authorization request had no code_challenge.")
        if verifier is None:
            return InvalidGrantError("Missing 'code_verifier'.")
        if not _VERIFIER.match(verifier):
            return InvalidGrantError("The code_verifier is malformed.")
        if not hmac.compare_digest(create_s256_code_challenge(verifier), code.code_challenge):
            return InvalidGrantError("The code_verifier does not match the code_challenge.")
        return None


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_authorization_parameters("code_challenge", "code_challenge_method")
    server.registry.add_code_binding(S256CodeChallenge(settings.pkce_required_for))
    server.registry.add_metadata(code_challenge_methods_supported=[S256])
