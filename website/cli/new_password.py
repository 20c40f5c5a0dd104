"""Reading a new password for a command: typed twice, from an option, or from standard input."""

from __future__ import annotations

import sys
from typing import Any

import click


def password_options(command: Any) -> Any:
    """Add the options for a new password to a command."""
    options: tuple[Any, ...] = (
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
        click.option(
            "--password", help="The password. Other users of this computer may see it, so prefer --password-stdin."
        ),
    )
    for option in options:
        command = option(command)
    return command


def read_password(password: str | None, password_stdin: bool) -> str:
    """Return the new password; prompt for it twice if no option gives it."""
    if password is not None and password_stdin:
        raise click.UsageError("Use either --password or --password-stdin, not both.")
    if password_stdin:
        line = sys.stdin.readline()
        return line.rstrip("\r\n")
    return _ask() if password is None else password


def _ask() -> str:
    try:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError("There's no terminal to type a password in. Use --password-stdin.") from None
    return typed
