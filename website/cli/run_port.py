"""``flask run`` on a port that is taken: said before the server is made, with the option that helps."""

from __future__ import annotations

import errno
import os
import socket

import click


def check_run_port() -> None:
    """Stop ``flask run`` if its port is taken. Raises ``ClickException``; any other command passes."""
    context = click.get_current_context(silent=True)
    # The reloader's child has the socket from its parent, which still has it open.
    if context is None or context.info_name != "run" or "WERKZEUG_SERVER_FD" in os.environ:
        return
    host, port = context.params.get("host"), context.params.get("port")
    if not host or not port or host.startswith("unix://"):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                f"Port {port} is not free: another program uses it (on a Mac, AirPlay Receiver uses 5000)."
                " Choose another one: flask run --port 8000"
            ) from None
