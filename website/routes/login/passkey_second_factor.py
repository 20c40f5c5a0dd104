"""A passkey as the second factor: in the middle of a login, or to step one up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, request, url_for

from ...database import StaleLoginError
from ...sessions.assurance import PASSKEY_ALONE, passkey_proof
from ...users.login_throttle import TooManyTriesError
from ...users.passkey_options import PREFERRED, REQUIRED, request_options
from ...users.passkey_verification import PasskeyError
from ..browser.next_page import requested_next
from ..browser.pending_request_cookie import keep_browser_id
from ..current.authorization_server import authorization_server
from ..current.login_session import step_up_login
from ..language.translations import translate
from .passkey_challenge import SECOND_FACTOR, new_challenge, read_challenge
from .passkey_place import required_party
from .passkey_problems import TOO_LATE, problem_of, too_many_tries
from .pending_login import complete_login
from .second_factor_person import WANTED, AskedPerson, destination, find_asked_person, send_back

bp = Blueprint("passkey_second_factor", __name__)
bp.after_request(keep_browser_id)


@bp.get("/login/second_factor/passkey/options")
def show_options() -> Any:
    """Return the options for asking the browser for one of the account's passkeys.

    They name its passkeys, but only to somebody who has shown the first factor.
    """
    person = find_asked_person() or abort(403)
    challenge, sealed = new_challenge(SECOND_FACTOR, person.account.id)
    passkeys = authorization_server().accounts.passkeys.list_of(int(person.account.id))
    wanted = REQUIRED if _has_to_verify() else PREFERRED
    options = request_options(required_party(), challenge, passkeys, wanted)
    return jsonify(options=options, challenge=sealed)


@bp.post("/login/second_factor/passkey")
def receive_passkey() -> Any:
    """Take the answer of a passkey, and finish the login or step it up."""
    person, party = find_asked_person(), required_party()
    if person is None:
        return send_back()
    read = read_challenge(request.form.get("challenge", ""), SECOND_FACTOR)
    if read is None or read[1] != [person.account.id]:
        return _ask_again(TOO_LATE)
    try:
        proved = authorization_server().accounts.passkey_login.authenticate(
            request.form.get("credential", ""),
            read[0],
            party,
            requires_verification=_has_to_verify(),
            user_id=int(person.account.id),
        )
    except PasskeyError as error:
        return _ask_again(problem_of(error.reason))
    except TooManyTriesError as error:
        return _ask_again(too_many_tries(error))
    return _finish(person, proved)


def _finish(person: AskedPerson, proved: Any) -> Any:
    try:
        if person.login is None:
            return complete_login(person.account, passkey_proof(proved, person.proof))
        # A passkey that has verified its user is a whole login: it renews the one that is there and rests on itself.
        if proved.is_user_verified:
            return complete_login(proved.account, passkey_proof(proved))
        step_up_login(person.login, passkey_proof(proved, person.proof))
        return redirect(destination(), 303)
    except StaleLoginError:
        return send_back()


def _has_to_verify() -> bool:
    """Tell whether a passkey is asked for that verifies its user."""
    return request.args.get(WANTED) == PASSKEY_ALONE


def _ask_again(problem: str) -> Any:
    flash(translate(problem))
    here: dict[str, Any] = {"next": requested_next(), WANTED: request.args.get(WANTED)}
    return redirect(url_for("second_factor.show_second_factor", **here), 303)
