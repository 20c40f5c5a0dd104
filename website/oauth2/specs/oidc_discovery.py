"""OpenID Connect Discovery 1.0: the provider's metadata at the URL that OpenID Connect clients use.

https://openid.net/specs/openid-connect-discovery-1_0.html

The metadata is the same as the authorization server's: everything that specifications registered.
"""

from __future__ import annotations

from authlib.oauth2.rfc8414 import get_well_known_url

from ...clients.origins import ANY
from ...settings import Settings
from ..metadata_document import MetadataDocument
from ..server import AuthorizationServer

#: After the whole issuer, including its path (section 4).
WELL_KNOWN = "/.well-known/openid-configuration"


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None:
        return  # without ID tokens this isn't an OpenID provider
    document = MetadataDocument(server)
    # After an issuer's path, and also before it, for clients that follow RFC 8414 (section 5).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer, suffix="openid-configuration"))):
        server.register_address(path, "show_openid_configuration", {"GET": document}, cors=ANY)
