"""Logging in with a passkey alone: the options for the page's script, and the answer, posted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request

from ...database import StaleLoginError
from ...sessions.assurance import passkey_proof
from ...users.login_throttle import TooManyTriesError
from ...users.passkey_options import request_options
from ...users.passkey_verification import PasskeyError
from ..browser.pending_request_cookie import keep_browser_id
from ..current.authorization_server import authorization_server
from .login_page import render_login_page
from .passkey_challenge import LOGIN, new_challenge, read_challenge
from .passkey_place import required_party
from .passkey_problems import NOT_ACCEPTED, TOO_LATE, problem_of, too_many_tries
from .pending_login import complete_login

bp = Blueprint("passkey_login", __name__)
bp.after_request(keep_browser_id)


@bp.get("/login/passkey/options")
def show_options() -> Any:
    """Return the options for asking a browser for any passkey of this server: the same for everybody."""
    challenge, sealed = new_challenge(LOGIN)
    return jsonify(options=request_options(required_party(), challenge), challenge=sealed)


@bp.post("/login/passkey")
def log_in_with_passkey() -> Any:
    """Log in whom a passkey names, and go on to where they came for."""
    party = required_party()
    read = read_challenge(request.form.get("challenge", ""), LOGIN)
    if read is None:
        return render_login_page(passkey_problem=TOO_LATE), 422
    passkeys = authorization_server().accounts.passkey_login
    try:
        proved = passkeys.authenticate(request.form.get("credential", ""), read[0], party)
        return complete_login(proved.account, passkey_proof(proved))
    except PasskeyError as error:
        return render_login_page(passkey_problem=problem_of(error.reason)), 422
    except StaleLoginError:
        return render_login_page(passkey_problem=NOT_ACCEPTED), 422
    except TooManyTriesError as error:
        page = render_login_page(passkey_problem=too_many_tries(error))
        return page, 429, {"Retry-After": str(error.wait_seconds)}
