"""``grantwright serve``: a node for production, which Granian serves with the options that keep it alive."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask.cli import ScriptInfo, pass_script_info

from ..logs import get_logger
from ..oauth2.server import AuthorizationServer
from .run_port import check_port
from .shown_errors import Command

#: docs/how-to/run-in-production.md explains each of them.
OPTIONS = (
    *("--blocking-threads", "512", "--respawn-failed-workers", "--http", "1", "--http1-header-read-timeout", "5000"),
    *("--backlog", "4096", "--backpressure", "4096", "--no-ws", "--log-level", "error"),
)
#: The package above this one.
PACKAGE = Path(__file__).resolve().parents[1]
#: What creates the application in each worker. Granian looks for modules in the folder above a path that it is given,
#: instead of in the working folder, which others may be able to write to.
FACTORY = ("--working-dir", str(PACKAGE.parent), "--factory", f"{PACKAGE / 'console_script.py'}:load_served_app")
log = get_logger("grantwright.serve")


@click.command("serve", cls=Command, short_help="Run a server for production, behind a proxy that terminates https.")
@click.option("--host", default="127.0.0.1", show_default=True, show_envvar=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, show_envvar=True, help="The port to listen on.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    show_envvar=True,
    help="How many processes share the port; one per CPU is enough.",
)
@pass_script_info
@click.pass_context
def serve(context: click.Context, info: ScriptInfo, host: str, port: int, workers: int) -> None:
    """Check the configuration, then serve this node until SIGTERM or SIGINT.

    The configuration comes from the file that WEBSITE_CONF names, or from environment variables with OAUTH2_DEMO=0.
    Run grantwright initdb first. The process becomes Granian, so it can be a container's only process.
    """
    server: AuthorizationServer = info.load_app().extensions["grantwright"]
    if server.settings.demo:
        raise click.ClickException(
            "This is for production. Name a configuration file in WEBSITE_CONF, or set OAUTH2_DEMO=0 and the settings"
            " as environment variables. To look around: grantwright demo"
        )
    server.accounts.passkeys.check_rp_id(server.settings)
    check_port(host, port, context.command_path)
    log.info("serving", host=host, port=port, workers=workers)
    address = ("--host", host, "--port", str(port), "--workers", str(workers))
    # -P: nor does Python look in the working folder.
    command = [sys.executable, "-P", "-m", "granian", "--interface", "wsgi", *address, *OPTIONS, *FACTORY]
    os.execv(sys.executable, command)  # noqa: S606 - the only strings from outside are options of this command
