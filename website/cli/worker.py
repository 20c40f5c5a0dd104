"""``flask worker`` and ``flask logout-notices``: sending logout notices to clients, and retrying failed ones."""

from __future__ import annotations

import threading

import click
from flask.cli import with_appcontext

from ..database import DatabaseUnavailableError
from ..database.pruning import Pruning
from ..logs import get_logger
from ..models.login_session import LoginSession
from ..oauth2.server import AuthorizationServer
from ..routes.authorization_server import authorization_server
from .console import as_json, moment, print_json, print_table
from .shown_errors import Command, Group
from .stop_signals import stop_signals

#: How often to look for expired logins.
SWEEP_SECONDS = 60
log = get_logger("grantwright.worker")
logout_notices = Group("logout-notices", help="List undelivered logout notices, and send them again.")


@click.command("worker", cls=Command)
@click.option("--once", is_flag=True, help="Send the notices that are due now, then stop.")
@with_appcontext
def worker(once: bool) -> None:
    """Send logout notices to clients until stopped with SIGTERM or SIGINT.

    Expired logins are ended too, so that clients are notified of them. Several workers at once are harmless.
    """
    server = authorization_server()
    if server.registry.logout_notices is None:
        raise click.ClickException("Back-channel logout is turned off: there is nothing to send.")
    if once:
        _end_what_ran_out(server)
        server.registry.logout_notices.run_once()
        return
    with stop_signals() as stop:
        sweeper = threading.Thread(target=_sweep, args=(server, stop), name="sweeper", daemon=True)
        sweeper.start()
        log.info("worker started")
        server.registry.logout_notices.run(stop)
        log.info("worker stopped")


def _sweep(server: AuthorizationServer, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            _end_what_ran_out(server)
        except DatabaseUnavailableError as error:
            log.warning("could not look for expired logins", reason=error.reason)
        stop.wait(SWEEP_SECONDS)


def _end_what_ran_out(server: AuthorizationServer) -> None:
    """Delete logins that have expired or were idle for too long; the database then makes their notices due."""
    for _deleted in Pruning(server.database, server.settings).delete(LoginSession):
        pass


@logout_notices.command("list")
@click.option("--limit", default=1000, show_default=True, help="The maximum number to show.")
@as_json
def list_notices(limit: int, is_json: bool) -> None:
    """List the notices that are due or have failed for good; those have no time."""
    server = authorization_server()
    clients = {client.id: client for client in server.clients.list_all(100_000)}
    rows = [
        (clients[row.client].client_id, clients[row.client].client_name, row.sid, row.tries, moment(row.next_try_at))
        for row in server.sessions.clients.list_ended(limit)
        if row.client in clients
    ]
    headings = ("client_id", "name", "sid", "tries", "next_try_at")
    if is_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_table([heading.upper().replace("_", " ") for heading in headings], rows)


@logout_notices.command("retry")
def retry_notices() -> None:
    """Send every pending or failed notice now."""
    count = authorization_server().sessions.clients.retry()
    click.echo(f"{count} {'notice' if count == 1 else 'notices'} will be sent")
