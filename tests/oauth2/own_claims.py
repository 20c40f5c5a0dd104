"""Claims such as an application of one's own adds: one of people, one of clients, one that is a list."""

from __future__ import annotations

from typing import Any


def department_of(token: Any) -> str | None:
    """Answer for people only, and only where the client may know."""
    if token.user is None or "photos" not in token.scope.split():
        return None
    return f"department of {token.user.username}"


def register(server: Any, settings: Any) -> None:
    server.registry.add_token_claim("department", department_of)
    server.registry.add_token_claim("client_title", lambda token: token.client.client_name)
    server.registry.add_token_claim("roles", lambda token: ["reader", "writer"])
