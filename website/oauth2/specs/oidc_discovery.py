"""OpenID Connect Discovery 1.0: the provider's metadata at the URL that OpenID Connect clients use.

https://openid.net/specs/openid-connect-discovery-1_0.html

The metadata is the same as the authorization server's: everything that specifications registered.
"""

from __future__ import annotations

from authlib.oauth2.rfc8414 import get_well_known_url

from ...settings import Settings
from ..endpoint_addresses import ANY
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

#: After the whole issuer, including its path (section 4).
WELL_KNOWN = "/.well-known/openid-configuration"


def register(server: AuthorizationServer, settings: Settings) -> None:
    # After an issuer's path, and also before it, for clients that follow RFC 8414 (section 5).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer, suffix="openid-configuration"))):
        server.registry.add_address(path, "show_openid_configuration", {"GET": server.metadata.show}, cors=ANY)
