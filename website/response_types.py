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


def going_with(grant_types: Iterable[str], offered: Iterable[str], is_public: bool) -> list[str]:
    """Return the offered response types that go with grant types, which is what a client registers by default.

    Authorization code: ``code``; implicit: ``token``, ``id_token``, and both; both grants: all seven. ``token`` alone
    is for clients without a secret: a confidential one with both grants does without it.
    """
    chosen = set(grant_types)
    going = [kind for kind in offered if grants_of(kind) and grants_of(kind) <= chosen]
    return going if is_public or "authorization_code" not in chosen else [kind for kind in going if kind != "token"]


def after_change(
    former: Iterable[str], grant_types: Iterable[str], offered: Iterable[str], is_public: bool
) -> list[str]:
    """Return the response types of a client whose grant types change: the former ones that still go with them.

    A grant type that none of those uses brings those that go with it.
    """
    chosen = set(grant_types)
    kept = [kind for kind in former if grants_of(kind) <= chosen]
    used = {grant_type for kind in kept for grant_type in grants_of(kind)}
    more = [kind for kind in going_with(chosen, offered, is_public) if not grants_of(kind) <= used]
    return list(dict.fromkeys([*kept, *more]))
