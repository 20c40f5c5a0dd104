"""The server metadata, derived from the registered specifications, and its document."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from ..clients.metadata import Offered
from ..redirect_uris import RedirectRules
from ..users.claims_by_scope import UserClaims
from .endpoint_addresses import OPEN_TO_ANY
from .errors import Response, json_response
from .registry import Registry
from .requests import OAuth2Request

HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "public, max-age=300"), OPEN_TO_ANY)


class ServerMetadata:
    """The metadata of one server (:rfc:`8414#section-2`, OpenID Connect Discovery 1.0, section 3)."""

    def __init__(self, registry: Registry, user_claims: UserClaims, redirect_rules: RedirectRules) -> None:
        self._registry = registry
        self._user_claims = user_claims
        self._redirect_rules = redirect_rules
        self.describe = lru_cache(maxsize=16)(self._describe)
        self._write = lru_cache(maxsize=16)(self._write_for)

    def show(self, request: OAuth2Request) -> Response:
        """Return the metadata for the request's issuer, cached per issuer."""
        return self._write(request.issuer)

    def _write_for(self, issuer: str) -> Response:
        return Response(200, HEADERS, json_response(200, self.describe(issuer)).body)

    def _describe(self, issuer: str) -> dict[str, Any]:
        """Return the metadata for an issuer, without unreachable values. Cached as ``describe``."""
        described = self.list_registered(issuer)
        described["grant_types_supported"] = list(self.offered.grant_types)
        if "authorization_endpoint" not in self._registry.named_addresses:
            described.pop("response_types_supported", None)
            described.pop("response_modes_supported", None)
        if "claims_supported" in described:
            # Custom ones, added by modules that register after ours.
            own = self._user_claims.supported_own(self._registry.scopes)
            described["claims_supported"] = list(dict.fromkeys((*described["claims_supported"], *own)))
        return described

    def list_registered(self, issuer: str) -> dict[str, Any]:
        """Return everything that specifications registered, for an issuer."""
        registry = self._registry
        addresses = {name: issuer + path for name, path in registry.named_addresses.items()}
        scopes = {"scopes_supported": list(registry.scopes)} if registry.scopes else {}
        return {
            "issuer": issuer, **addresses, **scopes, **registry.default_metadata, **registry.metadata,
            **self._client_authentication,
        }  # fmt: skip

    @property
    def _client_authentication(self) -> dict[str, list[str]]:
        """The client authentication methods of each endpoint that requires authentication."""
        added = self._registry.client_authentication
        names = [name for method in added for name in method.names]
        algorithms = [name for method in added for name in method.signing_algorithms]
        described = {}
        for address, built_in in self._registry.authenticating.items():
            described[f"{address}_auth_methods_supported"] = [*built_in, *names]
            if algorithms:
                described[f"{address}_auth_signing_alg_values_supported"] = algorithms
        return described

    @cached_property
    def offered(self) -> Offered:
        """The choices for clients, from the enabled specifications with a reachable endpoint."""
        registry = self._registry
        unreachable = set()
        grant_types, response_types = (
            registry.metadata.get(f"{name}_types_supported", []) for name in ("grant", "response")
        )
        if "authorization_endpoint" not in registry.named_addresses:
            unreachable |= {"authorization_code", "implicit"}
            response_types = []
        if "token_endpoint" not in registry.named_addresses:
            unreachable |= set(grant_types) - {"implicit"}
        return Offered(
            grant_types=tuple(name for name in grant_types if name not in unreachable),
            response_types=tuple(response_types),
            auth_methods=tuple(self._client_authentication.get("token_endpoint_auth_methods_supported", ("none",))),
            scopes=tuple(registry.scopes),
            known_scopes=tuple(registry.scopes),
            fields=registry.client_fields,
            redirect_rules=self._redirect_rules,
        )
