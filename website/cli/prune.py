"""``flask prune``: deleting expired rows."""

from __future__ import annotations

import sys
import threading

import click
from flask.cli import with_appcontext

from ..database.pruning import Pruning
from ..routes.current.authorization_server import authorization_server
from .console import as_json, print_json, print_table
from .shown_errors import Command
from .stop_signals import stop_signals


@click.command("prune", cls=Command)
@click.option(
    "--batch",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="The maximum number of rows per transaction.",
)
@click.option("--dry-run", is_flag=True, help="Only count the rows.")
@as_json
@with_appcontext
def prune(batch: int, dry_run: bool, is_json: bool) -> None:
    """Delete expired rows in small transactions. Only deletes rows that nothing can use.

    Run it once a day from a timer, beside running nodes. It can be stopped with SIGTERM or SIGINT at any time: it says
    what it has deleted, and the next run continues. Two at once are harmless.
    """
    server = authorization_server()
    pruning = Pruning(server.database, server.settings, batch)
    with stop_signals() as stop:
        if dry_run:
            counts = {model.__tablename__: pruning.count(model) for model in pruning.models}
        else:
            counts = _delete(pruning, stop, hidden=is_json or not sys.stderr.isatty())
        if not dry_run and any(counts.values()):
            detail = {name: count for name, count in counts.items() if count}
            server.audit.record("database_pruned", detail=detail)
    if is_json:
        print_json(counts)
    else:
        print_table(("TABLE", "EXPIRED" if dry_run else "DELETED"), counts.items())
    if stop.is_set():
        click.echo("Stopped early: the next run deletes the rest.", err=True)


def _delete(pruning: Pruning, stop: threading.Event, *, hidden: bool) -> dict[str, int]:
    """Delete the expired rows of each table until told to stop; return how many each table lost."""
    counts: dict[str, int] = {}
    for model in pruning.models:
        name = model.__tablename__
        counts[name] = 0
        with click.progressbar(
            length=0 if hidden else pruning.count(model), label=name, file=sys.stderr, hidden=hidden
        ) as bar:
            for deleted in pruning.delete(model):
                counts[name] += deleted
                bar.update(deleted)
                if stop.is_set():
                    return counts
    return counts
