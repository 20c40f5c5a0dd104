"""The console script ``grantwright``: ``demo``, ``serve``, and every ``flask`` command."""

from __future__ import annotations

import gc
import os

import click
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from . import __version__
from .app import create_app
from .cli.demo import demo
from .cli.serve import serve
from .deferred_import import DeferredModule

platformdirs = DeferredModule("platformdirs")
PROGRAM = "grantwright"
#: Commands that exist only here: they start a server themselves.
COMMANDS = (demo, serve)


def main() -> None:
    """Run the command in the arguments.

    Without a configuration file it works on this user's own demo, wherever it is called: the demo's folder doesn't
    depend on the working folder, as that of ``flask run`` does.
    """
    if not os.environ.get("WEBSITE_CONF"):
        os.environ.setdefault("OAUTH2_INSTANCE_PATH", platformdirs.user_data_dir(PROGRAM, appauthor=False))
    make_group().main(prog_name=PROGRAM)


class Commands(FlaskGroup):
    """The group of all commands; the application adds most of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, with one message instead of a traceback if the configuration is invalid."""
        try:
            ctx.ensure_object(ScriptInfo).load_app()
        except click.ClickException as error:
            error.show()
            return sorted(self.commands)
        return super().list_commands(ctx)


def make_group() -> Commands:
    """Return the group of all commands. Options also have variables, such as ``GRANTWRIGHT_SERVE_PORT``."""
    group = Commands(
        name=PROGRAM,
        create_app=create_app,
        add_version_option=False,
        load_dotenv=False,
        context_settings={"auto_envvar_prefix": PROGRAM.upper()},
        help="Grantwright, an OAuth 2.0 and OpenID Connect provider. To look around, run grantwright demo.",
    )
    group.params.clear()  # Flask's options choose an application and its debugger
    for command in COMMANDS:
        group.add_command(command)
    click.version_option(__version__)(group)
    return group


def load_served_app() -> Flask:
    """Create the application in a worker of Granian's, which ``grantwright serve`` starts."""
    app = create_app()
    gc.freeze()  # what exists by now stays, and need not be looked at again
    return app
