"""The pages of one's own account: its claims, its data to take along, and its end."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from ...languages import name_of, tag_of
from ...models.user import User
from ...standard_claims import ADDRESS_PARTS, CLAIMS, ClaimsError
from ...translatable import N_
from ...users import LocalUsers
from ...users.export import export_account
from ...users.last_operator import LastOperatorError
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, log_out, login_required, look_up_again
from ..language.language_cookie import forget_in_browser, keep_in_browser
from ..language.page_language import forget_language, list_choices, page_languages
from ..language.translations import join
from ..login.act_confirmation import find_confirmation
from ..login.passkey_place import has_passkeys
from ..login.password_confirmation import Refusal, check_own_password, find_refusal

#: The rows of the page: a heading, and the claims that are edited under it.
ROWS = (
    (N_("Name"), ("name", "given_name", "middle_name", "family_name", "nickname")),
    (N_("Email"), ("email",)),
    (N_("Phone"), ("phone_number",)),
    (N_("Website"), ("website", "profile", "picture")),
    (N_("Birthday and gender"), ("birthdate", "gender")),
    (N_("Language"), ("locale",)),
    (N_("Time zone"), ("zoneinfo",)),
    (N_("Address"), ADDRESS_PARTS),
)
LABELS = {name: claim.label for name, claim in CLAIMS.items()} | {
    "password": N_("Password"),
    "username": N_("Username"),
}
bp = Blueprint("account", __name__)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A row of the page: what it says, and what it contains once it's opened to be edited."""

    heading: str
    #: The claims that the person may edit.
    names: tuple[str, ...]
    #: What is stored: all of it, or a full name alone.
    in_short: str
    #: Whether something was typed there that isn't saved.
    is_open: bool


@bp.get("/account")
@login_required
def show_account() -> str:
    """Show the account: its claims, to be changed, and the ways to its other pages."""
    user = own_row()
    return _render({name: getattr(user, name) or "" for name in CLAIMS}, {})


@bp.post("/account")
@login_required
def update_account() -> Any:
    """Change one's claims. What is left empty is nobody's business."""
    user = own_row()
    editable = _list_editable()
    values = {name: request.form[name] for name in editable if name in request.form}
    try:
        _users().set_own_claims(user.id, values, editable)
    except ClaimsError as error:
        typed = {name: values.get(name, getattr(user, name) or "") for name in CLAIMS}
        in_order = {name: error.problems[name] for name in LABELS if name in error.problems}
        return _render(typed, in_order), 422
    response = redirect(url_for("account.show_account"), 303)
    if (values.get("locale", user.locale) or None) != user.locale:
        _follow_language(response, values["locale"])
    flash(_("Saved."))
    return response


def _follow_language(response: WerkzeugResponse, chosen: str) -> None:
    """Have this browser's pages be in the language that was chosen for the account, also after logging out."""
    found = page_languages().find(chosen)
    if found is None:
        forget_in_browser(response)
    else:
        keep_in_browser(response, tag_of(found))
    look_up_again()
    forget_language()


@bp.post("/account/export")
@login_required
def export_own_account() -> Response:
    """Hand out all that is kept about the account, as a file of JSON."""
    user, server = own_row(), authorization_server()
    content = json.dumps(export_account(server.database, server.audit, user), indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": 'attachment; filename="account.json"', "Cache-Control": "no-store"}
    return current_app.response_class(content + "\n", 200, headers, mimetype="application/json")


@bp.get("/account/delete")
@login_required
def show_account_deletion() -> str:
    """Say what is lost with the account."""
    return _render_deletion(own_row(), {})


@bp.post("/account/delete")
@login_required
def delete_account() -> Any:
    """Delete one's account for good, once the password (in the demo the username) was typed again."""
    user = own_row()
    refusal = _find_refusal(user)
    if refusal is not None:
        return _render_deletion(user, refusal.problems), refusal.status, refusal.headers
    try:
        ended = _users().delete(user.id, ends_clients=True)
    except LastOperatorError:
        field = "username" if authorization_server().settings.demo else "password"
        problem = N_("You are the last operator of this server. Appoint another one first.")
        return _render_deletion(user, {field: problem}), 422
    log_out()
    flash(_("Your account was deleted."))
    if ended:
        flash(_("These clients stopped working: %(clients)s.", clients=join(ended)))
    return redirect(url_for("home.show_home"), 303)


def _render_deletion(user: User, problems: dict[str, str]) -> str:
    owned = authorization_server().clients.list_of_owner(current_login().subject)
    return render_template(
        "delete_account.html",
        user=user,
        clients=owned,
        confirmation=None if user.password_hash else find_confirmation(),
        problems=problems,
        labels=LABELS,
    )


def _find_refusal(user: User) -> Refusal | None:
    if authorization_server().settings.demo:
        same = request.form.get("username", "") == user.username
        return None if same else Refusal({"username": N_("Type your username exactly.")})
    if user.password_hash is None:  # who logs in by passkey alone has just done so, or does it on the page
        return find_refusal()
    checked = check_own_password(user, "password")
    return checked if isinstance(checked, Refusal) else None


def own_row() -> User:
    """Return the row of the logged-in user."""
    return _users().find_row_by_id(current_login().user_id) or abort(404)


def _render(values: dict[str, str], problems: dict[str, str]) -> str:
    user, login, server = own_row(), current_login(), authorization_server()
    editable, verifies_email = _list_editable(), server.accounts.email_links.is_on
    fixed = [name for name in CLAIMS if name not in editable and values[name]]
    return render_template(
        "account.html",
        rows=[*_rows(user, editable, values, problems)],
        fixed=[name for name in fixed if name != "email" or not verifies_email],
        verifies_email=verifies_email,
        factors=server.accounts.second_factors.find(str(user.id)),
        device_count=len(server.sessions.list_of(login.subject)),
        has_passkeys=has_passkeys(),
        app_count=len(server.grants.consents.list_connected_apps(login.subject)),
        claims=CLAIMS,
        languages=_language_options(values["locale"]),
        values=values,
        problems=problems,
        labels=LABELS,
        user=user,
    )


def _list_editable() -> list[str]:
    """Return the claims that are edited on the page: an email address has its own page where a link verifies it.

    The demo keeps it here too.
    """
    server = authorization_server()
    has_own_page = server.accounts.email_links.is_on and not server.settings.demo
    return [name for name in server.settings.editable_claims if name != "email" or not has_own_page]


def _rows(
    user: User, editable: Collection[str], values: Mapping[str, str], problems: Container[str]
) -> Iterator[AccountRow]:
    for heading, names in ROWS:
        own = tuple(name for name in names if name in editable)
        stored = {name: getattr(user, name) or "" for name in own}
        in_short = _in_short(stored)
        is_open = any(name in problems or values[name] != stored[name] for name in own)
        if own:
            yield AccountRow(heading, own, in_short, is_open)


def _in_short(stored: Mapping[str, str]) -> str:
    if stored.get("locale"):
        return name_of(stored["locale"])
    return stored.get("name") or ", ".join(filter(None, stored.values()))


def _language_options(chosen: str) -> dict[str, str]:
    """Return the languages to choose from, with the chosen one if the pages don't come in it; none if in one alone."""
    choices = list_choices()
    if not choices:
        return {}
    return {"": _("As your browser prefers")} | choices | ({chosen: name_of(chosen)} if chosen else {})


def _users() -> LocalUsers:
    return authorization_server().accounts.own_users
