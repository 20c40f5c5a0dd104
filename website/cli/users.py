"""The ``flask users`` commands that create, change and delete one of our own accounts, or export it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..access.roles import OPERATOR, ROLES
from ..clients.owners import OwnedClientsError, OwnerGoneError
from ..routes.current.authorization_server import authorization_server
from ..standard_claims import ClaimsError
from ..users.account_rows import new_user
from ..users.export import export_account
from ..users.last_operator import LastOperatorError
from ..users.password_hashing import PasswordError
from ..users.usernames import UsernameError
from .claim_options import claim_options, read_claims, refuse_claims
from .console import TAKES_HYPHENS, local_users, print_json
from .login_methods import tell_ended_access, tell_ways_in
from .new_password import password_options, read_password
from .reset_links import ended_links_told, print_link, qr_option, require_passwords, valid_hours_option
from .user_group import find_user, users

yes_option = click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
last_operator_option = click.option(
    "--last-operator",
    is_flag=True,
    help="Do it even if no operator is left to manage the server's pages.",
)


@users.command("create", context_settings=TAKES_HYPHENS)
@click.argument("username")
@password_options
@click.option("--link", is_flag=True, help="Instead of a password, print a one-time link for setting one.")
@valid_hours_option
@qr_option
@click.option("--operator", "is_operator", is_flag=True, help="Give the operator role: create and change all clients.")
@click.option("--role", "roles", multiple=True, type=click.Choice([*ROLES]), help="Give a role; can be repeated.")
@claim_options
def create_user(
    username: str,
    password: str | None,
    password_stdin: bool,
    link: bool,
    valid_hours: int,
    qr: bool | None,
    is_operator: bool,
    roles: tuple[str, ...],
    **values: Any,
) -> None:
    """Create an account with a password, or a link to set one, and claims."""
    if link:
        require_passwords()
        if password is not None or password_stdin:
            raise click.UsageError("Use either --link or a password, not both.")
    else:
        password = read_password(password, password_stdin)
    claims, verified = read_claims(values)
    try:
        if password is not None:
            local_users().new_passwords.check(password, new_user(username, None), claims)
        account = local_users().create(username, password, claims, verified)
    except (UsernameError, PasswordError) as error:
        raise click.ClickException(str(error)) from None
    except ClaimsError as error:
        raise refuse_claims(error) from None
    for role in {*roles, *([OPERATOR] if is_operator else ())}:
        authorization_server().access.roles.grant(int(account.id), role)
    click.echo(f"User {account.username} created")
    if link:
        token = authorization_server().accounts.password_links.create(int(account.id), valid_hours * 3600)
        print_link(account.username, token, qr)


@users.command("disable", context_settings=TAKES_HYPHENS)
@click.argument("username")
@last_operator_option
def disable_user(username: str, last_operator: bool) -> None:
    """Disable an account, and end its login sessions, tokens and clients."""
    row = find_user(username)
    with last_operator_kept(row.username):
        names = local_users().disable(row.id, may_be_last=last_operator)
    click.echo(f"User {row.username} disabled; its logins ended, its tokens were revoked, and its clients disabled")
    if names:
        click.echo(f"Clients disabled: {', '.join(names)}. `flask clients enable` enables one again.")
    _warn_without_operator()


@users.command("enable", context_settings=TAKES_HYPHENS)
@click.argument("username")
def enable_user(username: str) -> None:
    """Enable a disabled account. Its tokens stay invalid and its clients disabled: see flask clients enable."""
    row = find_user(username)
    local_users().enable(row.id)
    click.echo(f"User {row.username} enabled")


@users.command("passwd", context_settings=TAKES_HYPHENS)
@click.argument("username")
@password_options
def set_password(username: str, password: str | None, password_stdin: bool) -> None:
    """Set a new password for an account, and end its login sessions and tokens."""
    row = find_user(username)
    try:
        local_users().set_password(row.id, read_password(password, password_stdin))
    except PasswordError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Password of {row.username} changed; all login sessions ended, and all tokens were revoked")


@users.command("require-password-change", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option("--off", is_flag=True, help="No longer require it.")
def require_password_change(username: str, off: bool) -> None:
    """Have a person set a new password when they next log in with theirs. Existing logins stay."""
    require_passwords()
    row = find_user(username)
    if not off and row.password_hash is None:
        raise click.ClickException(f"{row.username} has no password. `flask users reset-link` makes a link to set one.")
    changed = local_users().require_password_change(row.id, not off)
    required = "can log in as before" if off else "has to set a new password at the next login with a password"
    click.echo(f"{row.username} {required}" + ("" if changed else "; nothing changed"))


@users.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("username")
@yes_option
@click.option("--new-owner", metavar="USERNAME", help="The account that gets its clients.")
@click.option("--end-clients", is_flag=True, help="Disable its clients and leave them without an owner.")
@last_operator_option
def delete_user(username: str, yes: bool, new_owner: str | None, end_clients: bool, last_operator: bool) -> None:
    """Permanently delete an account with its login sessions, tokens and consents.

    If the account has clients, decide what happens to them: --new-owner or --end-clients.
    """
    row = find_user(username)
    heir = None if new_owner is None else find_user(new_owner)
    if heir is not None and (end_clients or heir.id == row.id or heir.disabled_at is not None):
        raise click.UsageError("--new-owner: name another account that can log in, and leave out --end-clients.")
    if not yes:
        click.confirm(f"Permanently delete {row.username}?", abort=True)
    new_owner_id = heir.id if heir else None
    try:
        with last_operator_kept(row.username):
            names = local_users().delete(
                row.id, new_owner=new_owner_id, ends_clients=end_clients, may_be_last=last_operator
            )
    except OwnerGoneError:
        raise click.ClickException(f"{new_owner} can no longer log in. Nothing was deleted.") from None
    except OwnedClientsError as error:
        raise click.ClickException(
            f"{row.username} owns {', '.join(error.names)}. Add --new-owner USERNAME or --end-clients."
        ) from None
    click.echo(f"User {row.username} deleted")
    if names:
        click.echo(f"{', '.join(names)}: " + (f"now {heir.username}'s" if heir else "disabled, all tokens revoked"))
    _warn_without_operator()


@users.command("set", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option(
    "--operator/--no-operator",
    "is_operator",
    default=None,
    help="Give or remove the operator role: create and change all clients.",
)
@last_operator_option
@claim_options
def set_claims(username: str, is_operator: bool | None, last_operator: bool, **values: Any) -> None:
    """Set claims of an account (an empty value removes one), or give or remove the operator role."""
    row = find_user(username)
    claims, verified = read_claims(values)
    if not claims and not verified and is_operator is None:
        raise click.UsageError("Give at least one claim, --operator or --no-operator.")
    try:
        local_users().set_claims(row.id, claims, verified)
    except ClaimsError as error:
        raise refuse_claims(error) from None
    changed = False
    if is_operator is not None:
        with last_operator_kept(row.username), ended_links_told():
            changed = local_users().set_operator(row.id, is_operator, may_be_last=last_operator)
    click.echo(f"User {row.username} changed")
    if is_operator is False:
        _warn_without_operator()
    if is_operator:
        tell_ended_access(["operator"] if changed else [])
        tell_ways_in(row.username)


@contextmanager
def last_operator_kept(username: str) -> Iterator[None]:
    """Make a command print that an account is the last operator."""
    try:
        yield
    except LastOperatorError:
        raise click.ClickException(
            f"{username} is the last operator. Appoint another one first, or add --last-operator."
        ) from None


def _warn_without_operator() -> None:
    """Warn if no operator is left, so that nobody can manage clients on the pages."""
    if not local_users().has_operator():
        click.echo("Warning: no operator is left. `flask users set NAME --operator` appoints one.", err=True)


@users.command("export", context_settings=TAKES_HYPHENS)
@click.argument("username")
def export_user(username: str) -> None:
    """Print all stored data about an account as JSON."""
    row = find_user(username)
    server = authorization_server()
    print_json(export_account(server.database, server.audit, row))
