"""OpenID Connect Discovery 1.0: the provider says what it can do, at the address where clients of OpenID Connect look.

https://openid.net/specs/openid-connect-discovery-1_0.html

It is the same metadata as that of the authorization server: what the specifications registered.
"""

from __future__ import annotations

from authlib.oauth2.rfc8414 import get_well_known_url

from ...clients.origins import ANY
from ...settings import Settings
from ..metadata_document import MetadataDocument
from ..server import AuthorizationServer

#: After the whole issuer, its path included (section 4).
WELL_KNOWN = "/.well-known/openid-configuration"


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None:
        return  # without ID tokens this is no OpenID provider
    document = MetadataDocument(server)
    # Below an issuer with a path; and before that path, where clients look who began with RFC 8414 (its section 5).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer, suffix="openid-configuration"))):
        server.register_address(path, "show_openid_configuration", {"GET": document}, cors=ANY)
