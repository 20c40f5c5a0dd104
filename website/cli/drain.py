"""Owns ``flask drain``: sending new requests to the other nodes before this one stops."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..routes.authorization_server import authorization_server
from ..wsgi.draining import Draining, drain_file
from .shown_errors import Command


@click.command("drain", cls=Command)
@click.option("--undo", is_flag=True, help="Take requests again.")
@with_appcontext
def drain(undo: bool) -> None:
    """Have /readyz answer 503 and kept connections close, so that a proxy goes to the other nodes.

    The node goes on answering. Give the proxy some seconds, then stop the node by SIGTERM.
    """
    server = authorization_server()
    draining = Draining(drain_file(server.settings))
    if undo:
        draining.end()
        click.echo("This node takes requests again")
    else:
        draining.begin()
        click.echo("This node drains: /readyz answers 503. Stop it when the proxy has noticed.")
        click.echo("The file stays until flask drain --undo, unless whatever starts the node removes it.")
    server.audit.record("draining", detail={"draining": not undo})
