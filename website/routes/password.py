"""The page by which one changes one's own password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for

from ..local_users import LocalUsers
from ..models.user import User
from ..passwords import PasswordError, TooManyLoginsError
from ..users import Account
from .login_session import current_login, log_in, login_required
from .own_password import check_own_password

LABELS = {"password": "Password now", "new_password": "New password", "new_password_again": "New password again"}
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
    user = _own_row()
    new = request.form.get("new_password", "")
    if new != request.form.get("new_password_again", ""):
        return _render({"new_password_again": "It differs from the one above. Type both anew."})
    problems, status, headers = check_own_password(user, "password")
    if problems:
        return _render(problems, status, headers)
    try:
        current_app.extensions["grantwright"].users.set_password(user.id, new)
    except PasswordError as error:
        return _render({"new_password": str(error)})
    except TooManyLoginsError:
        busy = {"new_password": "Many people are logging in at this moment. Wait a moment and try again."}
        return _render(busy, 503, {"Retry-After": "2"})
    log_in(Account(str(user.id), user.username))
    flash("Your password was changed. Every other session, and every application's access, has ended.")
    return redirect(url_for("account.show_account"), 303)


def _render(problems: dict[str, str], status: int = 422, headers: dict[str, str] | None = None) -> Any:
    return render_template("password.html", problems=problems, labels=LABELS), status, headers or {}


def _own_row() -> User:
    """Return the row of whoever is logged in, where there are passwords at all: not in the demo, nor elsewhere."""
    server = current_app.extensions["grantwright"]
    if server.settings.demo or not isinstance(server.users, LocalUsers):
        abort(404)
    return server.users.find_row_by_id(current_login().user_id) or abort(404)
