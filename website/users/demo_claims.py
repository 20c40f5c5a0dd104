"""The made-up names and email addresses of the demo's accounts, computed and never stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from ..claims import CLAIMS, MAX_EMAIL_CHARACTERS, email_key

#: Reserved for examples (:rfc:`2606#section-3`): no message reaches anybody.
DOMAIN = "example.org"
_PLAIN = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*\Z")


def demo_claims(
    claims: Mapping[str, Any],
    username: str,
    user_id: str,
    holder_of: Callable[[str], str | None],
    wanted_names: Container[str],
) -> dict[str, Any]:
    """Return the missing claims for applications that require a name and a verified address.

    ``claims`` are the account's own; ``holder_of`` returns the id of the account that has an address, which is only
    looked up if an address is wanted.
    """
    face: dict[str, Any] = {} if "name" in claims else {"name": username}
    if "email" not in claims and ("email" in wanted_names or "email_verified" in wanted_names):
        # The second one can't be another account's first one, as plain names have no plus sign.
        addresses = (_address_of(username), f"user+{user_id}@{DOMAIN}")
        free = next((address for address in addresses if address and holder_of(email_key(address)) is None), None)
        if free is not None:
            face |= {"email": free, "email_verified": True}
    return face


def _address_of(username: str) -> str | None:
    """Return the address for a username: the username itself if it is one, or one at the example domain."""
    name = email_key(username)
    if _PLAIN.match(name) and len(name) <= MAX_EMAIL_CHARACTERS - len(DOMAIN) - 1:
        return f"{name}@{DOMAIN}"
    is_address = len(name) <= MAX_EMAIL_CHARACTERS and CLAIMS["email"].is_right(name)
    return name if is_address and not name.endswith(f"@{DOMAIN}") else None
