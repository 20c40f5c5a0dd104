"""Shared parts of the commands: the current server, and output as tables, JSON and timestamps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from ..routes.current.authorization_server import authorization_server
from ..users import LocalUsers

#: A client_id or username may begin with a hyphen without being an option.
TAKES_HYPHENS = {"ignore_unknown_options": True}
as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON instead of a table.")


def local_users() -> LocalUsers:
    """Return our own users. Raises ``ClickException`` if the application has external users."""
    users = authorization_server().users
    if not isinstance(users, LocalUsers):
        raise click.ClickException("This application has its own users: manage them there.")
    return users


def name_database() -> str:
    """Return the URL of the database in use, without its password; that of a demo says so."""
    server = authorization_server()
    url = server.database.engine.url.render_as_string(hide_password=True)
    return f"{url} (demo)" if server.settings.demo else url


def print_json(content: object) -> None:
    """Print an indented JSON document."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their headings, each column as wide as its longest value."""
    lines = [tuple(headings), *(tuple("" if cell is None else _plain(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one per line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {_plain(str('' if value is None else value))}".rstrip())


def moment(seconds: int | None) -> str | None:
    """Format a time in seconds as ISO 8601 in UTC: sortable, and the usual form in JSON."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str) -> str:
    """Replace control characters with question marks: a user agent, for example, is untrusted text."""
    return "".join(character if character.isprintable() else "?" for character in text)
