"""``flask users reset-link``, and printing a one-time link as text, QR code or JSON."""

from __future__ import annotations

import sys
from urllib.parse import quote

import click

from ..deferred_import import DeferredModule
from ..routes.authorization_server import authorization_server
from ..users.password_links import LINK_SECONDS, MAX_LINK_SECONDS
from .console import TAKES_HYPHENS, as_json, local_users, moment, print_json
from .user_group import find_user, users

segno = DeferredModule("segno")
PATH = "/set_password"
qr_option = click.option(
    "--qr/--no-qr", default=None, help="Whether to print the link as a QR code too; by default in a terminal."
)


valid_hours_option = click.option(
    "--valid-hours",
    type=click.IntRange(1, MAX_LINK_SECONDS // 3600),
    default=LINK_SECONDS // 3600,
    show_default=True,
    help="How long a link works.",
)


@users.command("reset-link", context_settings=TAKES_HYPHENS)
@click.argument("username")
@valid_hours_option
@qr_option
@as_json
def make_reset_link(username: str, valid_hours: int, qr: bool | None, is_json: bool) -> None:
    """Print a link that lets a person set a new password, once.

    Previous links of the account stop working. The current password keeps working until a new one is set.
    """
    require_passwords()
    row = find_user(username)
    if row.disabled_at is not None:
        raise click.ClickException(f"The account {row.username} is disabled. Run `flask users enable` first.")
    print_link(
        row.username, authorization_server().accounts.password_links.create(row.id, valid_hours * 3600), qr, is_json
    )


def require_passwords() -> None:
    """Raise ``ClickException`` if accounts have no passwords here: in the demo, and with external users."""
    local_users()
    if authorization_server().settings.demo:
        raise click.ClickException("The demo has no passwords: any username can log in.")


def link_of(token: str) -> str:
    """Return the URL of a one-time link."""
    return f"{authorization_server().settings.issuer}{PATH}?token={quote(token)}"


def print_link(username: str, token: str, qr: bool | None, is_json: bool = False) -> None:
    """Print a one-time link, with a QR code if wanted or in a terminal."""
    server, link = authorization_server(), link_of(token)
    expires_at = server.accounts.password_links.expires_at(token)
    if is_json:
        print_json({"username": username, "link": link, "expires_at": moment(expires_at)})
        return
    click.echo(f"One-time link for {username} to set a password, valid until {moment(expires_at)}:\n{link}")
    if qr if qr is not None else sys.stdout.isatty():
        segno.make(link, error="l", micro=False).terminal(out=sys.stdout, compact=True)
