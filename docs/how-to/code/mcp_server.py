"""An MCP server built with the official SDK, protected with access tokens."""

from __future__ import annotations

import os

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from grantwright.resource_server import Protector
from grantwright.resource_server.mcp import ProtectedTools, ProtectorTokenVerifier

protector = Protector(
    issuer=os.environ["ISSUER"],
    resource=os.environ["RESOURCE"],
    scopes=["notes.read", "notes.write"],
    credentials=(os.environ["API_CLIENT_ID"], os.environ["API_CLIENT_SECRET"]),
    introspects_jwts=True,
)
server = MCPServer(
    "Notes",
    token_verifier=ProtectorTokenVerifier(protector),
    auth=AuthSettings(
        issuer_url=protector.issuer, resource_server_url=protector.resource, validate_token_resource=True
    ),
)


@server.tool()
def list_notes() -> str:
    """Read the user's notes."""
    token = get_access_token()
    if token is None or token.subject is None:  # the client acts for itself
        raise ToolError("Only users have notes.")
    return f"Buy ribbon, for {token.subject}"


@server.tool()
def add_note(text: str) -> str:
    """Write a note."""
    return f"Noted: {text}"


app = ProtectedTools(
    server.streamable_http_app(json_response=True, stateless_http=True),
    protector,
    "notes.read",
    tools={"add_note": ["notes.write"]},
)
