"""Dangerous acts on an account, each confirmed on a page of its own: disabling, links for a password, roles."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from ...access.roles import ROLES, RoleError, may_reset
from ...models.user import User
from ...translatable import N_
from ...users.account_managers import MANAGING_ROLES
from ...users.last_operator import LastOperatorError
from ...users.login_methods import find_ways_in
from ..current.authorization_server import authorization_server
from ..current.current_roles import MANAGES_PEOPLE, SEES_PEOPLE, current_roles, role_required
from ..current.login_session import current_login
from ..login.act_confirmation import find_confirmation
from ..login.password_confirmation import PASSWORD, find_refusal
from .person_link import show_link

LAST_OPERATOR = N_("This is the last operator. Appoint another one first.")
bp = Blueprint("person_acts", __name__)


@bp.get("/people/<int:user_id>/disable")
@role_required(MANAGES_PEOPLE)
def show_disabling(user_id: int) -> str:
    """Say what ends with a disabled account."""
    return _render("disable", _find_other(user_id))


@bp.post("/people/<int:user_id>/disable")
@role_required(MANAGES_PEOPLE)
def disable_person(user_id: int) -> Any:
    """Disable an account, and end its login sessions, tokens and clients."""
    person = _find_other(user_id)
    refusal = find_refusal()
    if refusal is not None:
        return _render("disable", person, problems=refusal.problems), refusal.status, refusal.headers
    try:
        ended = authorization_server().accounts.own_users.disable(user_id, by=current_login().subject)
    except LastOperatorError:
        return _render("disable", person, reason=LAST_OPERATOR), 422
    flash(_("%(username)s can't log in any longer.", username=person.username))
    if ended:
        flash(_("These clients stopped working: %(clients)s.", clients=", ".join(ended)))
    return _to_person(user_id)


@bp.get("/people/<int:user_id>/link")
@role_required(SEES_PEOPLE)
def show_link_form(user_id: int) -> str:
    """Say what a one-time link is for."""
    _require_passwords()
    person = _find_other(user_id)
    _require_reset(person)
    return _render("link", person)


@bp.post("/people/<int:user_id>/link")
@role_required(SEES_PEOPLE)
def create_link(user_id: int) -> Any:
    """Create a one-time link for setting a password, and show it this once."""
    _require_passwords()
    person, server = _find_other(user_id), authorization_server()
    _require_reset(person)
    refusal = find_refusal()
    if refusal is not None:
        return _render("link", person, problems=refusal.problems), refusal.status, refusal.headers
    try:
        token = server.access.roles.create_link(user_id, current_roles(), by=current_login().subject)
    except RoleError as error:
        return _render("link", person, reason=str(error)), 422
    return show_link(person, token)


@bp.get("/people/<int:user_id>/factors")
@role_required(SEES_PEOPLE)
def show_factors_form(user_id: int) -> str:
    """Say what resetting somebody's second factors does."""
    person = _find_other(user_id)
    _require_reset(person)
    return _render("factors", person)


@bp.post("/people/<int:user_id>/factors")
@role_required(SEES_PEOPLE)
def reset_factors(user_id: int) -> Any:
    """Remove the second factors of a person who has lost them; their logins and tokens end."""
    person = _find_other(user_id)
    _require_reset(person)
    refusal = find_refusal()
    if refusal is not None:
        return _render("factors", person, problems=refusal.problems), refusal.status, refusal.headers
    try:
        authorization_server().access.roles.reset_factors(user_id, current_roles(), by=current_login().subject)
    except RoleError as error:
        return _render("factors", person, reason=str(error)), 422
    flash(_("The second factors of %(username)s were removed.", username=person.username))
    return _to_person(user_id)


@bp.get("/people/<int:user_id>/roles/<role>/<any(grant, revoke):act>")
@role_required(MANAGES_PEOPLE)
def show_role_change(user_id: int, role: str, act: str) -> str:
    """Say what a role allows."""
    return _render(act, _find_other(user_id), role=_known(role))


@bp.post("/people/<int:user_id>/roles/<role>/<any(grant, revoke):act>")
@role_required(MANAGES_PEOPLE)
def change_role(user_id: int, role: str, act: str) -> Any:
    """Give a role to an account, or take it."""
    person, roles, by = _find_other(user_id), authorization_server().access.roles, current_login().subject
    refusal = find_refusal()
    if refusal is not None:
        return _render(act, person, role=_known(role), problems=refusal.problems), refusal.status, refusal.headers
    try:
        roles.grant(user_id, _known(role), by=by) if act == "grant" else roles.revoke(user_id, _known(role), by=by)
    except LastOperatorError:
        return _render(act, person, role=role, reason=LAST_OPERATOR), 422
    flash(_("Saved."))
    return _to_person(user_id)


def _find_other(user_id: int) -> User:
    """Return somebody else's account: nobody does any of this to their own."""
    if str(user_id) == current_login().user_id:
        abort(404)
    return authorization_server().accounts.own_users.find_row_by_id(str(user_id)) or abort(404)


def _known(role: str) -> str:
    return role if role in ROLES else abort(404)


def _require_reset(person: User) -> None:
    """Answer 404 to those who may not reset how this person logs in."""
    server = authorization_server()
    of_person = server.access.roles.of(person.id, is_operator=person.is_operator)
    if person.disabled_at is not None or not may_reset(current_roles(), of_person):
        abort(404)


def _require_passwords() -> None:
    """Answer 404 in the demo, which has no passwords."""
    if authorization_server().settings.demo:
        abort(404)


def _to_person(user_id: int) -> Any:
    return redirect(url_for("people.show_person", user_id=user_id), 303)


def _render(act: str, person: User, *, role: str = "", problems: dict[str, str] | None = None, reason: str = "") -> str:
    return render_template(
        "person_act.html",
        act=act,
        person=person,
        role=role,
        allowed=ROLES.get(role, ""),
        ends_apps=role in MANAGING_ROLES,
        problems=problems or {},
        reason=reason,
        ways_in=find_ways_in(authorization_server().database, person) if act == "grant" else None,
        confirmation=find_confirmation(),
        labels={PASSWORD: N_("Your password")},
        owned=authorization_server().clients.list_of_owner(
            authorization_server().accounts.subjects.find(str(person.id)) or ""
        )
        if act == "disable"
        else [],
    )
