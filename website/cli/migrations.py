"""``flask db``: the commands of Flask-Migrate, which is only loaded for them and for ``flask initdb``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import ScriptInfo

from ..deferred_import import DeferredModule
from ..models import db

flask_migrate = DeferredModule("flask_migrate")
FOLDER = Path(__file__).parent.parent / "migrations"


class MigrationCommands(click.Group):
    """A stand-in for Flask-Migrate's group that loads it when one of its commands runs."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        app = (parent or click.get_current_context()).ensure_object(ScriptInfo).load_app()
        prepare_migrations(app)
        group: click.Group = flask_migrate.cli.db
        return group.make_context(info_name, args, parent, **extra)


migrations = MigrationCommands("db", help="Perform database migrations.")


def prepare_migrations(app: Flask) -> None:
    """Set up Flask-Migrate with an application's tables and migrations."""
    if "migrate" not in app.extensions:
        flask_migrate.Migrate(app, db, directory=str(FOLDER))


def upgrade(app: Flask) -> None:
    """Create or update the tables, in an application context."""
    prepare_migrations(app)
    flask_migrate.upgrade()
