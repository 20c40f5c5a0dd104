"""``grantwright demo``: the demo in one command, from an empty folder to a server that responds."""

from __future__ import annotations

import os

import click
from flask.cli import ScriptInfo, pass_script_info
from werkzeug.serving import make_server

from .database import initdb
from .run_port import check_port

HOST = "127.0.0.1"


@click.command("demo", short_help="Look around: create a demo and serve it on this computer.")
@click.option("--port", default=5000, show_default=True, help="The port on 127.0.0.1.")
@click.option(
    "--instance",
    type=click.Path(file_okay=False),
    help="The folder for the database and the demo's secrets; by default one for this user, which is printed.",
)
@pass_script_info
@click.pass_context
def demo(context: click.Context, info: ScriptInfo, port: int, instance: str | None) -> None:
    """Create the demo, or open it again, and serve it on this computer only.

    Anybody can log in under any name. To run Grantwright for others, see grantwright serve.
    """
    if os.environ.get("WEBSITE_CONF"):
        raise click.ClickException(
            "WEBSITE_CONF names a configuration file, which is for production: run grantwright serve."
            " To see the demo, unset it."
        )
    check_port(HOST, port, context.command_path)
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # nobody but this computer reaches the demo
    if instance:
        os.environ["OAUTH2_INSTANCE_PATH"] = instance
    app = info.load_app()
    if not app.extensions["grantwright"].settings.demo:
        raise click.ClickException("OAUTH2_DEMO turns the demo off. To see it, unset OAUTH2_DEMO.")
    context.invoke(initdb)
    server = make_server(HOST, port, app, threaded=True)
    click.echo(f"\nOpen http://{HOST}:{server.port}/ and log in with any name. Ctrl+C stops the demo.")
    click.echo(f"Its data stays in {app.instance_path}; delete that folder to start over.")
    server.serve_forever()
