"""Owns the arithmetic of response types: values joined by spaces, in any order (:rfc:`6749#section-3.1.1`)."""

from __future__ import annotations

from collections.abc import Iterable

#: The values by which a token comes through the browser.
IN_BROWSER = frozenset(("token", "id_token"))


def is_among(response_type: str | None, known: Iterable[str]) -> bool:
    """Tell whether a response type is a known one, in whatever order its values stand."""
    wanted = sorted((response_type or "").split())
    return any(wanted == sorted(one.split()) for one in known)


def comes_in_browser(response_type: str | None) -> bool:
    """Tell whether a response type brings a token through the browser."""
    return not IN_BROWSER.isdisjoint((response_type or "").split())


def grants_of(response_type: str) -> set[str]:
    """Return the grant types that a response type needs (OpenID Connect Dynamic Client Registration 1.0, section 2).

    With ``code`` it takes a code, with ``token`` or ``id_token`` it is implicit; OpenID Connect combines values.
    """
    code = {"authorization_code"} if "code" in response_type.split() else set()
    return code | ({"implicit"} if comes_in_browser(response_type) else set())
