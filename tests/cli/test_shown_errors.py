"""What an operator can fix is a message and exit status 1, in each command, at the start, and inside a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup
from sqlalchemy import delete

from tests.support.embedding_host import Host
from website.app import create_app
from website.cli import COMMANDS
from website.cli.shown_errors import Command, Group
from website.models.key import Key

NO_TABLES = "Error: The database tables are missing or out of date. Run flask initdb.\nDatabase: {}\n"
#: One command of a group, and one that stands alone.
WITHOUT_TABLES = (("keys", "list"), ("clients", "list"), ("events",), ("prune",))


def test_every_command_shows_such_errors() -> None:
    assert [command.name for command in COMMANDS if not isinstance(command, (Command, Group))] == []


@pytest.mark.parametrize("command", WITHOUT_TABLES, ids=" ".join)
def test_a_database_without_tables_is_a_message(
    create_application: Callable[..., Flask], command: tuple[str, ...]
) -> None:
    application = create_application(initdb=False)

    result = application.test_cli_runner().invoke(args=command)

    url = application.config["SQLALCHEMY_DATABASE_URI"]
    assert (result.exit_code, result.output) == (1, NO_TABLES.format(f"{url} (demo)"))


@pytest.mark.parametrize("command", [*WITHOUT_TABLES, ("initdb",), ("users", "list"), ("backup", "copy")], ids=" ".join)
def test_a_database_that_cannot_be_used_is_a_message(
    create_application: Callable[..., Flask], command: tuple[str, ...], tmp_path: Path
) -> None:
    nowhere = "postgresql+psycopg://nobody:secret@127.0.0.1:9/nothing?connect_timeout=2"
    application = create_application(SQLALCHEMY_DATABASE_URI=nowhere, initdb=False)
    result = application.test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert "127.0.0.1" in result.output
    assert "secret" not in result.output

    create_application()
    (tmp_path / "db.sqlite").replace(tmp_path / "former")
    (tmp_path / "db.sqlite").touch()
    (tmp_path / "db.sqlite-wal").write_text("of the former")
    result = create_application(initdb=False).test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert "db.sqlite-wal was written for a file other than" in result.output


def test_so_it_is_inside_a_host(tmp_path: Path) -> None:
    host = Host(f"sqlite:///{tmp_path}/db.sqlite", tmp_path)
    for command in WITHOUT_TABLES:
        result = host.app.test_cli_runner().invoke(args=["grantwright", *command])
        assert (result.exit_code, result.output) == (1, NO_TABLES.format(f"sqlite:///{tmp_path}/db.sqlite (demo)"))
    host.close()


def test_missing_keys_are_a_message(create_application: Callable[..., Flask]) -> None:
    application = create_application()
    with application.extensions["grantwright"].database.engine.begin() as connection:
        connection.execute(delete(Key))

    result = application.test_cli_runner().invoke(args=["keys", "rotate"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: The database has no keys")


def test_a_configuration_that_is_refused_is_a_message() -> None:
    group = FlaskGroup(create_app=lambda: create_app({"OAUTH2_ACCESS_TOKEN_SECONDS": "soon"}), load_dotenv=False)

    result = CliRunner().invoke(group, ["events"])

    assert result.exit_code == 1
    assert result.output == "Error: OAUTH2_ACCESS_TOKEN_SECONDS: expected int, got str.\n"
