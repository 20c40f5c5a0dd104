"""The protector in front of an ASGI application, such as one of Starlette: every request needs a token.

app = ProtectedApp(app, Protector(issuer="https://id.example.org", resource="https://api.example.org"), "notes.read")
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from .protector import Protector
from .refusals import RefusalError
from .requirement import Requirement
from .resource_metadata import HEADERS
from .verified_token import VerifiedToken

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
POLICY_VIOLATION = 1008
#: The token of the present request.
current_token: ContextVar[VerifiedToken] = ContextVar("current_token")


class ProtectedApp:
    """An application whose every request needs a token with all these scopes; it's in ``current_token``.

    The API's metadata is served in front of it. Put middleware that answers for everybody, such as CORS, outside.
    """

    def __init__(self, app: ASGIApp, protector: Protector, *scopes: str) -> None:
        self.protector = protector
        self._app = app
        self._requirement = Requirement(scopes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in self.protector.metadata.paths:
            await send_metadata(self.protector, scope["method"], send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            token = await self.protector.check_async(authorization_of(scope), self._requirement)
            receive = await self.check_further(scope, receive, token)
        except RefusalError as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            else:
                await send_json(send, refusal.status, refusal.headers, refusal.body)
            return
        reset = current_token.set(token)
        try:
            await self._app(scope, receive, send)
        finally:
            current_token.reset(reset)

    async def check_further(self, scope: Scope, receive: Receive, token: VerifiedToken) -> Receive:
        """Raise :class:`RefusalError` for a request with a valid token, or return what the application receives.

        For subclasses.
        """
        return receive


def authorization_of(scope: Scope) -> str | None:
    """Return the ``Authorization`` header of a request; several are joined, and thus refused."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"]
    return ", ".join(found) or None


async def send_metadata(protector: Protector, method: str, send: Send) -> None:
    """Respond with the API's metadata, or to a browser that asks whether a script may read it."""
    if method == "OPTIONS":
        await send_json(send, 204, HEADERS, None)
    elif method == "GET":
        await send_json(send, 200, HEADERS, protector.metadata.document)
    else:
        await send_json(send, 405, {"Allow": "GET, OPTIONS"}, {"error": "method_not_allowed"})


async def send_json(send: Send, status: int, headers: dict[str, str], body: dict[str, Any] | None) -> None:
    """Send a response."""
    content = b"" if body is None else json.dumps(body).encode()
    written = {**headers, **({} if body is None else {"Content-Type": "application/json"})}
    written |= {} if body is None else {"Content-Length": str(len(content))}
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in written.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
