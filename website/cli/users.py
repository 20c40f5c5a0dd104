"""Owns ``flask users``: the accounts of our own table, for whoever runs the server."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from ..account_export import export_account
from ..claims import CLAIMS, VERIFIED, ClaimsError
from ..models.user import User
from ..passwords import PasswordError, check_new_password
from ..users import UsernameError
from .console import TAKES_HYPHENS, as_json, current_server, local_users, moment, print_facts, print_json, print_table

users = AppGroup("users", help="Manage the accounts.")
password_option = click.password_option(help="Asked for when it is not given.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@users.command("create", context_settings=TAKES_HYPHENS)
@click.argument("username")
@password_option
def create_user(username: str, password: str) -> None:
    """Create an account that logs in with a password."""
    try:
        check_new_password(password, username)
        account = local_users().create(username, password)
    except (UsernameError, PasswordError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"User {account.username} created")


@users.command("list")
@click.option("--find", "part", default="", help="Only those whose name has this in it.")
@click.option("--limit", default=1000, show_default=True, help="How many at most.")
@as_json
def list_users(part: str, limit: int, is_json: bool) -> None:
    """Show the accounts, by name."""
    rows = local_users().list_rows(part, limit)
    if is_json:
        print_json([_facts(row) for row in rows])
        return
    print_table(
        ("ID", "USERNAME", "NAME", "EMAIL", "OPERATOR", "CREATED", "DISABLED"),
        [
            (
                row.id,
                row.username,
                row.name,
                row.email,
                "yes" if row.is_operator else "",
                moment(row.created_at),
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
    """Show one account: its claims, and how many sessions it has."""
    row = _row(username)
    server = current_server()
    subject = server.subjects.find(str(row.id))
    facts = _facts(row) | {
        "subject": subject,
        "sessions": len(server.sessions.list_of(subject)) if subject else 0,
        "connected_apps": len(server.consents.list_connected_apps(subject)) if subject else 0,
    }
    if is_json:
        print_json(facts)
    else:
        print_facts({name: value for name, value in facts.items() if value not in (None, "")})


@users.command("disable", context_settings=TAKES_HYPHENS)
@click.argument("username")
def disable_user(username: str) -> None:
    """Let an account log in no more, and end all its sessions and tokens."""
    row = _row(username)
    local_users().disable(row.id)
    click.echo(f"User {row.username} disabled; every session and token has ended")


@users.command("enable", context_settings=TAKES_HYPHENS)
@click.argument("username")
def enable_user(username: str) -> None:
    """Let a disabled account log in again. What was ended stays ended."""
    row = _row(username)
    local_users().enable(row.id)
    click.echo(f"User {row.username} enabled")


@users.command("passwd", context_settings=TAKES_HYPHENS)
@click.argument("username")
@password_option
def set_password(username: str, password: str) -> None:
    """Give an account a new password, and end all its sessions and tokens."""
    row = _row(username)
    try:
        local_users().set_password(row.id, password)
    except PasswordError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Password of {row.username} changed; every session and token has ended")


@users.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("username")
@yes_option
def delete_user(username: str, yes: bool) -> None:
    """Delete an account for good, with its sessions, tokens and consents. Its clients stay, without an owner."""
    row = _row(username)
    if not yes:
        click.confirm(f"Delete {row.username} for good?", abort=True)
    local_users().delete(row.id)
    click.echo(f"User {row.username} deleted")


def _claim_options(command: Any) -> Any:
    for name in reversed([*VERIFIED.values()]):
        flag = name.replace("_", "-")
        command = click.option(f"--{flag}/--no-{flag}", name, default=None, help="Whether it was verified.")(command)
    for name, claim in reversed([*CLAIMS.items()]):
        command = click.option(f"--{name.replace('_', '-')}", name, help=f"{claim.label}.")(command)
    return command


@users.command("set", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option(
    "--operator/--no-operator", "is_operator", default=None, help="Whether they may create and change clients for all."
)
@_claim_options
def set_claims(username: str, is_operator: bool | None, **values: Any) -> None:
    """Set claims of an account, an empty text takes one away; or say whether it is an operator's."""
    row = _row(username)
    verified = {name: values.pop(name) for name in VERIFIED.values()}
    given = {name: value for name, value in values.items() if value is not None}
    flags = {name: value for name, value in verified.items() if value is not None}
    if not given and not flags and is_operator is None:
        raise click.UsageError("Name at least one claim, --operator or --no-operator.")
    try:
        local_users().set_claims(row.id, given, flags)
    except ClaimsError as error:
        lines = [f"--{name.replace('_', '-')}: {problem}" for name, problem in error.problems.items()]
        raise click.ClickException("\n".join(lines)) from None
    if is_operator is not None:
        local_users().set_operator(row.id, is_operator)
    click.echo(f"User {row.username} changed")


@users.command("export", context_settings=TAKES_HYPHENS)
@click.argument("username")
def export_user(username: str) -> None:
    """Print all that is kept about an account as JSON."""
    row = _row(username)
    server = current_server()
    print_json(export_account(server.database, row))
    server.audit.record("account_exported", subject=server.subjects.find(str(row.id)), detail={"user": row.id})


def _row(username: str) -> User:
    row = local_users().find_row(username)
    if row is None:
        raise click.ClickException(f"There is no user named {username!r}.")
    return row


def _facts(row: User) -> dict[str, Any]:
    claims = {name: getattr(row, name) for name in (*CLAIMS, *VERIFIED.values())}
    return {
        "id": row.id,
        "username": row.username,
        "is_operator": row.is_operator,
        "created_at": moment(row.created_at),
        "disabled_at": moment(row.disabled_at),
        "updated_at": moment(row.updated_at),
        **claims,
    }
