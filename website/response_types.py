"""Comparing and classifying response types: values joined by spaces, in any order (:rfc:`6749#section-3.1.1`)."""

from __future__ import annotations

from collections.abc import Iterable

#: The values that return a token through the browser.
IN_BROWSER = frozenset(("token", "id_token"))


def is_among(response_type: str | None, response_types: Iterable[str]) -> bool:
    """Tell whether a response type is among known ones, regardless of the order of its values."""
    values = sorted((response_type or "").split())
    return any(values == sorted(one.split()) for one in response_types)


def comes_in_browser(response_type: str | None) -> bool:
    """Tell whether a response type returns a token through the browser."""
    return not IN_BROWSER.isdisjoint((response_type or "").split())


def grants_of(response_type: str) -> set[str]:
    """Return the grant types that a response type requires (OpenID Connect Dynamic Client Registration 1.0, section 2).

    ``code`` requires the authorization code grant, ``token`` and ``id_token`` the implicit grant; OpenID Connect
    combines values.
    """
    code = {"authorization_code"} if "code" in response_type.split() else set()
    return code | ({"implicit"} if comes_in_browser(response_type) else set())
