"""``flask prune``: deleting expired rows."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from ..database.pruning import Pruning
from ..routes.authorization_server import authorization_server
from .console import as_json, print_json, print_table
from .shown_errors import Command


@click.command("prune", cls=Command)
@click.option("--batch", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="Rows per transaction.")
@click.option("--dry-run", is_flag=True, help="Only count the rows.")
@as_json
@with_appcontext
def prune(batch: int, dry_run: bool, is_json: bool) -> None:
    """Delete expired rows in batches. Only deletes rows that nothing can use.

    Run it once a day from a timer. Two at once are harmless.
    """
    server = authorization_server()
    pruning = Pruning(server.database, server.settings, batch)
    counts = {}
    for model in pruning.models:
        name = model.__tablename__
        counts[name] = pruning.count(model)
        if counts[name] and not dry_run:
            hidden = is_json or not sys.stderr.isatty()
            with click.progressbar(length=counts[name], label=name, file=sys.stderr, hidden=hidden) as bar:
                counts[name] = 0
                for deleted in pruning.delete(model):
                    counts[name] += deleted
                    bar.update(deleted)
    if not dry_run and any(counts.values()):
        detail = {name: count for name, count in counts.items() if count}
        server.audit.record("database_pruned", detail=detail)
    if is_json:
        print_json(counts)
    else:
        print_table(("TABLE", "EXPIRED" if dry_run else "DELETED"), counts.items())
