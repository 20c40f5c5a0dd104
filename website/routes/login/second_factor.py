"""The page that asks for a second factor: in the middle of a login, or in a login session that has to be stepped up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...sessions.assurance import ONE_TIME_CODE, PASSKEY_ALONE, meets
from ...translatable import N_
from ...users.login_throttle import TooManyTriesError
from ..browser.next_page import leads_to_authorization, requested_next
from ..browser.security_headers import let_forms_end_at_client
from ..current.authorization_server import authorization_server
from ..current.login_session import login_page
from ..presentation.durations import write_wait
from .known_browser import known_browser
from .login_page import client_of
from .passkey_place import address_with_passkeys, has_passkeys, let_page_use_passkeys
from .second_factor_person import WANTED, AskedPerson, destination, find_asked_person, finish, send_back

CODE, RECOVERY_CODE = "code", "recovery_code"
bp = Blueprint("second_factor", __name__)


@bp.get("/login/second_factor")
def show_second_factor() -> Any:
    """Ask for the second factor."""
    person = find_asked_person()
    if person is None:
        return send_back()
    if person.login is not None and meets(person.login.acr, request.args[WANTED]):
        return redirect(destination(), 303)  # shown in another tab, say
    return _render(person)


@bp.post("/login/second_factor")
def receive_code() -> Any:
    """Take a code of the authenticator app or a recovery code, and finish the login or step it up."""
    person = find_asked_person()
    if person is None:
        return send_back()
    field = RECOVERY_CODE if RECOVERY_CODE in request.form else CODE
    factors, browser = authorization_server().accounts.second_factors, known_browser(person.account.id)
    check = factors.use_recovery_code if field == RECOVERY_CODE else factors.show_code
    try:
        is_right = check(person.account, request.form.get(field, ""), browser)
    except TooManyTriesError as error:
        problem = _("Too many wrong codes. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))
        answer = _render(person, {field: problem}, 429)
        answer.headers["Retry-After"] = str(error.wait_seconds)
        return answer
    if is_right:
        return finish(person, ONE_TIME_CODE)
    wrong = N_("Wrong or used recovery code.") if field == RECOVERY_CODE else N_("Wrong code. Enter the current one.")
    return _render(person, {field: wrong}, 422)


def _render(person: AskedPerson, problems: dict[str, str] | None = None, status: int = 200) -> Any:
    factors = authorization_server().accounts.second_factors.find(person.account.id)
    next_page = requested_next()
    here: dict[str, Any] = {"next": next_page, WANTED: request.args.get(WANTED)}
    wants_passkey = person.login is not None and here[WANTED] == PASSKEY_ALONE
    if wants_passkey and not factors.passkeys and has_passkeys():  # one is added, and then used here
        return redirect(url_for("passkeys.list_passkeys", next=request.full_path), 303)
    if not factors.has_any:
        return redirect(url_for("authenticator_app.show_setup_at_login", **here), 303)
    client = client_of(next_page) if person.login else None
    if leads_to_authorization(next_page):
        let_forms_end_at_client()
    page = render_template(
        "second_factor.html",
        username=person.account.username,
        factors=factors,
        problems=problems or {},
        here=here,
        wants_passkey=wants_passkey,
        client_name=client.client_name if client else "",
        is_logged_in=person.login is not None,
        takes_passkeys=bool(factors.passkeys) and let_page_use_passkeys(),
        page_with_passkeys=address_with_passkeys() if factors.passkeys and request.method == "GET" else None,
        other_account=login_page(destination(), again=True),
    )
    return make_response(page, status)
