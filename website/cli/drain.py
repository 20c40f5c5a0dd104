"""``flask drain``: moving new requests to the other nodes before this one stops."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..routes.current.authorization_server import authorization_server
from ..wsgi.draining import Draining, drain_file
from .shown_errors import Command


@click.command("drain", cls=Command)
@click.option("--undo", is_flag=True, help="Accept requests again.")
@with_appcontext
def drain(undo: bool) -> None:
    """Make /readyz return 503 and stop keeping connections open, so that a proxy switches to the other nodes.

    The node keeps handling requests. Give the proxy a few seconds, then stop the node with SIGTERM.
    """
    server = authorization_server()
    draining = Draining(drain_file(server.settings))
    if undo:
        draining.end()
        click.echo("This node accepts requests again")
    else:
        draining.begin()
        click.echo("This node is draining: /readyz returns 503. Stop it once the proxy has noticed.")
        click.echo(f"Its drain file is {drain_file(server.settings)}: a node with another one goes on as before.")
        click.echo("It keeps draining until flask drain --undo, unless the node's start script removes the file.")
    server.audit.record("draining", detail={"draining": not undo})
