"""The page where operators create somebody's account, and get the one-time link for its password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from ...standard_claims import ClaimsError
from ...translatable import N_
from ...users.usernames import UsernameError
from ..browser.repeated_forms import find_earlier_result, keep_result
from ..current.authorization_server import authorization_server
from ..current.current_roles import MANAGES_PEOPLE, current_roles, role_required
from ..current.login_session import current_login
from ..login.login_before_act import login_before_act, send_to_login
from .person_link import show_link

LABELS = {"username": N_("Username"), "email": N_("Email address")}
EMPTY = dict.fromkeys(LABELS, "")
bp = Blueprint("new_person", __name__)


@bp.before_request
def refuse_in_demo() -> None:
    """Answer 404 in the demo, where accounts have no passwords and are created by logging in."""
    if authorization_server().settings.demo:
        abort(404)


@bp.get("/people/new")
@role_required(MANAGES_PEOPLE)
def show_form() -> Any:
    """Show the form for a new account."""
    login = login_before_act(url_for("new_person.show_form"))
    return redirect(login, 303) if login else _render(EMPTY, {})


@bp.post("/people/new")
@role_required(MANAGES_PEOPLE)
def create_person() -> Any:
    """Create an account without a password, and show the link for setting one, this once."""
    if earlier := find_earlier_result():
        return earlier
    if answer := send_to_login(url_for("new_person.show_form")):
        return answer
    texts = {name: request.form.get(name, "").strip() for name in EMPTY}
    server, by = authorization_server(), current_login().subject
    claims = {"email": texts["email"]} if texts["email"] else {}
    try:
        account = server.accounts.own_users.create(texts["username"], claims=claims, by=by)
    except UsernameError as error:
        return _render(texts, {"username": str(error)}), 422
    except ClaimsError as error:
        return _render(texts, error.problems), 422
    user_id = int(account.id)
    token = server.access.roles.create_link(user_id, current_roles(), by=by)
    keep_result(url_for("people.show_person", user_id=user_id))
    return show_link(server.accounts.own_users.find_row_by_id(account.id) or abort(404), token, is_new=True)


def _render(texts: dict[str, str], problems: dict[str, str]) -> str:
    return render_template("new_person.html", texts=texts, problems=problems, labels=LABELS)
