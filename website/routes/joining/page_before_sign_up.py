"""Where a person who signs up came for, kept in this browser's session until they open the link of the email."""

from __future__ import annotations

from flask import session

from ..browser.next_page import requested_next, safe_next

KEY = "sign_up_next"
#: The session's cookie has 4 KiB.
MAX_KEPT_CHARACTERS = 2000


def keep_page_before_sign_up() -> None:
    """Keep the ``next`` of this request."""
    next_page = requested_next()
    if next_page is not None and len(next_page) <= MAX_KEPT_CHARACTERS:
        session[KEY] = next_page


def page_before_sign_up() -> str | None:
    """Return where the person came for, if they open the link in the same browser."""
    return safe_next(session.get(KEY))
