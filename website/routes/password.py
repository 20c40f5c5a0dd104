"""The page by which one changes one's own password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ..database import StaleLoginError
from ..models.user import User
from ..sessions import CurrentLoginSession
from ..sessions.assurance import PASSWORD, TWO_FACTORS, Proof, meets
from ..translatable import N_
from ..users.password_queue import TooManyLoginsError
from ..users.passwords import PasswordError
from .authorization_server import authorization_server
from .login_session import current_login, log_in, login_required
from .password_confirmation import Refusal, check_own_password, too_many_logins

LABELS = {
    "password": N_("Current password"),
    "new_password": N_("New password"),
    "new_password_again": N_("Confirm new password"),
}
bp = Blueprint("password", __name__)


@bp.get("/account/password")
@login_required
def show_password_form() -> str:
    """Show the form of a new password."""
    _own_row()
    return render_template("password.html", problems={}, labels=LABELS)


@bp.post("/account/password")
@login_required
def change_password() -> Any:
    """Change one's password: every other session, and every token, ends; this browser goes on."""
    user, users, login = _own_row(), authorization_server().accounts.own_users, current_login()
    new = request.form.get("new_password", "")
    if new != request.form.get("new_password_again", ""):
        return _render(Refusal({"new_password_again": N_("The passwords don't match. Enter both again.")}))
    checked = check_own_password(user, "password")
    if isinstance(checked, Refusal):
        return _render(checked)
    try:
        log_in(users.set_password(user.id, new, checked), _proof_of(login))
    except PasswordError as error:
        return _render(Refusal({"new_password": error.args[0]}))
    except TooManyLoginsError:
        return _render(too_many_logins("new_password"))
    except StaleLoginError:
        return _render(
            Refusal({"password": N_("Your password was just changed on another device. Enter the new one.")})
        )
    flash(_("Password changed. Your other devices are logged out, and apps have lost access."))
    return redirect(url_for("account.show_account"), 303)


def _proof_of(login: CurrentLoginSession) -> Proof:
    """Return how the person is logged in after a new password: as well as before, and by the password at least."""
    return Proof(login.auth_time, login.acr, login.amr) if meets(login.acr, TWO_FACTORS) else PASSWORD


def _render(refusal: Refusal) -> Any:
    page = render_template("password.html", problems=refusal.problems, labels=LABELS)
    return page, refusal.status, refusal.headers


def _own_row() -> User:
    """Return the row of the logged-in user; 404 if there are no passwords here, as in the demo."""
    server = authorization_server()
    if server.settings.demo:
        abort(404)
    return server.accounts.own_users.find_row_by_id(current_login().user_id) or abort(404)
