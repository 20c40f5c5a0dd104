"""Setting up an authenticator app: on one's account page, or in the middle of a login that needs a second factor."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...sessions.assurance import ONE_TIME_CODE
from ...translatable import N_
from ...users.factor_changes import FactorExistsError, LastFactorError, WrongCodeError
from ...users.totp import otpauth_uri, write_secret
from ..browser.next_page import leads_to_authorization, requested_next
from ..browser.security_headers import let_forms_end_at_client
from ..current.authorization_server import authorization_server
from ..current.login_session import step_up_login
from ..login.known_browser import remember_browser
from ..login.login_page import address_without_page, client_of
from ..login.new_recovery_codes import show_codes_once
from ..login.passkey_place import has_passkeys, let_page_use_passkeys
from ..login.pending_login import begin_login
from ..login.recent_login import recent_login_required
from ..login.second_factor_person import AskedPerson, changing_person, find_asked_person, logged_in_person, send_back
from ..presentation.qr_code import draw_qr_code

#: The field with the new secret: sealed, so that it is stored nowhere until a code confirms it.
SETUP, CODE = "setup", "code"
WRONG = N_("Wrong code. Enter the one that your app shows now.")
EXPIRED = N_("That took too long. Add the account to your app again, and enter its code.")
bp = Blueprint("authenticator_app", __name__)


@bp.get("/account/authenticator_app")
@recent_login_required
def show_setup() -> Any:
    """Show a new secret, to be put into an app; or how to remove the app that is there."""
    person = logged_in_person()
    factors = authorization_server().accounts.second_factors.find(person.account.id)
    if not factors.has_totp:
        return _render(person)
    has_passkey = factors.passkeys > 0 and has_passkeys()
    return render_template("authenticator_app_on.html", factors=factors, has_passkey=has_passkey)


@bp.post("/account/authenticator_app")
@recent_login_required
def set_up() -> Any:
    """Set the app up, once it shows a right code."""
    return _set_up(changing_person())


@bp.post("/account/authenticator_app/remove")
@recent_login_required
def remove() -> Any:
    """Remove the app: the password alone is asked for from now on, unless there is another factor."""
    person = changing_person()
    try:
        authorization_server().accounts.second_factors.remove_totp(person.account, person.login.session)
    except LastFactorError:
        flash(_("Your account needs a second factor. Add another one before you remove this one."))
    except StaleLoginError:
        return send_back()
    else:
        flash(_("The authenticator app was removed."))
    return redirect(url_for("account.show_account"), 303)


@bp.get("/login/second_factor/set_up")
def show_setup_at_login() -> Any:
    """Show a new secret to somebody who needs a second factor and has none, before they are logged in."""
    person = find_asked_person()
    if person is None:
        return send_back()
    if person.login is not None:
        return redirect(url_for("authenticator_app.show_setup", next=requested_next()), 303)
    return _render(person)


@bp.post("/login/second_factor/set_up")
def set_up_at_login() -> Any:
    """Set the app up, and log the person in."""
    person = find_asked_person()
    return send_back() if person is None or person.login is not None else _set_up(person)


def _set_up(person: AskedPerson) -> Any:
    account, factors = person.account, authorization_server().accounts.second_factors
    secret = factors.setups.open(account, request.form.get(SETUP, ""))
    if secret is None:
        return _render(person, {CODE: EXPIRED}, 422)
    try:
        login = person.login.session if person.login else None
        codes = factors.add_totp(account, secret, request.form.get(CODE, ""), login)
        proof = person.proof.with_second_factor(ONE_TIME_CODE)
        asked_next = ""
        if person.login is not None:
            step_up_login(person.login, proof)
        else:
            asked_next = begin_login(account, proof)
    except WrongCodeError:
        return _render(person, {CODE: WRONG}, 422, secret)
    except (FactorExistsError, StaleLoginError):
        return send_back()
    go_on = asked_next or requested_next() or url_for("account.show_account" if person.login else "home.show_home")
    if not codes:
        flash(_("Your authenticator app is set up."))
    answer = show_codes_once(codes, go_on)
    remember_browser(answer, account.id)
    return answer


def _render(
    person: AskedPerson, problems: dict[str, str] | None = None, status: int = 200, secret: bytes | None = None
) -> Any:
    server = authorization_server()
    factors, next_page = server.accounts.second_factors, requested_next()
    existing = factors.find(person.account.id)
    if person.login is not None and existing.has_totp:
        return redirect(url_for("account.show_account"), 303)
    if person.login is None and existing.has_any:  # it's shown instead: before the login, only a first one is set up
        return redirect(url_for("second_factor.show_second_factor", next=next_page), 303)
    # On the account page the choice is made already; in the middle of something else it's made here.
    takes_passkeys = (person.login is None or next_page is not None) and let_page_use_passkeys()
    if leads_to_authorization(next_page):
        let_forms_end_at_client()
    client = client_of(next_page) if person.login else None
    secret, setup = factors.setups.seal(person.account, secret)
    uri = otpauth_uri(secret, person.account.username, server.settings.display_name)
    page = render_template(
        "authenticator_app.html",
        person=person,
        problems=problems or {},
        setup=setup,
        secret=write_secret(secret),
        uri=uri,
        qr_code=draw_qr_code(uri, _("QR code for an authenticator app")),
        here={"next": next_page},
        takes_passkeys=takes_passkeys,
        client_name=client.client_name if client else "",
        back_to_client=address_without_page(next_page) if client else None,
    )
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer
