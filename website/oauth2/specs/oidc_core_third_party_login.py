"""Third-party-initiated login (OpenID Connect Core 1.0, section 4): this server sends a person to a client to log in.

https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin

A client with an ``initiate_login_uri`` can be opened from the home page and the connected apps page: this URL gets the
issuer as a parameter, and starts an authorization request.
"""

from __future__ import annotations

from ...clients import Client
from ...clients.field_checks import browser_url
from ...redirect_uris import with_query
from ...settings import Settings
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_scopes",)

FIELD = "initiate_login_uri"


def login_address(client: Client, issuer: str) -> str | None:
    """Return the URL for starting a login to a client, or ``None`` if it has none."""
    address = client.metadata.get(FIELD)
    if address is None:
        return None
    return with_query(address, {"iss": issuer})


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_login_address(login_address)
    server.registry.add_client_field(FIELD, browser_url)
