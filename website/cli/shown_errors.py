"""Errors that an operator can fix: commands print the message without a traceback and exit with status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo

from ..database import SchemaMissingError
from ..keys import KeysMissingError
from ..settings import SettingsError

SHOWN = (SettingsError, SchemaMissingError, KeysMissingError)


@contextmanager
def shown_in_commands() -> Iterator[None]:
    """Make ``flask`` commands print these errors; elsewhere they propagate."""
    try:
        yield
    except SHOWN as error:
        context = click.get_current_context(silent=True)
        if context is None or context.find_object(ScriptInfo) is None:
            raise
        raise click.ClickException(str(error)) from error


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
