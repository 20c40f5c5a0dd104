"""``flask mail``: emails that wait or have failed, sending them again, and a test message."""

from __future__ import annotations

import click

from .. import clock
from ..identifiers import new_identifier
from ..mail import Mail, QueuedMail, describe_failure
from ..outbox import UndeliverableError
from ..routes.current.authorization_server import authorization_server
from .console import as_json, moment, print_json, print_table
from .shown_errors import Group

mail = Group("mail", help="List unsent emails, send them again, and try the SMTP server.")


@mail.command("list")
@click.option("--limit", default=1000, show_default=True, help="The maximum number to show.")
@as_json
def list_messages(limit: int, is_json: bool) -> None:
    """List pending emails and those that have failed for good; the latter have no next try."""
    headings = ("id", "kind", "address", "tries", "next_try_at", "created_at", "problem")
    rows = [
        (row.id, row.kind, row.address, row.tries, moment(row.next_try_at), moment(row.created_at), row.problem)
        for row in _mail().messages.list_unsent(limit)
    ]
    if is_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_table([heading.upper().replace("_", " ") for heading in headings], rows)


@mail.command("retry")
def retry_messages() -> None:
    """Send every waiting or failed email now."""
    count = _mail().retry()
    click.echo(f"{count} {'email' if count == 1 else 'emails'} will be sent")


@mail.command("test")
@click.argument("address")
def send_test(address: str) -> None:
    """Send a test message to ADDRESS now, and say what the SMTP server answers."""
    now = clock.now()
    message = QueuedMail(new_identifier(), "test", None, address, None, {"at": now}, now, 1, now)
    try:
        _mail().deliver(message)
    except (UndeliverableError, OSError) as error:
        raise click.ClickException(f"Not sent. {describe_failure(error)}") from None
    if authorization_server().settings.demo:
        click.echo("The demo sends no emails: see /dev/mail.")
    else:
        click.echo(f"The SMTP server accepted a message to {address}")


def _mail() -> Mail:
    """Return the server's mail. Raises ``ClickException`` where there is none."""
    server = authorization_server()
    if server.accounts.are_external:
        raise click.ClickException("This application has its own users: it sends their emails.")
    if not server.mail.is_on:
        raise click.ClickException("Set OAUTH2_SMTP_HOST and OAUTH2_MAIL_FROM first: no emails are sent.")
    return server.mail
