"""Authorization server metadata (:rfc:`8414`): the server says what it can do.

https://www.rfc-editor.org/rfc/rfc8414

It is what the specifications registered, so it cannot promise what is switched off.
"""

from __future__ import annotations

from authlib.oauth2.rfc8414 import get_well_known_url

from ...clients.origins import ANY
from ...settings import Settings
from ..metadata_document import MetadataDocument
from ..server import AuthorizationServer

WELL_KNOWN = "/.well-known/oauth-authorization-server"


def register(server: AuthorizationServer, settings: Settings) -> None:
    document = MetadataDocument(server)
    # Under an issuer with a path, the well-known part stands before that path (RFC 8414, section 3.1).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer))):
        server.register_address(path, "show_server_metadata", {"GET": document}, cors=ANY)
