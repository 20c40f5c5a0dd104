"""``flask users reset-link`` and ``email-link``, and printing a one-time link as text, QR code or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .. import clock
from ..deferred_import import DeferredModule
from ..mail import DEMO_ISSUER
from ..routes.current.authorization_server import authorization_server
from ..standard_claims import ClaimsError, check_claims
from ..users import email_links, password_links
from ..users.password_links import LINK_SECONDS, MAX_LINK_SECONDS
from .console import TAKES_HYPHENS, as_json, local_users, moment, print_json
from .user_group import find_user, users

segno = DeferredModule("segno")
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


@users.command("email-link", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option("--email", default="", help="An address other than the account's.")
@valid_hours_option
@qr_option
@as_json
def make_email_link(username: str, email: str, valid_hours: int, qr: bool | None, is_json: bool) -> None:
    """Print a link that makes an email address the account's verified one, once.

    Send it to that address: opening it proves that the address belongs to the person. The server sends such links
    by itself if OAUTH2_SMTP_HOST is set.
    """
    local_users()
    row, links = find_user(username), authorization_server().accounts.email_links
    if row.disabled_at is not None:
        raise click.ClickException(f"The account {row.username} is disabled. Run `flask users enable` first.")
    try:
        address = check_claims({"email": email or row.email or ""})["email"]
    except ClaimsError as error:
        raise click.ClickException(str(error.problems["email"])) from None
    if address is None:
        raise click.ClickException(f"The account {row.username} has no email address. Add --email ADDRESS.")
    issuer = authorization_server().settings.issuer or DEMO_ISSUER
    link = f"{issuer}{email_links.path_of(links.create(row.id, address, valid_hours * 3600))}"
    expires_at = moment(clock.now() + valid_hours * 3600)
    if is_json:
        print_json({"username": row.username, "email": address, "link": link, "expires_at": expires_at})
        return
    click.echo(f"One-time link that verifies {address} for {row.username}, valid until {expires_at}:\n{link}")
    _draw(link, qr)


def require_passwords() -> None:
    """Raise ``ClickException`` if accounts have no passwords here: in the demo, and with external users."""
    local_users()
    if authorization_server().settings.demo:
        raise click.ClickException("The demo has no passwords: any username can log in.")


@contextmanager
def ended_links_told() -> Iterator[None]:
    """Say whose one-time links have ended with a change: with a role, say."""
    links = authorization_server().accounts.password_links
    former = links.receivers()
    yield
    for username in sorted(former - links.receivers()):
        click.echo(
            f"The one-time link of {username} no longer works. `flask users reset-link {username}` makes another"
        )


def link_of(token: str) -> str:
    """Return the URL of a one-time link."""
    return authorization_server().settings.issuer + password_links.path_of(token)


def print_link(username: str, token: str, qr: bool | None, is_json: bool = False) -> None:
    """Print a one-time link, with a QR code if wanted or in a terminal."""
    server, link = authorization_server(), link_of(token)
    expires_at = server.accounts.password_links.expires_at(token)
    if is_json:
        print_json({"username": username, "link": link, "expires_at": moment(expires_at)})
        return
    click.echo(f"One-time link for {username} to set a password, valid until {moment(expires_at)}:\n{link}")
    _draw(link, qr)


def _draw(link: str, qr: bool | None) -> None:
    if qr if qr is not None else sys.stdout.isatty():
        segno.make(link, error="l", micro=False).terminal(out=sys.stdout, compact=True)
