"""``flask roles``: giving roles of this server to accounts and groups, taking them, and listing who has which."""

from __future__ import annotations

import click

from ..access.roles import HELPDESK, ROLES, RoleError, Roles
from ..routes.current.authorization_server import authorization_server
from .console import TAKES_HYPHENS, as_json, local_users, print_json, print_table
from .groups import find_group, refusals_shown
from .login_methods import tell_ended_access, tell_ways_in
from .reset_links import ended_links_told
from .shown_errors import Group
from .user_group import find_user
from .users import last_operator_kept, last_operator_option

roles = Group("roles", help="Say who may do what on this server's pages: operator, auditor, helpdesk, developer.")
role_argument = click.argument("role", type=click.Choice([*ROLES]))
group_option = click.option(
    "--group", "is_group", is_flag=True, help="NAME is a group: the role is for everybody in it."
)


@roles.command("grant", context_settings=TAKES_HYPHENS)
@role_argument
@click.argument("name")
@group_option
def grant_role(role: str, name: str, is_group: bool) -> None:
    """Give a role to an account, or to everybody in a group.

    An operator manages people, groups, clients and APIs, and reads events. An auditor reads people, groups and events,
    and changes nothing. The helpdesk sees people, and resets passwords and second factors of people without a role. A
    developer creates clients of their own.
    """
    if not is_group:
        row = find_user(name)
        with ended_links_told():
            changed = find_roles().grant(row.id, role)
            click.echo(f"{row.username} {'is now' if changed else 'already is'} {_words(role)}")
            tell_ended_access([role] if changed else [])
        tell_ways_in(row.username)
        return
    group = find_group(name)
    with refusals_shown(), ended_links_told():
        try:
            changed = find_roles().grant_to_group(group.id, role)
        except RoleError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"Everybody in {group.name} {'is now' if changed else 'already is'} {_words(role)}")
        tell_ended_access([role] if changed else [])


@roles.command("revoke", context_settings=TAKES_HYPHENS)
@role_argument
@click.argument("name")
@group_option
@last_operator_option
def revoke_role(role: str, name: str, is_group: bool, last_operator: bool) -> None:
    """Take a role from an account or a group."""
    if is_group:
        group = find_group(name)
        with refusals_shown():
            changed = find_roles().revoke_from_group(group.id, role)
        click.echo(f"{group.name} {'no longer has' if changed else 'does not have'} the role {role}")
        return
    row = find_user(name)
    with last_operator_kept(row.username):
        changed = find_roles().revoke(row.id, role, may_be_last=last_operator)
    click.echo(f"{row.username} {'no longer has' if changed else 'does not have'} the role {role}")


@roles.command("list")
@as_json
def list_roles(is_json: bool) -> None:
    """List who has which role. A group's members aren't listed."""
    holders = find_roles().list_holders()
    if is_json:
        print_json([{"role": role, "group" if is_group else "username": name} for role, name, is_group in holders])
        return
    print_table(
        ("ROLE", "ACCOUNT", "GROUP"),
        [(role, "" if is_group else name, name if is_group else "") for role, name, is_group in holders],
    )


def find_roles() -> Roles:
    """Return the roles. Raises ``ClickException`` if the application has external users."""
    local_users()
    return authorization_server().access.roles


def _words(role: str) -> str:
    return "on the helpdesk" if role == HELPDESK else ("an " if role[0] in "ao" else "a ") + role
