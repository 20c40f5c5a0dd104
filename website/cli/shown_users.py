"""``flask users list`` and ``flask users show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from .. import clock
from ..models.user import User
from ..routes.current.authorization_server import authorization_server
from ..standard_claims import CLAIMS, VERIFIED
from ..users.last_logins import EVER
from .console import TAKES_HYPHENS, as_json, local_users, moment, print_facts, print_json, print_table
from .user_group import find_user, users


@users.command("list")
@click.option("--find", "part", default="", help="Only accounts whose username contains this.")
@click.option(
    "--no-login-for",
    "days",
    type=click.IntRange(1, 36500),
    help="Only accounts at least this many days old that nobody has logged in to in that time.",
)
@click.option("--never-logged-in", is_flag=True, help="Only accounts that nobody has logged in to.")
@click.option("--limit", default=1000, show_default=True, help="The maximum number to show.")
@as_json
def list_users(part: str, days: int | None, never_logged_in: bool, limit: int, is_json: bool) -> None:
    """List the accounts by name.

    A login counts for as long as its event is kept, by default a year. --no-login-for and --never-logged-in leave out
    disabled accounts.
    """
    if never_logged_in and days is not None:
        raise click.UsageError("Use either --no-login-for or --never-logged-in, not both.")
    since = EVER if never_logged_in else days and clock.now() - days * 86400
    rows = local_users().list_rows(part, limit, no_login_since=since)
    last_logins = local_users().find_last_logins(rows)
    if is_json:
        print_json([_facts(row, last_logins) for row in rows])
        return
    roles = authorization_server().access.roles.own_of_each(rows)
    print_table(
        ("ID", "USERNAME", "NAME", "EMAIL", "ROLES", "CREATED", "LAST LOGIN", "DISABLED"),
        [
            (
                row.id,
                row.username,
                row.name,
                row.email,
                ", ".join(roles[row.id]),
                moment(row.created_at),
                moment(last_logins.get(row.id)),
                moment(row.disabled_at),
            )
            for row in rows
        ],
    )
    total = local_users().count()
    if len(rows) < total:
        click.echo(f"{len(rows)} of {total}")


@users.command("show", context_settings=TAKES_HYPHENS)
@click.argument("username")
@as_json
def show_user(username: str, is_json: bool) -> None:
    """Show an account: its claims and groups, and how many login sessions and connected apps it has."""
    row = find_user(username)
    server = authorization_server()
    subject = server.accounts.subjects.find(str(row.id))
    factors, own_roles = server.accounts.second_factors.find(str(row.id)), server.access.roles.own_of(row)
    facts = _facts(row, local_users().find_last_logins([row])) | {
        "needs_second_factor": factors.are_required,
        "authenticator_app": factors.has_totp,
        "passkeys": factors.passkeys,
        "recovery_codes": factors.recovery_codes,
        "subject": subject,
        "roles": own_roles,
        "roles_by_groups": sorted(server.access.roles.of(row.id, is_operator=row.is_operator) - {*own_roles}),
        "groups": [group.name for group in server.access.groups.groups_of(row.id)],
        "sessions": len(server.sessions.list_of(subject)) if subject else 0,
        "connected_apps": len(server.grants.consents.list_connected_apps(subject)) if subject else 0,
    }
    if is_json:
        print_json(facts)
    else:
        facts |= {name: ", ".join(facts[name]) for name in ("roles", "roles_by_groups", "groups")}
        print_facts({name: value for name, value in facts.items() if value not in (None, "")})


def _facts(row: User, last_logins: Mapping[int, int]) -> dict[str, Any]:
    claims = {name: getattr(row, name) for name in (*CLAIMS, *VERIFIED.values())}
    return {
        "id": row.id,
        "username": row.username,
        "is_operator": row.is_operator,
        "password_change_required": row.password_change_required,
        "created_at": moment(row.created_at),
        "last_login_at": moment(last_logins.get(row.id)),
        "disabled_at": moment(row.disabled_at),
        "updated_at": moment(row.updated_at),
        **claims,
    }
