"""An MCP server built with the official SDK. It introspects each access token at the provider (RFC 7662)."""

from __future__ import annotations

import os

import requests
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

ISSUER, ADDRESS = os.environ["ISSUER"], os.environ["ADDRESS"]
CREDENTIALS = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]


class Introspection:
    """Verifies tokens at the provider's introspection endpoint."""

    async def verify_token(self, token: str) -> AccessToken | None:
        answer = requests.post(f"{ISSUER}/oauth/introspect", data={"token": token}, auth=CREDENTIALS, timeout=10).json()
        if not answer["active"]:
            return None
        return AccessToken(
            token=token, client_id=answer["client_id"], scopes=answer["scope"].split(), expires_at=answer["exp"]
        )


server = MCPServer(
    "Notes",
    token_verifier=Introspection(),
    auth=AuthSettings(
        issuer_url=ISSUER, resource_server_url=ADDRESS, required_scopes=["profile"], validate_token_resource=False
    ),
)


@server.tool()
def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


app = server.streamable_http_app(json_response=True, stateless_http=True)
