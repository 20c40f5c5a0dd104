"""How commands get a new password: typed twice, by an option, or from standard input."""

from __future__ import annotations

import sys
from typing import Any

import click


def password_options(command: Any) -> Any:
    """Give a command the options of a new password."""
    options: tuple[Any, ...] = (
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
        click.option(
            "--password", help="The password. Other users of the machine may see it: prefer --password-stdin."
        ),
    )
    for option in options:
        command = option(command)
    return command


def read_password(password: str | None, password_stdin: bool) -> str:
    """Return the new password; it is asked for, twice, when no option gives it."""
    if password is not None and password_stdin:
        raise click.UsageError("--password and --password-stdin exclude each other.")
    if password_stdin:
        line = sys.stdin.readline()
        return line.rstrip("\r\n")
    if password is None:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return password
