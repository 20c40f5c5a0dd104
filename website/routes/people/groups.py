"""The pages of groups: the list, and one group with its members, its label, its roles and its end."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from ...access.group_changes import MAX_AT_ONCE
from ...access.group_names import MAX_LABEL_CHARACTERS, MAX_NAME_CHARACTERS, GroupError
from ...access.roles import OPERATOR, ROLES, ROLES_OF_GROUPS
from ...models.group import Group
from ...translatable import N_
from ...users.account_managers import MANAGING_ROLES
from ...users.usernames import username_key
from ..current.authorization_server import authorization_server
from ..current.current_roles import MANAGES_PEOPLE, SEES_GROUPS, has_role, role_required
from ..current.login_session import current_login
from ..language.translations import translate
from ..login.act_confirmation import find_confirmation
from ..login.login_before_act import login_before_act, send_to_login
from ..login.password_confirmation import PASSWORD, find_refusal
from ..presentation.paging import cut_page
from .group_use import find_uses

PAGE_ROWS, MAX_SEARCH_CHARACTERS, MAX_NAMES_SHOWN = 50, 150, 10
LABELS = {
    "name": N_("Name"),
    "label": N_("Label"),
    "usernames": N_("Usernames"),
    PASSWORD: N_("Your password"),
}
LIMITS = {"name": MAX_NAME_CHARACTERS, "label": MAX_LABEL_CHARACTERS}
bp = Blueprint("groups", __name__)


@bp.get("/groups")
@role_required(SEES_GROUPS)
def list_groups() -> str:
    """List the groups by name, a page at a time, or those that a search finds."""
    return _render_list({}, {})


@bp.post("/groups")
@role_required(MANAGES_PEOPLE)
def create_group() -> Any:
    """Create a group."""
    typed = {name: request.form.get(name, "") for name in ("name", "label")}
    try:
        group = authorization_server().access.groups.create(typed["name"], typed["label"], by=current_login().subject)
    except GroupError as error:
        return _render_list(typed, {error.field: str(error)}), 422
    return redirect(url_for("groups.show_group", name=group.name), 303)


@bp.get("/groups/<name>")
@role_required(SEES_GROUPS)
def show_group(name: str) -> str:
    """Show a group and its members, a page at a time."""
    return _render(_find(name), {}, {})


@bp.post("/groups/<name>/names")
@role_required(MANAGES_PEOPLE)
def change_names(name: str) -> Any:
    """Change a group's label, and its name, which applications see."""
    group, label = _find(name), request.form.get("label", "")
    new_name = request.form.get("name", group.name)
    if new_name != group.name and (answer := send_to_login(_page_of(group))):
        return answer
    try:
        changed = authorization_server().access.groups.update(
            group.id, name=new_name, label=label, by=current_login().subject
        )
    except GroupError as error:
        return _render(group, {"name": new_name, "label": label}, {error.field: str(error)}), 422
    flash(_("Saved."))
    return _to_group(changed)


@bp.post("/groups/<name>/required_factor")
@role_required(MANAGES_PEOPLE)
def require_factor(name: str) -> Any:
    """Have the members of a group need a second factor to log in, or no longer."""
    group, is_required = _find(name), request.form.get("required") == "yes"
    if answer := send_to_login(_page_of(group)):
        return answer
    groups = authorization_server().access.groups
    groups.update(group.id, requires_factor=is_required, by=current_login().subject)
    if is_required:
        flash(_("Members of %(group)s need a second factor to log in.", group=group.label))
    else:
        flash(_("Members of %(group)s no longer need a second factor.", group=group.label))
    return _to_group(group)


@bp.post("/groups/<name>/members/add")
@role_required(MANAGES_PEOPLE)
def add_members(name: str) -> Any:
    """Add accounts to a group, given by their usernames, one per line."""
    group, server, typed = _find(name), authorization_server(), request.form.get("usernames", "")
    if server.access.roles.is_sensitive(group) and (answer := send_to_login(_page_of(group))):
        return answer
    names = [line.strip() for line in typed.splitlines() if line.strip()]
    ids = server.accounts.own_users.ids_of_names(names[:MAX_AT_ONCE])
    unknown = [line for line in names if username_key(line) not in ids]
    problem = ""
    if len(names) > MAX_AT_ONCE:
        problem = _("Enter at most %(count)s usernames at once.", count=MAX_AT_ONCE)
    elif unknown:
        problem = _("Nothing was changed. Unknown: %(names)s", names=", ".join(unknown[:MAX_NAMES_SHOWN]))
    elif not names:
        problem = _("Enter at least one username.")
    if not problem:
        try:
            added = server.access.groups.add_members(group.id, [*ids.values()], by=current_login().subject)
        except GroupError as error:
            problem = str(error)
        else:
            flash(ngettext("%(num)s person added.", "%(num)s people added.", len(added)))
            return _to_group(group)
    return _render(group, {"usernames": typed}, {"usernames": problem}), 422


@bp.post("/groups/<name>/members/<int:user_id>/remove")
@role_required(MANAGES_PEOPLE)
def remove_member(name: str, user_id: int) -> Any:
    """Take an account out of a group."""
    group, server = _find(name), authorization_server()
    person = server.accounts.own_users.find_row_by_id(str(user_id)) or abort(404)
    if server.access.roles.is_sensitive(group) and (answer := send_to_login(_page_of(group))):
        return answer
    server.access.groups.remove_members(group.id, [person.id], by=current_login().subject)
    flash(_("%(username)s is no longer in %(group)s.", username=person.username, group=group.name))
    return _to_group(group)


@bp.get("/groups/<name>/delete")
@role_required(MANAGES_PEOPLE)
def show_deletion(name: str) -> str:
    """Say what ends with a group."""
    return _render_act(_find(name), "delete")


@bp.post("/groups/<name>/delete")
@role_required(MANAGES_PEOPLE)
def delete_group(name: str) -> Any:
    """Delete a group; the accounts in it stay."""
    group, refusal = _find(name), find_refusal()
    if refusal is not None:
        return _render_act(group, "delete", problems=refusal.problems), refusal.status, refusal.headers
    authorization_server().access.groups.delete(group.id, by=current_login().subject)
    flash(_("The group %(group)s was deleted.", group=group.name))
    return redirect(url_for("groups.list_groups"), 303)


@bp.get("/groups/<name>/roles/<role>/<any(grant, revoke):act>")
@role_required(MANAGES_PEOPLE)
def show_role_change(name: str, role: str, act: str) -> str:
    """Say what a role allows everybody in a group."""
    return _render_act(_find(name), act, _known(role))


@bp.post("/groups/<name>/roles/<role>/<any(grant, revoke):act>")
@role_required(MANAGES_PEOPLE)
def change_role(name: str, role: str, act: str) -> Any:
    """Give a role to everybody in a group, or take it."""
    group, roles, refusal = _find(name), authorization_server().access.roles, find_refusal()
    if refusal is not None:
        return _render_act(group, act, _known(role), refusal.problems), refusal.status, refusal.headers
    change = roles.grant_to_group if act == "grant" else roles.revoke_from_group
    change(group.id, _known(role), by=current_login().subject)
    flash(_("Saved."))
    return _to_group(group)


def _find(name: str) -> Group:
    return authorization_server().access.groups.find(name) or abort(404)


def _known(role: str) -> str:
    return role if role in ROLES_OF_GROUPS else abort(404)


def _page_of(group: Group) -> str:
    return url_for("groups.show_group", name=group.name)


def _to_group(group: Group) -> Any:
    return redirect(_page_of(group), 303)


def _render_list(typed: dict[str, str], problems: dict[str, str]) -> str:
    part, after = request.args.get("find", "").strip()[:MAX_SEARCH_CHARACTERS], request.args.get("after", "")
    found = authorization_server().access.groups.list_rows(part, after, PAGE_ROWS + 1)
    groups, next_after = cut_page(found, PAGE_ROWS, lambda group: group.name_key)
    return render_template(
        "groups.html",
        groups=groups,
        part=part,
        is_first=not after,
        next_after=next_after,
        manages=has_role(OPERATOR),
        typed=typed,
        problems=problems,
        labels=LABELS,
        limits=LIMITS,
    )


def _render(group: Group, typed: dict[str, str], problems: dict[str, str]) -> str:
    access, after = authorization_server().access, request.args.get("after", "")
    found = access.groups.list_members(group.id, after, PAGE_ROWS + 1)
    members, next_after = cut_page(found, PAGE_ROWS, lambda member: member[0].username_key)
    return render_template(
        "group.html",
        group=group,
        members=members,
        is_first=not after,
        next_after=next_after,
        manages=has_role(OPERATOR),
        own_roles=access.roles.of_group(group.id),
        all_roles={role: translate(ROLES[role]) for role in ROLES_OF_GROUPS},
        login_first=login_before_act(_page_of(group)) if access.roles.is_sensitive(group) else "",
        typed={"name": group.name, "label": group.label, **typed},
        problems=problems,
        labels=LABELS,
        limits=LIMITS,
    )


def _render_act(group: Group, act: str, role: str = "", problems: dict[str, str] | None = None) -> str:
    return render_template(
        "group_act.html",
        act=act,
        group=group,
        role=role,
        allowed=ROLES.get(role, ""),
        ends_apps=role in MANAGING_ROLES,
        own_roles=authorization_server().access.roles.of_group(group.id),
        confirmation=find_confirmation(),
        uses=find_uses(group) if act == "delete" else [],
        max_uses=MAX_NAMES_SHOWN,
        problems=problems or {},
        labels=LABELS,
    )
