"""The page by which one changes one's own password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...models.user import User
from ...sessions import CurrentLoginSession
from ...sessions.assurance import PASSWORD, TWO_FACTORS, IncompleteLoginError, Proof, meets
from ...translatable import N_
from ...users import Account
from ...users.password_hashing import PasswordError
from ...users.password_queue import TooManyLoginsError
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, log_in, login_page, login_required
from ..login.act_confirmation import find_confirmation
from ..login.password_confirmation import Refusal, check_own_password, find_refusal, too_many_logins
from ..login.second_factor_person import changing_person

LABELS = {
    "password": N_("Current password"),
    "new_password": N_("New password"),
    "new_password_again": N_("Confirm new password"),
}
JUST_CHANGED = N_("Your password was just changed on another device. Enter the new one.")
bp = Blueprint("password", __name__)


@bp.get("/account/password")
@login_required
def show_password_form() -> Any:
    """Show the form of a new password."""
    return _render(_own_row(), Refusal({}, 200))


@bp.post("/account/password")
@login_required
def change_password() -> Any:
    """Change one's password, or set a first one: every other session, and every token, ends; this browser goes on."""
    user, users, login = _own_row(), authorization_server().accounts.own_users, current_login()
    new = request.form.get("new_password", "")
    if new != request.form.get("new_password_again", ""):
        return _render(user, Refusal({"new_password_again": N_("The passwords don't match. Enter both again.")}))
    checked = _check(user)
    if isinstance(checked, Refusal):
        return _render(_own_row(), checked)
    try:
        log_in(users.set_password(user.id, new, checked), _proof_of(login))
    except IncompleteLoginError:  # this login is from before the account needed a second factor, and has ended
        flash(_("Password changed. Your other devices were logged out, and apps lost access."))
        return redirect(login_page(url_for("account.show_account")), 303)
    except PasswordError as error:
        return _render(user, Refusal({"new_password": error.args[0]}))
    except TooManyLoginsError:
        return _render(user, too_many_logins("new_password"))
    except StaleLoginError:
        return _render(_own_row(), Refusal({"password": JUST_CHANGED}))
    flash(_("Password changed. Your other devices were logged out, and apps lost access."))
    return redirect(url_for("account.show_account"), 303)


def _check(user: User) -> Account | Refusal:
    """Check the current password; where there is none, that the person has just logged in."""
    if user.password_hash is not None:
        return check_own_password(user, "password")
    account = changing_person().account
    if _own_row().password_hash is not None:  # set before its epoch was read
        return Refusal({"password": JUST_CHANGED})
    return find_refusal() or account


def _proof_of(login: CurrentLoginSession) -> Proof:
    """Return how the person is logged in after a new password: as well as before, and by the password at least."""
    return Proof(login.auth_time, login.acr, login.amr) if meets(login.acr, TWO_FACTORS) else PASSWORD


def _render(user: User, refusal: Refusal) -> Any:
    page = render_template(
        "password.html",
        has_password=user.password_hash is not None,
        confirmation=None if user.password_hash else find_confirmation(),
        problems=refusal.problems,
        labels=LABELS,
    )
    return page, refusal.status, refusal.headers


def _own_row() -> User:
    """Return the row of the logged-in user; 404 if there are no passwords here, as in the demo."""
    server = authorization_server()
    if server.settings.demo:
        abort(404)
    return server.accounts.own_users.find_row_by_id(current_login().user_id) or abort(404)
