"""One claim more: the department of whoever granted the token."""

from __future__ import annotations

from typing import Any

#: Where your own application would ask its database, by ``token.user.id`` or ``token.user.username``.
DEPARTMENTS = {"ada": "Engines", "grace": "Compilers"}


def department_of(token: Any) -> str | None:
    if token.user is None or "profile" not in token.scope.split():
        return None  # a client's own token, or one that may not know
    return DEPARTMENTS.get(token.user.username)


def register(server: Any, settings: Any) -> None:
    server.token_claims.add("department", department_of)
