"""The pages for a forgotten password: they have a link sent, and never tell whether there is such an account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...email_addresses import MAX_EMAIL_CHARACTERS
from ...translatable import N_
from ...users.login_throttle import TooManyTriesError
from ...users.usernames import UsernameError, check_username
from ..browser.next_page import requested_next
from ..current.authorization_server import authorization_server
from ..presentation.durations import write_wait

LABELS = {"username": N_("Username or email address")}
bp = Blueprint("forgotten_password", __name__)


@bp.before_request
def refuse_without_mail() -> None:
    """Answer 404 where no email can be sent."""
    if not authorization_server().accounts.password_recovery.is_on:
        abort(404)


@bp.get("/forgot_password")
def show_form() -> str:
    """Ask whose password it is."""
    return _render("", {})


@bp.post("/forgot_password")
def request_link() -> Any:
    """Have a link sent, if there is an account with an address for it."""
    typed = request.form.get("username", "")
    try:
        name = check_username(typed, MAX_EMAIL_CHARACTERS)
        authorization_server().accounts.password_recovery.request(name)
    except UsernameError as error:
        return _render(typed, {"username": error.args[0]}), 422
    except TooManyTriesError as error:
        problem = _("Too many requests from your network. Wait %(time)s.", time=write_wait(error.wait_seconds))
        return _render(typed, {"username": problem}), 429, {"Retry-After": str(error.wait_seconds)}
    return redirect(url_for("forgotten_password.show_sent", next=requested_next()), 303)


@bp.get("/forgot_password/sent")
def show_sent() -> str:
    """Say what happens now: the same whether there is an account or not."""
    return render_template("forgotten_password_sent.html", next=requested_next())


def _render(username: str, problems: dict[str, str]) -> str:
    values = {"username": username, "problems": problems, "labels": LABELS}
    return render_template("forgotten_password.html", next=requested_next(), **values)
