"""An MCP server with three tools, whose users allow clients to call them at Grantwright."""

from __future__ import annotations

import os
from collections import defaultdict

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from starlette.middleware.cors import CORSMiddleware

from grantwright.resource_server import Protector
from grantwright.resource_server.mcp import ProtectedTools, ProtectorTokenVerifier

#: The API's own client, to introspect tokens. Without it, a revoked token works until it expires.
CLIENT_ID, CLIENT_SECRET = os.environ.get("CLIENT_ID", ""), os.environ.get("CLIENT_SECRET", "")

protector = Protector(
    issuer=os.environ.get("ISSUER", "http://127.0.0.1:5000"),
    resource=os.environ.get("RESOURCE", "http://127.0.0.1:5006/mcp"),
    name="Notes",
    scopes=["notes.read", "notes.write"],
    credentials=(CLIENT_ID, CLIENT_SECRET) if CLIENT_ID else None,
    introspects_jwts=bool(CLIENT_ID),
)
server = MCPServer(
    "Notes",
    token_verifier=ProtectorTokenVerifier(protector),
    auth=AuthSettings(
        issuer_url=protector.issuer, resource_server_url=protector.resource, validate_token_resource=True
    ),
)
#: By the user's subject. They're gone when the program ends.
notes: defaultdict[str, list[str]] = defaultdict(list)


def current_user() -> str:
    """Return whose notes the present call is about: the scope says what a client may do, but not whose data it gets."""
    token = get_access_token()
    if token is None or token.subject is None:
        raise ToolError("These notes belong to users. A client that acts for itself has none.")
    return token.subject


@server.tool()
def list_notes() -> str:
    """Read all notes."""
    return "\n".join(notes[current_user()]) or "There are no notes."


@server.tool()
def find_notes(word: str) -> str:
    """Read the notes that have a word in them."""
    return "\n".join(note for note in notes[current_user()] if word in note) or "There are no such notes."


@server.tool()
def add_note(text: str) -> str:
    """Write a note."""
    notes[current_user()].append(text)
    return f"Noted: {text}"


# Every call needs the first scope, and this tool one more. A client asks its user for it when it first calls the tool.
protected = ProtectedTools(
    server.streamable_http_app(json_response=True, stateless_http=True),
    protector,
    "notes.read",
    tools={"add_note": ["notes.write"]},
)
# For clients in a browser, such as the MCP Inspector.
app = CORSMiddleware(
    protected,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "DELETE"],
    allow_headers=["*"],
    expose_headers=["WWW-Authenticate", "Mcp-Session-Id"],
)
