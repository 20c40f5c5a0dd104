"""The page of one's own email address, which a link sent to it verifies; and the page behind that link."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...models.user import User
from ...standard_claims import ClaimsError
from ...translatable import N_
from ...users.login_throttle import TooManyTriesError
from ..browser.private_pages import private_page
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, find_account
from ..login.recent_login import recent_login_required
from ..presentation.durations import write_wait

LABELS = {"email": N_("Email address")}
bp = Blueprint("email_address", __name__)


@bp.get("/account/email")
@recent_login_required
def show_address() -> str:
    """Show the address, and the form of another one."""
    return _render(_own_row(), {})


@bp.post("/account/email")
@recent_login_required
def send_link() -> Any:
    """Have a link sent to an address. Nothing changes until it's used."""
    user, address, server = _own_row(), request.form.get("email", "").strip(), authorization_server()
    if user.email and not address:
        server.accounts.own_users.set_own_claims(user.id, {"email": ""}, ("email",))
        flash(_("Email address removed."))
        return redirect(url_for("account.show_account"), 303)
    try:
        server.accounts.email_links.send(user.id, address)
    except ClaimsError as error:
        return _render(user, error.problems, address), 422
    except TooManyTriesError as error:
        problem = _("Too many emails. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))
        return _render(user, {"email": problem}, address), 429, {"Retry-After": str(error.wait_seconds)}
    flash(_("Check your email: we sent a link to %(address)s. It works for an hour.", address=address))
    return redirect(url_for("email_address.show_address"), 303)


@bp.get("/verify_email")
def show_confirmation() -> Response:
    """Ask whether the address is right. Mail scanners open links too, so looking changes nothing."""
    return _answer(request.args.get("token", ""), {})


@bp.post("/verify_email")
def confirm_address() -> Any:
    """Make the address the account's verified one, once."""
    token = request.form.get("token", "")
    found = authorization_server().accounts.email_links.find(token)
    if found is not None and (refusal := _refuse_other_account(found[0])):
        return refusal
    try:
        is_confirmed = authorization_server().accounts.email_links.use(token)
    except ClaimsError as error:
        return _answer(token, error.problems)
    except TooManyTriesError as error:
        page = render_template("email_link_expired.html", wait=write_wait(error.wait_seconds))
        return private_page(page, 429, {"Retry-After": str(error.wait_seconds)})
    return redirect(url_for("email_address.show_confirmed"), 303) if is_confirmed else _does_not_work()


@bp.get("/verify_email/done")
def show_confirmed() -> str:
    """Say that the address is confirmed."""
    return render_template("email_confirmed.html")


def _answer(token: str, problems: dict[str, str]) -> Response:
    found = authorization_server().accounts.email_links.find(token)
    if found is None:
        return _does_not_work()
    user, address = found
    if refusal := _refuse_other_account(user):
        return refusal
    page = render_template(
        "verify_email.html", username=user.username, address=address, token=token, problems=problems, labels=LABELS
    )
    return private_page(page, 422 if problems else 200, {})


def _refuse_other_account(user: User) -> Response | None:
    """Refuse the link of another account than this browser's: a stranger may have had it sent to somebody's address."""
    account = find_account()
    if account is None or account.id == str(user.id):
        return None
    page = render_template("email_of_another.html", own=account.username, other=user.username)
    return private_page(page, 403, {})


def _does_not_work() -> Response:
    return private_page(render_template("email_link_expired.html", wait=""), 410, {})


def _render(user: User, problems: dict[str, str], typed: str | None = None) -> Any:
    value = (user.email or "") if typed is None else typed
    return render_template("email_address.html", user=user, value=value, problems=problems, labels=LABELS)


def _own_row() -> User:
    """Return the row of the logged-in user; 404 where no emails are sent."""
    if not authorization_server().accounts.email_links.is_on:
        abort(404)
    return authorization_server().accounts.own_users.find_row_by_id(current_login().user_id) or abort(404)
