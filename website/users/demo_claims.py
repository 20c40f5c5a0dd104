"""The made-up names and email addresses of the demo's accounts, computed and never stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..email_addresses import MAX_EMAIL_CHARACTERS, email_key
from ..standard_claims import CLAIMS

#: Reserved for examples (:rfc:`2606#section-3`): no message reaches anybody.
DOMAIN = "example.org"
EMAIL_CLAIMS = frozenset(("email", "email_verified"))
_PLAIN = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*\Z")


def demo_claims(
    wanted_names: Collection[str],
    username: str,
    user_id: str,
    claims: Mapping[str, Any],
    holder_of: Callable[[str], str | None],
) -> dict[str, Any]:
    """Return the wanted ones of the claims that are missing, for applications that require a name and an address.

    ``claims`` are the account's own, as far as they are wanted; ``holder_of`` returns the id of the account that has an
    address, which is only looked up if an address is wanted.
    """
    made_up: dict[str, Any] = {"name": username} if "name" in wanted_names and "name" not in claims else {}
    # An address of one's own is known by any of its two claims.
    if not EMAIL_CLAIMS.isdisjoint(wanted_names) and EMAIL_CLAIMS.isdisjoint(claims):
        # The second one can't be another account's first one, as plain names have no plus sign.
        addresses = (_address_of(username), f"user+{user_id}@{DOMAIN}")
        free = next((address for address in addresses if address and holder_of(email_key(address)) is None), None)
        if free is not None:
            found = {"email": free, "email_verified": True}
            made_up |= {claim: value for claim, value in found.items() if claim in wanted_names}
    return made_up


def _address_of(username: str) -> str | None:
    """Return the address for a username: the username itself if it is one, or one at the example domain."""
    name = email_key(username)
    if _PLAIN.match(name) and len(name) <= MAX_EMAIL_CHARACTERS - len(DOMAIN) - 1:
        return f"{name}@{DOMAIN}"
    is_address = len(name) <= MAX_EMAIL_CHARACTERS and CLAIMS["email"].is_right(name)
    return name if is_address and not name.endswith(f"@{DOMAIN}") else None
