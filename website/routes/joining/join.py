"""The page behind an invitation's link: somebody creates their own account, and is logged in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...joining import InvitationGoneError, Newcomer, NewcomerRefusedError
from ...sessions.assurance import PASSWORD
from ...standard_claims import ClaimsError
from ...translatable import N_
from ...users.login_throttle import TooManyTriesError
from ...users.password_queue import TooManyLoginsError
from ...users.usernames import UsernameError
from ..browser.next_page import requested_next
from ..browser.private_pages import private_page
from ..current.authorization_server import authorization_server
from ..current.login_session import login_page
from ..language.page_language import keep_page_address
from ..login.password_confirmation import Refusal, too_many_logins
from ..login.pending_login import complete_login
from ..presentation.durations import write_wait
from .page_before_sign_up import page_before_sign_up

LABELS = {
    "username": N_("Username"),
    "email": N_("Email address"),
    "new_password": N_("Password"),
    "terms": N_("Terms of use"),
}
#: The form's fields by those of a newcomer.
FIELDS = {"username": "username", "password": "new_password", "accepts_terms": "terms"}
bp = Blueprint("join", __name__)


@bp.before_request
def refuse_where_closed() -> None:
    """Answer 404 where nobody creates their own account: everybody has one in the demo."""
    if not authorization_server().joining.is_on:
        abort(404)


@bp.get("/join")
def show_join() -> Response:
    """Show the form of an invitation that works. Looking at it uses nothing up."""
    return _answer(request.args.get("token", ""), Refusal({}, 200))


@bp.post("/join")
def join() -> Any:
    """Create the account, use the invitation once, and log the person in."""
    token, form = request.form.get("token", ""), request.form
    newcomer = Newcomer(form.get("username", ""), form.get("new_password", ""), form.get("terms") == "yes")
    try:
        account = authorization_server().joining.newcomers.join(token, newcomer)
    except InvitationGoneError:
        return _does_not_work()
    except NewcomerRefusedError as error:
        return _answer(token, Refusal({FIELDS[name]: problem for name, problem in error.problems.items()}))
    except UsernameError as error:
        return _answer(token, Refusal({"username": error.args[0]}))
    except ClaimsError as error:
        return _answer(token, Refusal({"email": error.problems["email"]}))
    except TooManyLoginsError:
        return _answer(token, too_many_logins("new_password"))
    except TooManyTriesError as error:
        wait = write_wait(error.wait_seconds)
        problem = _("Too many failed attempts. Wait %(time)s and try again.", time=wait)
        return _answer(token, Refusal({"username": problem}, 429, {"Retry-After": str(error.wait_seconds)}))
    try:
        return complete_login(account, PASSWORD, is_new=True)
    except StaleLoginError:  # an operator has ended the account at this moment
        abort(403)


def _answer(token: str, refusal: Refusal) -> Response:
    server = authorization_server()
    keep_page_address(url_for("join.show_join", token=token, next=requested_next()))
    invitation = server.joining.invitations.find(token)
    if invitation is None:
        return _does_not_work()
    page = render_template(
        "join.html",
        token=token,
        invitation=invitation,
        username=request.form.get("username", ""),
        accepts_terms=request.form.get("terms") == "yes",
        terms_url=server.settings.terms_url,
        login_page=login_page("/"),
        next=requested_next() or page_before_sign_up(),
        problems=refusal.problems,
        labels=LABELS,
    )
    return private_page(page, refusal.status, refusal.headers)


def _does_not_work() -> Response:
    return private_page(render_template("invitation_expired.html", wait=""), 410, {})
