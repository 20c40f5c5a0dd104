"""The offer to add a passkey, made once per browser and account after a login with a password."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import current_app, request, url_for
from itsdangerous import BadData
from werkzeug.wrappers import Response

from ...sessions.assurance import KNOWS_PASSWORD, Proof
from ...users import Account
from ..browser.next_page import leads_to_authorization, leads_to_device, requested_next
from ..browser.timed_signatures import TimedSerializer
from ..current.authorization_server import authorization_server
from .passkey_place import find_party, has_passkeys

COOKIE = "__Host-grantwright-offered"
MAX_AGE_SECONDS = 180 * 86400
MAX_ACCOUNTS = 10
#: The field of the login form in which its script says that the browser's device has passkeys itself.
FIELD = "has_passkeys"


def offer_address(account: Account, proof: Proof) -> str | None:
    """Return the address of the offer to somebody who has just logged in, if it's to be made now.

    It is never made in a client's flow, which would lose nothing by it but the person's attention.
    """
    if request.form.get(FIELD) != "1" or KNOWS_PASSWORD not in proof.amr or not has_passkeys() or find_party() is None:
        return None
    next_page = requested_next()
    if leads_to_authorization(next_page) or leads_to_device(next_page) or _digest(account) in _read():
        return None
    if not authorization_server().accounts.passkeys.is_to_be_offered(int(account.id)):
        return None
    return url_for("offered_passkey.show_offer", next=next_page)


def remember_offer(response: Response, account: Account) -> None:
    """Have the browser remember that the account was offered a passkey."""
    digests = [_digest(account), *_read()][:MAX_ACCOUNTS]
    response.set_cookie(
        COOKIE, _serializer().dumps(digests), MAX_AGE_SECONDS, path="/", secure=True, httponly=True, samesite="Lax"
    )


def _read() -> list[str]:
    try:
        digests: list[str] = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=MAX_AGE_SECONDS)
    except BadData:
        return []
    return digests


def _digest(account: Account) -> str:
    """Return an account's identifier in the cookie, which doesn't reveal who logs in here."""
    return hashlib.sha256(f"{current_app.config['SECRET_KEY']}:{account.id}".encode()).hexdigest()[:22]


def _serializer() -> Any:
    return TimedSerializer(current_app.config["SECRET_KEY"], salt="grantwright-passkey-offer")
