"""The challenge that a passkey signs: in a signed text that the page sends back, bound to the browser and a purpose.

Nothing is stored for it: only an answered challenge is, so that it isn't answered twice.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from flask import current_app
from itsdangerous import BadData

from ... import base64url
from ...users.passkey_options import CHALLENGE_SECONDS
from ..browser.pending_request_cookie import browser_id
from ..browser.timed_signatures import TimedSerializer

#: What a challenge is for; one for another purpose, or of another account, isn't accepted.
LOGIN, SECOND_FACTOR, ADD = "login", "second_factor", "add"
CHALLENGE_BYTES = 32


def new_challenge(purpose: str, *facts: Any) -> tuple[bytes, str]:
    """Return a new challenge, and the text to send back with the answer. The browser's cookie has to come with it.

    ``facts`` are what has to be the same when the answer comes, such as the account.
    """
    challenge = os.urandom(CHALLENGE_BYTES)
    return challenge, _serializer().dumps([base64url.encode(challenge), purpose, _browser(), *facts])


def read_challenge(text: str, purpose: str) -> tuple[bytes, list[Any]] | None:
    """Return a challenge and its facts; ``None`` if it is too old, for another purpose, or another browser's."""
    try:
        encoded, its_purpose, browser, *facts = _serializer().loads(text, max_age=CHALLENGE_SECONDS)
    except BadData:
        return None
    challenge = base64url.decode(encoded)
    return (challenge, facts) if challenge and (its_purpose, browser) == (purpose, _browser()) else None


def _browser() -> str:
    """Return the browser's name as a hash: the text is on a page, which scripts can read, and the cookie isn't."""
    return hashlib.sha256(browser_id().encode()).hexdigest()[:32]


def _serializer() -> Any:
    return TimedSerializer(current_app.config["SECRET_KEY"], salt="grantwright-passkey")
