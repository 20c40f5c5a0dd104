"""The pages of people: the list of accounts, and one account with its groups, roles and events."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ... import clock
from ...access.group_names import GroupError
from ...access.roles import OPERATOR, ROLES, may_reset
from ...models.user import User
from ...translatable import N_
from ...users.last_logins import EVER
from ..current.authorization_server import authorization_server
from ..current.current_roles import MANAGES_PEOPLE, SEES_EVENTS, SEES_PEOPLE, current_roles, has_role, role_required
from ..current.login_session import current_login
from ..language.translations import translate
from ..login.login_before_act import send_to_login
from ..presentation.event_rows import describe_events
from ..presentation.paging import cut_page
from .group_choices import list_group_choices

PAGE_ROWS, SHOWN_EVENTS = 50, 10
#: How long somebody hasn't logged in who is listed as such: templates say 90 days.
LATELY_SECONDS = 90 * 86400
MAX_SEARCH_CHARACTERS = 150
bp = Blueprint("people", __name__)


@bp.get("/people")
@role_required(SEES_PEOPLE)
def list_people() -> str:
    """List the accounts by name, a page at a time, or those that a search finds."""
    server = authorization_server()
    users = server.accounts.own_users
    part, after = request.args.get("find", "").strip()[:MAX_SEARCH_CHARACTERS], request.args.get("after", "")
    logins = request.args.get("logins", "")
    since = {"never": EVER, "none_lately": clock.now() - LATELY_SECONDS}.get(logins)
    found = users.list_rows(part, PAGE_ROWS + 1, after=after, everywhere=True, no_login_since=since)
    people, next_after = cut_page(found, PAGE_ROWS, lambda person: person.username_key)
    return render_template(
        "people.html",
        people=people,
        count_people=users.count,  # operators alone are told
        roles=server.access.roles.own_of_each(people),
        last_logins=users.find_last_logins(people),
        logins_since=clock.now() - server.settings.event_seconds,
        part=part,
        logins=logins if since is not None else "",
        is_first=not after,
        next_after=next_after,
    )


@bp.get("/people/<int:user_id>")
@role_required(SEES_PEOPLE)
def show_person(user_id: int) -> str:
    """Show an account, and what the person who looks at it may do."""
    return _render(_find(user_id), {})


@bp.post("/people/<int:user_id>/enable")
@role_required(MANAGES_PEOPLE)
def enable_person(user_id: int) -> Any:
    """Enable a disabled account."""
    person, page = _find(user_id), _page_of(user_id)
    if answer := send_to_login(page):
        return answer
    authorization_server().accounts.own_users.enable(user_id, by=current_login().subject)
    flash(_("%(username)s can log in again.", username=person.username))
    return redirect(page, 303)


@bp.post("/people/<int:user_id>/new_password")
@role_required(MANAGES_PEOPLE)
def require_new_password(user_id: int) -> Any:
    """Have a person set a new password at their next login."""
    person, server = _find(user_id), authorization_server()
    if server.settings.demo:  # which has no passwords
        abort(404)
    if answer := send_to_login(_page_of(user_id)):
        return answer
    server.accounts.own_users.require_password_change(user_id, True, by=current_login().subject)
    flash(_("%(username)s sets a new password at the next login.", username=person.username))
    return redirect(_page_of(user_id), 303)


@bp.post("/people/<int:user_id>/required_factor")
@role_required(MANAGES_PEOPLE)
def require_factor(user_id: int) -> Any:
    """Have an account need a second factor to log in, or no longer."""
    person, page, is_required = _find(user_id), _page_of(user_id), request.form.get("required") == "yes"
    if answer := send_to_login(page):
        return answer
    factors = authorization_server().accounts.second_factors
    factors.set_required(user_id, is_required, by=current_login().subject)
    if is_required:
        flash(_("%(username)s needs a second factor to log in.", username=person.username))
    else:
        flash(_("%(username)s no longer needs a second factor.", username=person.username))
    return redirect(page, 303)


@bp.post("/people/<int:user_id>/groups/add")
@role_required(MANAGES_PEOPLE)
def add_to_group(user_id: int) -> Any:
    """Put an account into a group, given by its name."""
    person, access, name = _find(user_id), authorization_server().access, request.form.get("group", "")
    group, page = access.groups.find(name), _page_of(user_id)
    if group is None:
        return _render(person, {"group": N_("There is no group with this name.")}, name), 422
    if access.roles.is_sensitive(group) and (answer := send_to_login(page)):
        return answer
    try:
        access.groups.add_members(group.id, [user_id], by=current_login().subject)
    except GroupError as error:
        return _render(person, {"group": str(error)}, name), 422
    flash(_("%(username)s is in %(group)s.", username=person.username, group=group.name))
    return redirect(page, 303)


@bp.post("/people/<int:user_id>/groups/<name>/remove")
@role_required(MANAGES_PEOPLE)
def remove_from_group(user_id: int, name: str) -> Any:
    """Take an account out of a group."""
    person, access, page = _find(user_id), authorization_server().access, _page_of(user_id)
    group = access.groups.find(name)
    if group is not None:
        if access.roles.is_sensitive(group) and (answer := send_to_login(page)):
            return answer
        access.groups.remove_members(group.id, [user_id], by=current_login().subject)
        flash(_("%(username)s is no longer in %(group)s.", username=person.username, group=group.name))
    return redirect(page, 303)


def _page_of(user_id: int) -> str:
    return url_for("people.show_person", user_id=user_id)


def _find(user_id: int) -> User:
    return authorization_server().accounts.own_users.find_row_by_id(str(user_id)) or abort(404)


def _render(person: User, problems: dict[str, str], typed_group: str = "") -> str:
    server = authorization_server()
    access, subject = server.access, server.accounts.subjects.find(str(person.id))
    of_person = access.roles.of(person.id, is_operator=person.is_operator)
    own_roles = access.roles.own_of(person)
    sees_events = has_role(*SEES_EVENTS)
    events = server.audit.list(subject=subject, limit=SHOWN_EVENTS) if subject and sees_events else []
    own_groups, choices = access.groups.groups_of(person.id), list_group_choices()
    return render_template(
        "person.html",
        person=person,
        is_self=str(person.id) == current_login().user_id,
        groups=own_groups,
        group_choices=choices and [group for group in choices if group.id not in {own.id for own in own_groups}],
        own_roles=own_roles,
        roles_by_groups=sorted(of_person - {*own_roles}),
        all_roles={role: translate(text) for role, text in ROLES.items()},
        factors=server.accounts.second_factors.find(str(person.id)),
        last_login=server.accounts.own_users.find_last_logins([person]).get(person.id),
        logins_since=clock.now() - server.settings.event_seconds,
        sessions=len(server.sessions.list_of(subject)) if subject else 0,
        manages=has_role(OPERATOR),
        may_reset=may_reset(current_roles(), of_person),
        sees_events=sees_events,
        events=describe_events(events),
        problems=problems,
        typed_group=typed_group,
        labels={"group": N_("Group")},
    )
