"""``flask db``: the commands of Flask-Migrate, which is loaded for them and for ``flask initdb`` alone."""

from __future__ import annotations

from pathlib import Path

import click
from flask import Flask
from flask.cli import ScriptInfo

from ..deferred_import import DeferredModule
from ..models import db

flask_migrate = DeferredModule("flask_migrate")
FOLDER = Path(__file__).parent.parent / "migrations"


class MigrationCommands(click.Group):
    """Looks up its commands at Flask-Migrate, once one is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._load(ctx).commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._load(ctx).commands.get(cmd_name)

    def _load(self, ctx: click.Context) -> click.Group:
        prepare_migrations(ctx.ensure_object(ScriptInfo).load_app())
        group: click.Group = flask_migrate.cli.db
        return group


migrations = MigrationCommands("db", help="Perform database migrations.")


def prepare_migrations(app: Flask) -> None:
    """Let Flask-Migrate know the tables and the migrations of an application."""
    if "migrate" not in app.extensions:
        flask_migrate.Migrate(app, db, directory=str(FOLDER))


def upgrade(app: Flask) -> None:
    """Create or update the tables, in an application context."""
    prepare_migrations(app)
    flask_migrate.upgrade()
