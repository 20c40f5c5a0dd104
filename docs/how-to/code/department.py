"""An extra claim: the user's department."""

from __future__ import annotations

from typing import Any

#: A real application would query its database by ``account.id`` or ``account.username``.
DEPARTMENTS = {"ada": "Engines", "grace": "Compilers"}


def department_of(account: Any) -> str | None:
    """For clients: UserInfo, and the ID tokens of clients that want claims there."""
    return DEPARTMENTS.get(account.username)


def department_in_token(token: Any) -> str | None:
    """For APIs: introspection responses and JWT access tokens."""
    if token.user is None or "profile" not in token.scope.split():
        return None  # a client's own token, or one without the scope
    return DEPARTMENTS.get(token.user.username)


def register(server: Any, settings: Any) -> None:
    server.registry.add_user_claim("department", department_of, scope="profile")
    server.registry.add_token_claim("department", department_in_token)
