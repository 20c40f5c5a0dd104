"""Owns ``flask backup``: a copy of the database while the server goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from ..database.backup import BackupError, back_up
from ..routes.authorization_server import authorization_server
from .shown_errors import Command


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@with_appcontext
def backup(file: Path, overwrite: bool) -> None:
    """Write a checked copy of the database to FILE while the server goes on.

    The configuration's secrets are not in it: keep SECRET_KEY and OAUTH2_KEY_ENCRYPTION_KEY elsewhere, or the copy
    opens nothing.
    """
    server = authorization_server()
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=100, label="Copying", file=sys.stderr, hidden=hidden) as bar:
        try:
            back_up(
                server.database.engine,
                file,
                overwrite=overwrite,
                on_progress=lambda done, total: bar.update(max(0, done * 100 // max(total, 1) - bar.pos)),
            )
        except BackupError as error:
            raise click.ClickException(str(error)) from None
    server.audit.record("database_backed_up", detail={"bytes": file.stat().st_size})
    click.echo(f"{file}: {file.stat().st_size} bytes, checked")
