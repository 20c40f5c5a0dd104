"""A login that lacks its second factor, or a new password: kept in the signed cookie, and nobody is logged in by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import redirect, session, url_for
from werkzeug.wrappers import Response

from ... import clock
from ...sessions.assurance import IncompleteLoginError, NewPasswordNeededError, Proof, SecondFactorNeededError
from ...users import Account
from ..browser.next_page import requested_next
from ..current.authorization_server import authorization_server
from ..current.login_session import log_in
from .known_browser import known_browser, remember_browser
from .passkey_offer import offer_address, remember_offer

KEY = "pending_login"
#: How long a person may take to show the second factor, or to set one up.
PENDING_SECONDS = 600
#: Which page asks for what.
PAGES: Mapping[type[IncompleteLoginError], str] = {
    SecondFactorNeededError: "second_factor.show_second_factor",
    NewPasswordNeededError: "required_password.show_form",
}


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """Somebody who has shown the first factor."""

    #: With subject and epoch from then: a password changed meanwhile, or an end of the account, ends this too.
    account: Account
    proof: Proof


def complete_login(account: Account, proof: Proof, *, is_new: bool = False) -> Response:
    """Log in somebody who has proved who they are, and go on to ``next``; or ask before for what is missing.

    That is a second factor, or a new password. ``proof`` is how they proved it, and ``account`` has its epoch from
    before they did. ``is_new`` says that they have just created it: no email tells of a new device. Every way to log in
    ends here. Raises ``StaleLoginError`` if the account was changed or ended meanwhile.
    """
    address = begin_login(account, proof, is_new=is_new)
    if address:
        response = redirect(address, 303)
        if is_new:  # no email tells of it when the factor is set up
            remember_browser(response, account.id)
        return response
    offer = offer_address(account, proof)
    response = redirect(offer or requested_next() or url_for("home.show_home"), 303)
    remember_browser(response, account.id)
    if offer is not None:
        remember_offer(response, account)
    return response


def begin_login(account: Account, proof: Proof, *, is_new: bool = False) -> str:
    """Log in as :func:`complete_login` does; return the page that asks for what is missing, empty if nothing is.

    The caller remembers the browser with its response.
    """
    # In the demo anybody may be anybody.
    is_known = is_new or authorization_server().settings.demo or bool(known_browser(account.id))
    try:
        log_in(account, proof, is_new_device=not is_known)
    except IncompleteLoginError as incomplete:
        _keep(account, proof, incomplete)
        return url_for(PAGES[type(incomplete)], next=requested_next())
    return ""


def _keep(account: Account, proof: Proof, incomplete: IncompleteLoginError) -> None:
    """Keep who has proved who they are. A login of this browser goes on meanwhile."""
    shown_at = clock.now() if proof.auth_time is None else proof.auth_time
    who = account.id, incomplete.subject, incomplete.epoch
    session[KEY] = [*who, proof.acr, list(proof.amr), shown_at]


def find_pending_login() -> PendingLogin | None:
    """Return who has shown the first factor in this browser; ``None`` if nobody has, or too long ago."""
    kept: Any = session.get(KEY)
    if kept is None:
        return None
    user_id, subject, epoch, acr, amr, shown_at = kept
    account = authorization_server().users.find(user_id)
    if account is None or shown_at + PENDING_SECONDS <= clock.now():
        session.pop(KEY)
        return None
    return PendingLogin(replace(account, subject=subject, epoch=epoch), Proof(shown_at, acr, tuple(amr)))


def forget_pending_login() -> None:
    """Begin again with the first factor."""
    session.pop(KEY, None)
