"""The metadata documents of MCP clients, written down as their vendors publish them in November 2026.

Those of Codex, Copilot CLI and Zed have the members that are known of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class PublishedDocument(NamedTuple):
    """A document, and the redirect URI that its client uses."""

    content: str
    redirect_uri: str
    caching: str = ""


CODE = '"grant_types":["authorization_code","refresh_token"],"response_types":["code"]'
DOCUMENTS: dict[str, PublishedDocument] = {
    "Claude": PublishedDocument(
        '{"client_id":"https://claude.ai/oauth/mcp-oauth-client-metadata","client_name":"Claude",'
        '"client_uri":"https://claude.ai","redirect_uris":["https://claude.ai/api/mcp/auth_callback"],'
        '"grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:jwt-bearer"],'
        '"response_types":["code"],"token_endpoint_auth_method":"none"}',
        "https://claude.ai/api/mcp/auth_callback",
    ),
    "Claude Code": PublishedDocument(
        '{"client_id":"https://claude.ai/oauth/claude-code-client-metadata","client_name":"Claude Code",'
        '"client_uri":"https://claude.ai","redirect_uris":["http://localhost/callback","http://127.0.0.1/callback"],'
        + CODE
        + ',"token_endpoint_auth_method":"none"}',
        "http://localhost:54213/callback",
    ),
    "ChatGPT": PublishedDocument(
        '{"client_id":"https://chatgpt.com/oauth/client.json","client_uri":"https://chatgpt.com/",'
        '"redirect_uris":["https://chatgpt.com/connector_platform_oauth_redirect"],'
        '"token_endpoint_auth_method":"private_key_jwt",'
        '"token_endpoint_auth_methods_supported":["none","private_key_jwt"],'
        + CODE
        + ',"client_name":"ChatGPT","logo_uri":"https://persistent.oaistatic.com/sonic/misc/openai-logo.png",'
        '"token_endpoint_auth_signing_alg":"RS256","jwks_uri":"https://chatgpt.com/oauth/jwks.json"}',
        "https://chatgpt.com/connector_platform_oauth_redirect",
    ),
    "Codex": PublishedDocument(
        '{"client_id":"https://chatgpt.com/oauth/codex/client.json","client_name":"Codex",'
        '"client_uri":"https://chatgpt.com/","application_type":"native",'
        '"redirect_uris":["http://127.0.0.1/callback","http://localhost/callback"],'
        + CODE
        + ',"token_endpoint_auth_method":"none"}',
        "http://127.0.0.1:5555/callback",
    ),
    "VS Code": PublishedDocument(
        '{"client_name":"Visual Studio Code",'
        '"logo_uri":"https://code.visualstudio.com/assets/branding/code-stable.png",'
        '"grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],'
        '"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"native",'
        '"client_id":"https://vscode.dev/oauth/client-metadata.json","client_uri":"https://vscode.dev/product",'
        '"redirect_uris":["http://127.0.0.1:33418/","https://vscode.dev/redirect"]}',
        "http://127.0.0.1:41207/",
    ),
    "Copilot CLI": PublishedDocument(
        '{"client_id":"https://github.com/copilot/cli/client-metadata.json","client_name":"GitHub Copilot CLI",'
        '"client_uri":"https://github.com/features/copilot/cli","redirect_uris":["http://127.0.0.1:33418/"],'
        + CODE
        + ',"token_endpoint_auth_method":"none","application_type":"native"}',
        "http://127.0.0.1:60001/",
    ),
    "Zed": PublishedDocument(
        '{"client_id":"https://zed.dev/oauth/client-metadata.json","client_name":"Zed","client_uri":"https://zed.dev",'
        '"redirect_uris":["http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"],'
        '"response_types":["code"],"token_endpoint_auth_method":"none","scope":"mcp:*"}',
        "http://127.0.0.1:49152/callback",
    ),
    "opencode": PublishedDocument(
        '{\n  "client_id": "https://opencode.ai/oauth/opencode/client.json",\n  "client_name": "opencode",\n'
        '  "client_uri": "https://opencode.ai",\n  "logo_uri": "https://opencode.ai/web-app-manifest-512x512.png",\n'
        '  "application_type": "native",\n'
        '  "redirect_uris": [\n    "http://127.0.0.1/callback",\n    "http://localhost/callback"\n  ],\n'
        '  "grant_types": [\n    "authorization_code",\n    "refresh_token"\n  ],\n'
        '  "response_types": [\n    "code"\n  ],\n'
        '  "token_endpoint_auth_method": "none",\n  "token_endpoint_auth_methods_supported": [\n    "none"\n  ]\n}',
        "http://localhost:19876/callback",
        "public, max-age=3600, s-maxage=86400, stale-while-revalidate=86400, stale-if-error=604800",
    ),
}
HOSTS = ("claude.ai", "chatgpt.com", "vscode.dev", "github.com", "zed.dev", "opencode.ai")


def headers_of(document: PublishedDocument) -> dict[str, Any]:
    """Return the headers that it is served with."""
    caching = {"Cache-Control": document.caching} if document.caching else {}
    return {"Content-Type": "application/json", **caching}
