"""The page at login that asks for a new password, where an operator requires one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from ...database import StaleLoginError
from ...sessions.assurance import NewPasswordNeededError, find_missing
from ...translatable import N_
from ...users.password_hashing import PasswordError
from ...users.password_queue import TooManyLoginsError, password_queue
from ..browser.next_page import leads_to_authorization, requested_next
from ..browser.security_headers import let_forms_end_at_client
from ..current.authorization_server import authorization_server
from .password_confirmation import Refusal, too_many_logins
from .pending_login import PendingLogin, complete_login, find_pending_login
from .second_factor_person import send_back

LABELS = {"new_password": N_("New password"), "new_password_again": N_("Confirm new password")}
bp = Blueprint("required_password", __name__)


@bp.get("/login/new_password")
def show_form() -> Any:
    """Ask for a new password."""
    pending = _find_pending()
    return send_back() if pending is None else _render(pending)


@bp.post("/login/new_password")
def set_required_password() -> Any:
    """Set the new password, which ends every session of the account, and log the person in."""
    pending = _find_pending()
    if pending is None:
        return send_back()
    users, new = authorization_server().accounts.own_users, request.form.get("new_password", "")
    if new != request.form.get("new_password_again", ""):
        return _render(pending, Refusal({"new_password_again": N_("The passwords don't match. Enter both again.")}))
    try:
        with password_queue.place():
            account = users.set_password(int(pending.account.id), new, pending.account)
        return complete_login(account, pending.proof)
    except PasswordError as error:
        return _render(pending, Refusal({"new_password": error.args[0]}))
    except TooManyLoginsError:
        return _render(pending, too_many_logins("new_password"))
    except StaleLoginError:
        return send_back()


def _find_pending() -> PendingLogin | None:
    """Return who lacks nothing but a new password to log in."""
    pending = find_pending_login()
    if pending is None:
        return None
    factors = authorization_server().accounts.second_factors.find(pending.account.id)
    return pending if find_missing(pending.proof, factors) is NewPasswordNeededError else None


def _render(pending: PendingLogin, refusal: Refusal | None = None) -> Any:
    next_page = requested_next()
    if leads_to_authorization(next_page):
        let_forms_end_at_client()
    refusal = refusal or Refusal({}, 200)
    page = render_template(
        "required_password.html",
        username=pending.account.username,
        next=next_page,
        problems=refusal.problems,
        labels=LABELS,
    )
    return page, refusal.status, refusal.headers
