"""The console script: which commands it has, where their data is, and what it says instead of starting a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from tests.support.live_server import SETTINGS, server_environment
from website import __version__
from website.cli import COMMANDS
from website.console_script import make_group


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def grantwright(*arguments: str, **environment: str | None) -> Result:
    """Run the script in this process, with these settings and no others."""
    variables: dict[str, str | None] = {name: None for name in server_environment({}) if name.startswith(SETTINGS)}
    variables["AUTHLIB_INSECURE_TRANSPORT"] = None
    return CliRunner(env={**variables, **environment}).invoke(make_group(), arguments, prog_name="grantwright")


def test_every_flask_command_is_one_of_grantwright(tmp_path: Path) -> None:
    shown = grantwright("--help", OAUTH2_INSTANCE_PATH=str(tmp_path))
    assert shown.exit_code == 0, shown.output
    listed = {line.split()[0] for line in shown.output.partition("Commands:")[2].splitlines() if line.strip()}
    assert {str(command.name) for command in COMMANDS} | {"db", "demo", "serve", "run"} <= listed


def test_the_help_names_what_is_wrong_with_the_configuration() -> None:
    shown = grantwright("--help", WEBSITE_CONF="/absent/production.py")
    assert shown.exit_code == 0
    assert "The configuration file /absent/production.py can't be read" in shown.output
    assert "serve" in shown.output
    assert "Traceback" not in shown.output


def test_the_version_is_that_of_the_package() -> None:
    assert grantwright("--version").output == f"grantwright, version {__version__}\n"


def test_a_shell_completes_commands_of_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH2_INSTANCE_PATH", str(tmp_path))
    complete = BashComplete(make_group(), {}, "grantwright", "_GRANTWRIGHT_COMPLETE")
    assert [item.value for item in complete.get_completions(["clients"], "cr")] == ["create"]
    assert "--port" in [item.value for item in complete.get_completions(["serve"], "--")]


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_port_in_use_is_named_with_the_option_that_helps(
    tmp_path: Path, taken_port: int, command: str, production_file: Path
) -> None:
    configuration = {"WEBSITE_CONF": str(production_file)} if command == "serve" else {}
    ran = grantwright(command, "--port", str(taken_port), OAUTH2_INSTANCE_PATH=str(tmp_path / "new"), **configuration)
    assert ran.exit_code == 1
    assert f"Port {taken_port} is in use" in ran.output
    assert f"grantwright {command} --port {taken_port + 1}" in ran.output
    assert not (tmp_path / "new").exists()


@pytest.fixture
def production_file(tmp_path: Path) -> Path:
    file = tmp_path / "production.py"
    file.write_text(
        'OAUTH2_ISSUER = "https://id.example"\n'
        'SECRET_KEY = "zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G"\n'
        'OAUTH2_KEY_ENCRYPTION_KEY = "Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY"\n'
        'SQLALCHEMY_DATABASE_URI = "postgresql+psycopg://nobody@127.0.0.1:1/none"\n'
    )
    return file


def test_the_demo_is_not_started_with_a_configuration_for_production(tmp_path: Path, production_file: Path) -> None:
    ran = grantwright("demo", "--port", "0", "--instance", str(tmp_path), WEBSITE_CONF=str(production_file))
    assert (ran.exit_code, "run grantwright serve" in ran.output) == (1, True)
    assert list(tmp_path.iterdir()) == [production_file]


def test_production_is_not_started_without_a_configuration(tmp_path: Path) -> None:
    ran = grantwright("serve", OAUTH2_INSTANCE_PATH=str(tmp_path))
    assert (ran.exit_code, "WEBSITE_CONF" in ran.output) == (1, True)


def test_serve_names_what_is_wrong_with_the_configuration(tmp_path: Path) -> None:
    ran = grantwright("serve", OAUTH2_DEMO="0", OAUTH2_INSTANCE_PATH=str(tmp_path), SECRET_KEY_FILE="/absent")
    assert ran.exit_code == 1
    for name in ("OAUTH2_ISSUER: missing", "SECRET_KEY_FILE: /absent", "OAUTH2_KEY_ENCRYPTION_KEY: missing"):
        assert name in ran.output
