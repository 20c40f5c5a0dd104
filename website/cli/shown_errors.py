"""Errors that an operator can fix: a command shows their message and ends with exit status 1, without a traceback."""

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
    """Have a ``flask`` command show these errors; everywhere else they are raised as they are."""
    try:
        yield
    except SHOWN as error:
        context = click.get_current_context(silent=True)
        if context is None or context.find_object(ScriptInfo) is None:
            raise
        raise click.ClickException(str(error)) from error


class Command(click.Command):
    """A command of its own."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with shown_in_commands():
            return super().invoke(ctx)


class Group(AppGroup):
    """A group of commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command of the group that was called."""
        with shown_in_commands():
            return super().invoke(ctx)
