"""The page behind a one-time link: it sets the password of one account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from ...translatable import N_
from ...users.login_throttle import TooManyTriesError
from ...users.password_hashing import PasswordError
from ...users.password_queue import TooManyLoginsError
from ..browser.private_pages import private_page
from ..current.authorization_server import authorization_server
from ..language.page_language import keep_page_address
from ..presentation.durations import write_wait
from .password_confirmation import Refusal, too_many_logins

LABELS = {"new_password": N_("New password"), "new_password_again": N_("Confirm new password")}
bp = Blueprint("set_password", __name__)


@bp.before_request
def refuse_in_demo() -> None:
    """Answer 404 where there are no passwords."""
    if authorization_server().settings.demo:
        abort(404)


@bp.get("/set_password")
def show_new_password_form() -> Response:
    """Show the form of a link that still works. Looking at it uses nothing up."""
    return _answer(request.args.get("token", ""), {})


@bp.post("/set_password")
def set_new_password() -> Any:
    """Set the password, once: every session and token of the account ends."""
    token, new = request.form.get("token", ""), request.form.get("new_password", "")
    if new != request.form.get("new_password_again", ""):
        return _answer(token, {"new_password_again": N_("The passwords don't match. Enter both again.")})
    try:
        is_set = authorization_server().accounts.password_links.use(token, new)
    except PasswordError as error:
        return _answer(token, {"new_password": error.args[0]})
    except TooManyLoginsError:
        return _answer(token, {}, too_many_logins("new_password"))
    except TooManyTriesError as error:
        return _too_many_tries(error)
    return redirect(url_for("set_password.show_password_set"), 303) if is_set else _does_not_work()


@bp.get("/set_password/done")
def show_password_set() -> str:
    """Say that the password was set, and where to go on."""
    return render_template("password_set.html")


def _answer(token: str, problems: dict[str, str], refusal: Refusal | None = None) -> Response:
    keep_page_address(url_for("set_password.show_new_password_form", token=token))
    user = authorization_server().accounts.password_links.find(token)
    if user is None:
        return _does_not_work()
    refusal = refusal or Refusal(problems, 422 if problems else 200)
    page = render_template(
        "set_password.html",
        username=user.username,
        is_first=user.password_hash is None,
        token=token,
        problems=refusal.problems,
        labels=LABELS,
    )
    return private_page(page, refusal.status, refusal.headers)


def _does_not_work() -> Response:
    recovers_passwords = authorization_server().accounts.password_recovery.is_on
    page = render_template("password_link_expired.html", wait="", recovers_passwords=recovers_passwords)
    return private_page(page, 410, {})


def _too_many_tries(error: TooManyTriesError) -> Response:
    page = render_template("password_link_expired.html", wait=write_wait(error.wait_seconds))
    return private_page(page, 429, {"Retry-After": str(error.wait_seconds)})
