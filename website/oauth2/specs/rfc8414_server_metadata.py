"""Authorization server metadata (:rfc:`8414`): a description of the server's capabilities.

https://www.rfc-editor.org/rfc/rfc8414

It contains what the specifications registered, so it can't promise disabled features.
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
    # For an issuer with a path, the well-known part comes before the path (RFC 8414, section 3.1).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer))):
        server.register_address(path, "show_server_metadata", {"GET": document}, cors=ANY)
