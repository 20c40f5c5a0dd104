"""Owns the commands: registers each ``flask`` command of this folder on an application."""

from __future__ import annotations

from flask import Flask

from . import database, keys, users

COMMANDS = (database.initdb, keys.keys, users.users)


def register_commands(app: Flask) -> None:
    """Register the commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
