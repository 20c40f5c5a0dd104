"""JWTs for one client: signed and encrypted as it registered.

Signed with our key, or with its secret if it registered that (OpenID Connect Core 1.0, section 10.1), and optionally
encrypted to its own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from joserfc.jwk import Key

from ..clients import Client
from ..clients.client_jwks import KEY_FIELDS
from ..clients.field_checks import FieldCheck, one_of
from ..keys.jwe import CONTENT_ALGORITHMS, DEFAULT_CONTENT_ALGORITHM, KEY_ALGORITHMS, encrypt
from ..keys.jws import BY_SECRET, sign_by_secret
from ..settings import Settings
from .server import AuthorizationServer

#: The default algorithm (OpenID Connect Dynamic Client Registration 1.0, section 2).
DEFAULT_ALGORITHM = "RS256"


class ClientJWTs:
    """Writes one kind of JWT, such as ``id_token``, which is also the prefix of its registration fields."""

    def __init__(self, server: AuthorizationServer, settings: Settings, kind: str) -> None:
        self._server = server
        self._kind = kind
        own = settings.signing_algorithms
        self.algorithms = (*own, *BY_SECRET)
        self._usual = DEFAULT_ALGORITHM if DEFAULT_ALGORITHM in own else own[0]
        self.signed_field = f"{kind}_signed_response_alg"
        self._alg_field, self._enc_field = f"{kind}_encrypted_response_alg", f"{kind}_encrypted_response_enc"

    def algorithm_for(self, client: Client) -> str:
        """Return the signature algorithm for a client's JWTs."""
        registered = client.metadata.get(self.signed_field)
        return registered if registered in self.algorithms else self._usual

    def is_wanted_by(self, client: Client) -> bool:
        """Tell whether a client registered for JWTs of this kind."""
        return self.signed_field in client.metadata

    def write(self, client: Client, claims: dict[str, Any], typ: str | None = None) -> str:
        """Return the claims as a JWT in the client's registered form; ``typ`` is for the header.

        Raises ``InvalidRequestError`` if it has no key for that.
        """
        algorithm = self.algorithm_for(client)
        signed = (
            sign_by_secret(claims, self._secret_of(client), algorithm, typ)
            if algorithm in BY_SECRET
            else self._server.keys.sign(typ, claims, algorithm)
        )
        chosen = client.metadata.get(self._alg_field)
        if chosen is None:
            return signed
        content_algorithm = client.metadata.get(self._enc_field, DEFAULT_CONTENT_ALGORITHM)
        return encrypt(signed, self._key_of(client, chosen), chosen, content_algorithm)

    def check_client(self, client: Client) -> None:
        """Raise ``InvalidRequestError`` if :meth:`write` would. It may fetch keys too."""
        if self.algorithm_for(client) in BY_SECRET:
            self._secret_of(client)
        chosen = client.metadata.get(self._alg_field)
        if chosen is not None:
            self._key_of(client, chosen)

    def _key_of(self, client: Client, key_algorithm: str) -> Key:
        key = self._server.clients.keys.find_encryption_key(client, key_algorithm)
        if key is None:
            raise InvalidRequestError("The client has no key for encrypting its JWTs.")
        return key

    def _secret_of(self, client: Client) -> Key:
        secret = self._server.clients.keys.newest_secret(client)
        if secret is None:
            raise InvalidRequestError("The client has no secret for signing: it needs a new one.")
        return secret

    @property
    def fields(self) -> dict[str, FieldCheck]:
        """The registration fields, each with its check."""
        return {
            **KEY_FIELDS,
            self.signed_field: self._check_algorithm,
            self._alg_field: self._check_key_algorithm,
            self._enc_field: self._check_content_algorithm,
        }

    @property
    def metadata(self) -> dict[str, list[str]]:
        """The values for discovery."""
        return {
            f"{self._kind}_signing_alg_values_supported": list(self.algorithms),
            f"{self._kind}_encryption_alg_values_supported": list(KEY_ALGORITHMS),
            f"{self._kind}_encryption_enc_values_supported": list(CONTENT_ALGORITHMS),
        }

    def _check_algorithm(self, value: Any, metadata: Mapping[str, Any]) -> str:
        problem = one_of(self.algorithms)(value, metadata)
        if problem:
            return problem
        if value in BY_SECRET and metadata.get("token_endpoint_auth_method") in ("none", "private_key_jwt"):
            return "A client without a secret can't verify this: choose another algorithm."
        return ""

    def _check_key_algorithm(self, value: Any, metadata: Mapping[str, Any]) -> str:
        problem = one_of(KEY_ALGORITHMS)(value, metadata)
        if problem:
            return problem
        if self._kind == "userinfo" and self.signed_field not in metadata:
            return f"Encryption requires a signature: register {self.signed_field}."
        has_key = self._server.clients.keys.may_have_encryption_key(metadata, value)
        return "" if has_key else "The client has no key for this algorithm."

    def _check_content_algorithm(self, value: Any, metadata: Mapping[str, Any]) -> str:
        if self._alg_field not in metadata:
            return f"It requires {self._alg_field}."
        return one_of(CONTENT_ALGORITHMS)(value, metadata)
