"""Errors that an operator can fix: commands print the message without a traceback and exit with status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import click
from flask import has_app_context
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy import exc as sqlalchemy_errors

from ..database import DatabaseUnavailableError, SchemaMissingError
from ..keys import KeysMissingError
from ..settings import SettingsError
from .console import name_database

OF_DATABASE = (SchemaMissingError, DatabaseUnavailableError, sqlalchemy_errors.OperationalError)
SHOWN = (SettingsError, KeysMissingError, *OF_DATABASE)


@contextmanager
def shown_in_commands() -> Iterator[None]:
    """Make ``flask`` commands print these errors; elsewhere they propagate."""
    try:
        yield
    except SHOWN as error:
        context = click.get_current_context(silent=True)
        script = context.find_object(ScriptInfo) if context is not None else None
        if script is None:
            raise
        raise click.ClickException(_in_words(error, script)) from error


def _in_words(error: Exception, script: ScriptInfo) -> str:
    """Return the message; if the database is at fault with its name: it may be the wrong one."""
    if not isinstance(error, OF_DATABASE):
        return str(error)
    cause = error.__cause__ if isinstance(error, DatabaseUnavailableError) else error
    if isinstance(cause, sqlalchemy_errors.DBAPIError):
        cause = cause.orig  # without the statement
    message = str(error) if cause in (error, None) else f"The database can't be used: {str(cause).strip()}"
    # That of a command in a group has been left; an embedding application's isn't that of the provider's pages.
    with nullcontext() if has_app_context() else script.load_app().app_context():
        return f"{message}\nDatabase: {name_database()}"


class Command(click.Command):
    """A command outside groups."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with shown_in_commands():
            return super().invoke(ctx)


class Group(AppGroup):
    """A group of commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command of the group."""
        with shown_in_commands():
            return super().invoke(ctx)
