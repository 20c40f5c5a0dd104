"""Signing up where it's open to everybody: an email address first, and the link sent there leads to joining."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, make_response, render_template, request
from flask_babel import gettext as _

from ...standard_claims import ClaimsError
from ...users.login_throttle import TooManyTriesError
from ..browser.next_page import requested_next
from ..current.authorization_server import authorization_server
from ..current.login_session import login_page
from ..language.translations import current_texts
from ..presentation.durations import write_wait
from .page_before_sign_up import keep_page_before_sign_up

bp = Blueprint("sign_up", __name__)


@bp.before_request
def refuse_where_closed() -> None:
    """Answer 404 where people need an invitation."""
    if not authorization_server().joining.sign_ups.are_open:
        abort(404)


@bp.get("/sign_up")
def show_sign_up() -> Any:
    """Ask for the email address."""
    return _render("", {}, 200)


@bp.post("/sign_up")
def begin_sign_up() -> Any:
    """Send a link to the address. The answer is the same whether or not an account has it."""
    typed = request.form.get("email", "").strip()
    try:
        email = authorization_server().joining.sign_ups.begin(typed, current_texts().language_tag)
    except ClaimsError as error:
        return _render(typed, error.problems, 422)
    except TooManyTriesError as error:
        problem = _("Too many emails. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))
        answer = make_response(_render(typed, {"email": problem}, 429))
        answer.headers["Retry-After"] = str(error.wait_seconds)
        return answer
    keep_page_before_sign_up()
    return render_template("sign_up_sent.html", email=email)


def _render(email: str, problems: dict[str, str], status: int) -> Any:
    next_page = requested_next()
    page = render_template(
        "sign_up.html", email=email, problems=problems, next=next_page, login_page=login_page(next_page or "/")
    )
    return page, status
