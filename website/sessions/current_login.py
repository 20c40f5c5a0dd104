"""A login session as requests see it: who is logged in."""

from __future__ import annotations

from typing import NamedTuple


class CurrentLoginSession(NamedTuple):
    """Who is logged in, and since when."""

    session: str
    subject: str
    user_id: str
    auth_time: int
    #: The hash of the cookie's value, which changes with every authentication.
    token_hash: str
    #: Authentication context class and methods (OpenID Connect Core 1.0, section 2), if known.
    acr: str | None = None
    amr: tuple[str, ...] = ()
