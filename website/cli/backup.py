"""``flask backup``: a copy of the database, made while the server runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from ..database.backup import BackupError, back_up
from ..oauth2.server import AuthorizationServer
from ..routes.current.authorization_server import authorization_server
from .console import name_database
from .shown_errors import Command
from .stop_signals import interrupted_by_sigterm


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@with_appcontext
def backup(file: Path, overwrite: bool) -> None:
    """Back up the database to FILE and verify the copy; the server can keep running.

    You can stop it with SIGTERM or SIGINT; nothing is left behind then.

    The backup doesn't include the configuration's secrets. Store SECRET_KEY and OAUTH2_KEY_ENCRYPTION_KEY separately:
    without them, the keys in the backup can't be decrypted.
    """
    server = authorization_server()
    with interrupted_by_sigterm():
        _back_up(server, file, overwrite)
    server.audit.record("database_backed_up", detail={"bytes": file.stat().st_size})
    click.echo(f"{file}: {file.stat().st_size} bytes, a verified copy of {name_database()}")


def _back_up(server: AuthorizationServer, file: Path, overwrite: bool) -> None:
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
