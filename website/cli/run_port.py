"""The port of a server that a command starts: an early error if it's in use, which names the option to change it."""

from __future__ import annotations

import errno
import os
import socket

import click


def is_flask_run() -> bool:
    """Tell whether the command is ``flask run``."""
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name == "run"


def check_run_port() -> None:
    """Raise ``ClickException`` if the port of ``flask run`` is in use; do nothing for other commands."""
    context = click.get_current_context(silent=True)
    # The reloader's child inherits the socket from its parent, which keeps it open.
    if context is None or context.info_name != "run" or "WERKZEUG_SERVER_FD" in os.environ:
        return
    host, port = context.params.get("host"), context.params.get("port")
    if host and port and not host.startswith("unix://"):
        check_port(host, port, context.command_path)


def check_port(host: str, port: int, command: str) -> None:
    """Raise ``ClickException`` if another program listens on the port; ``command`` is what to run with another one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                f"Port {port} is in use by another program (on a Mac, AirPlay Receiver uses 5000)."
                f" Choose another one: {command} --port {port + 1}"
            ) from None
