"""Adding a passkey in the middle of a login that needs a second factor, where there is none yet."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, url_for
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...sessions.assurance import added_passkey_proof
from ...users.factor_changes import FactorExistsError
from ...users.passkey_verification import PasskeyError
from ..browser.next_page import requested_next
from ..browser.pending_request_cookie import keep_browser_id
from ..current.authorization_server import authorization_server
from ..language.translations import translate
from .known_browser import remember_browser
from .new_recovery_codes import show_codes_once
from .passkey_adding import add_created_passkey, new_creation
from .passkey_problems import problem_of
from .pending_login import begin_login
from .second_factor_person import AskedPerson, destination, find_asked_person, send_back

bp = Blueprint("first_passkey", __name__)
bp.after_request(keep_browser_id)


@bp.get("/login/second_factor/set_up/passkey/options")
def show_options() -> Any:
    """Return the options for creating a passkey, to somebody between the two factors who has no second one."""
    person = _find_person() or abort(403)
    if authorization_server().accounts.second_factors.find(person.account.id).has_any:
        abort(403)
    return jsonify(new_creation(person.account))


@bp.post("/login/second_factor/set_up/passkey")
def add_passkey() -> Any:
    """Add the passkey that the browser has created, if the account has no second factor, and log the person in."""
    person = _find_person()
    if person is None:
        return send_back()
    try:
        passkey, codes = add_created_passkey(person)
        asked_next = begin_login(person.account, added_passkey_proof(passkey.is_backup_eligible, person.proof))
    except PasskeyError as error:
        flash(translate(problem_of(error.reason)))
        return redirect(url_for("authenticator_app.show_setup_at_login", next=requested_next()), 303)
    except (FactorExistsError, StaleLoginError):
        return send_back()
    flash(_("Passkey added. You can log in with it from now on."))
    answer = show_codes_once(codes, asked_next or destination())
    remember_browser(answer, person.account.id)
    return answer


def _find_person() -> AskedPerson | None:
    """Return who is in the middle of a login in this browser."""
    person = find_asked_person()
    return None if person is None or person.login is not None else person
