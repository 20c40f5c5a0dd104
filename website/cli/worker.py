"""``flask worker`` and ``flask logout-notices``: sending logout notices and emails, and retrying failed notices."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click
from flask.cli import with_appcontext

from ..database import DatabaseUnavailableError
from ..database.pruning import Pruning
from ..logs import get_logger
from ..models.login_session import LoginSession
from ..oauth2.server import AuthorizationServer
from ..outbox import OutboxSender
from ..routes.current.authorization_server import authorization_server
from .console import as_json, moment, print_json, print_table
from .shown_errors import Command, Group
from .stop_signals import stop_signals

#: How often to look for expired logins, and whether the database is still the same.
SWEEP_SECONDS, LOOK_SECONDS = 60, 1
log = get_logger("grantwright.worker")
logout_notices = Group("logout-notices", help="List undelivered logout notices, and send them again.")


@click.command("worker", cls=Command)
@click.option("--once", is_flag=True, help="Send what is due now, then stop.")
@with_appcontext
def worker(once: bool) -> None:
    """Send logout notices to clients, and emails, until stopped with SIGTERM or SIGINT.

    Expired logins are ended too, so that clients are notified of them. Several workers at once are harmless.
    """
    server = authorization_server()
    senders = server.outbox_senders()
    if not senders:
        raise click.ClickException("Back-channel logout and emails are turned off: there is nothing to send.")
    if once:
        _end_what_ran_out(server)
        for sender in senders:
            sender.run_once()
        return
    with stop_signals() as stop, ThreadPoolExecutor(len(senders) + 1, "worker") as pool:
        runs = [pool.submit(_run_sender, sender, stop) for sender in senders]
        pool.submit(_sweep, server, stop)
        log.info("worker started")
        while not stop.wait(LOOK_SECONDS) and not server.database.opened_file.problem:
            pass
        stop.set()
    for run in runs:
        run.result()
    if problem := server.database.opened_file.problem:
        raise click.ClickException(problem)
    log.info("worker stopped")


def _run_sender(sender: OutboxSender[Any], stop: threading.Event) -> None:
    """Run one sender; an unexpected error of it stops the others too, so that the worker is started again."""
    try:
        sender.run(stop)
    finally:
        stop.set()


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
        for row in server.sessions.logout_queue.list_ended(limit)
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
    count = authorization_server().sessions.logout_queue.retry()
    click.echo(f"{count} {'notice' if count == 1 else 'notices'} will be sent")
