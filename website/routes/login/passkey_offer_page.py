"""The page that offers to add a passkey, on the way from the login to where the person came for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from ...users.passkey_verification import PasskeyError
from ..browser.next_page import requested_next
from ..browser.pending_request_cookie import keep_browser_id
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login
from .new_recovery_codes import show_codes_once
from .passkey_adding import add_created_passkey
from .passkey_place import find_party, let_page_use_passkeys
from .passkey_problems import problem_of
from .recent_login import recent_login_required
from .second_factor_person import changing_person

bp = Blueprint("offered_passkey", __name__)
bp.after_request(keep_browser_id)


@bp.get("/login/passkey/offer")
@recent_login_required
def show_offer() -> Any:
    """Offer to add a passkey, where one can be added."""
    return _render() if find_party() is not None else redirect(_destination(), 303)


@bp.post("/login/passkey/offer")
@recent_login_required
def add_passkey() -> Any:
    """Add the passkey that the browser has created, and go on."""
    try:
        _passkey, codes = add_created_passkey(changing_person())
    except PasskeyError as error:
        return _render(problem_of(error.reason)), 422
    flash(_("Passkey added. You can log in with it from now on."))
    return show_codes_once(codes, _destination())


@bp.post("/login/passkey/offer/decline")
@recent_login_required
def decline_passkey() -> Any:
    """Go on, and never offer a passkey to this person again."""
    authorization_server().accounts.passkeys.decline_offer(int(current_login().user_id))
    return redirect(_destination(), 303)


def _render(problem: str = "") -> str:
    let_page_use_passkeys()
    return render_template(
        "passkey_offer.html", problem=problem, destination=_destination(), here={"next": requested_next()}
    )


def _destination() -> str:
    return requested_next() or url_for("home.show_home")
