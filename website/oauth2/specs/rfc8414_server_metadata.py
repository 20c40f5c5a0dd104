"""Authorization server metadata (:rfc:`8414`): a description of the server's capabilities.

https://www.rfc-editor.org/rfc/rfc8414

It contains what the specifications registered, so it can't promise disabled features.
"""

from __future__ import annotations

from authlib.oauth2.rfc8414 import get_well_known_url

from ...settings import Settings
from ..endpoint_addresses import ANY
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

WELL_KNOWN = "/.well-known/oauth-authorization-server"


def register(server: AuthorizationServer, settings: Settings) -> None:
    # For an issuer with a path, the well-known part comes before the path (RFC 8414, section 3.1).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer))):
        server.registry.add_address(path, "show_server_metadata", {"GET": server.metadata.show}, cors=ANY)
