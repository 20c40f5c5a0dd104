"""The protector of an MCP server built with the official Python SDK.

    protector = Protector(issuer="https://id.example.org", resource="https://mcp.example.org/mcp", scopes=[...])
    server = MCPServer("Notes", token_verifier=ProtectorTokenVerifier(protector), auth=AuthSettings(
        issuer_url=protector.issuer, resource_server_url=protector.resource, validate_token_resource=True))
    app = ProtectedTools(server.streamable_http_app(), protector, "notes.read", tools={"add_note": ["notes.write"]})

The SDK checks a token before it reads the message, so it can't say which scope a tool needs. :class:`ProtectedTools`
does, and its challenges have the scopes, which clients request next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp.server.auth.provider import AccessToken

from .asgi import ASGIApp, ProtectedApp, Receive, Scope, current_token
from .protector import Protector
from .refusals import InvalidTokenError, MalformedRequestError
from .requirement import Requirement
from .resource_metadata import normal_form
from .verified_token import VerifiedToken

#: What the SDK accepts by default.
MAX_BODY_BYTES = 4 * 1024 * 1024


class ProtectorTokenVerifier:
    """The ``token_verifier`` of an ``MCPServer``."""

    def __init__(self, protector: Protector) -> None:
        self._protector = protector

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return a valid token as the SDK knows it, or ``None``."""
        verified = current_token.get(None)  # by ProtectedTools in front
        if verified is None or verified.text != token:
            try:
                verified = await self._protector.check_async(f"Bearer {token}")
            except (InvalidTokenError, MalformedRequestError):
                return None
        own = normal_form(self._protector.resource)
        return AccessToken(
            token=token,
            client_id=verified.client_id,
            scopes=list(verified.scopes),
            expires_at=verified.expires_at,
            resource=next((value for value in verified.audience if normal_form(value) == own), None),
            subject=verified.subject,
            claims=dict(verified.claims),
        )


class ProtectedTools(ProtectedApp):
    """An MCP server's application: every request needs a token with all these scopes, and some tools need more.

    ``tools`` has the further scopes by the name of the tool. A call without them is answered 403 with a challenge, and
    the client asks its user for them.
    """

    def __init__(self, app: ASGIApp, protector: Protector, *scopes: str, tools: Mapping[str, Sequence[str]]) -> None:
        super().__init__(app, protector, *scopes)
        self._tools = {name: Requirement((*scopes, *more)) for name, more in tools.items()}

    async def check_further(self, scope: Scope, receive: Receive, token: VerifiedToken) -> Receive:
        if scope["type"] != "http" or scope["method"] != "POST":
            return receive
        body = await _read_body(receive)
        for name in _called_tools(body):
            self.protector.require(token, self._tools.get(name, Requirement()))
        return _replay(body, receive)


async def _read_body(receive: Receive) -> bytes:
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect" or len(body) > MAX_BODY_BYTES:
            raise MalformedRequestError("The message is too large or incomplete.")
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replaying() -> Any:
        return next(messages, None) or await receive()

    return replaying


def _called_tools(body: bytes) -> Iterator[str]:
    """Yield the tools that a message calls, or the messages of a batch.

    Raises :class:`.refusals.MalformedRequestError` for what the SDK might read differently.
    """
    try:
        read = json.loads(body.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise MalformedRequestError("The message is not valid UTF-8 JSON.") from None
    for message in read if isinstance(read, list) else [read]:
        if isinstance(message, dict) and message.get("method") == "tools/call":
            parameters = message.get("params")
            yield str(parameters.get("name")) if isinstance(parameters, dict) else ""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("duplicate name")
    return members
