"""Forms that were opened before a login or logout elsewhere: nothing is changed, and the person goes on."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, redirect, request, url_for

from ...grants.pending_requests import TRANSACTION, WAY_BACK
from ...translatable import N_
from ...users.usernames import username_key
from ..browser.csrf import comes_from_own_page
from ..browser.next_page import requested_next
from ..current.login_session import find_account, page_at, settle_login
from ..language.page_language import UI_LOCALES
from ..language.translations import translate
from ..login.login_page import render_login_page

PASSKEY_LOGIN = "passkey_login.log_in_with_passkey"
LOGIN, LOGOUT, DECISION = "login.log_user_in", "logout.log_user_out", "authorize.receive_authorization"
#: Forms behind a one-time link, with the page that shows them: its address has the link's token, without which there
#: is no form.
BEHIND_LINKS = {
    "set_password.set_new_password": "set_password.show_new_password_form",
    "join.join": "join.show_join",
    "email_address.confirm_address": "email_address.show_confirmation",
}
#: The fields of a decision that the address of its request has.
KEPT = (TRANSACTION, *WAY_BACK, UI_LOCALES)
LOG_IN_AGAIN = N_("The form expired. Log in again.")
FILL_IN_AGAIN = N_("The form expired and nothing was saved. Try again.")


def answer_stale_form() -> Any:
    """Answer a form whose token is another session's; ``None`` where it may not come from a page of ours.

    The login form never looks at the password: the token that would show who sends it is the wrong one. The log-out
    button leads to the question, a decision to its request, every other form to itself.
    """
    if not comes_from_own_page():
        return None
    if request.endpoint in (LOGIN, PASSKEY_LOGIN):
        return _answer_login()
    if request.endpoint == LOGOUT:
        return redirect(url_for("logout.show_logout"), 303)
    if request.endpoint == DECISION:
        parameters: dict[str, Any] = {name: request.form[name] for name in KEPT if request.form.get(name)}
        if TRANSACTION not in parameters:
            return None
        return redirect(url_for("authorize.show_authorization", **parameters), 303)
    if request.endpoint in BEHIND_LINKS:
        flash(translate(FILL_IN_AGAIN))
        token = request.form.get("token", "")
        return redirect(url_for(BEHIND_LINKS[request.endpoint], token=token, next=requested_next()), 303)
    page = page_at(request.path)
    query = request.query_string.decode("ascii", "replace") if page == request.path else ""
    flash(translate(FILL_IN_AGAIN))
    return redirect(f"{request.script_root}{page}" + (f"?{query}" if query else ""), 303)


def _answer_login() -> Any:
    """Let somebody who is logged in by now as the account that the form names go on; show the form to anybody else."""
    settle_login()
    account, username = find_account(), request.form.get("username", "")
    if account is not None and username_key(account.username) == username_key(username):
        return redirect(requested_next() or url_for("home.show_home"), 303)
    flash(translate(LOG_IN_AGAIN))
    return make_response(render_login_page(username), 422)
