"""``flask check-config`` and ``flask show-config``; and that production's files are the server's own user's alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.support.token_requests import PRODUCTION
from website.app import create_app
from website.models import db

OUT_OF_REACH = "postgresql+psycopg://grantwright:hunter2@secret@127.0.0.1:1/grantwright?sslpassword=hunter2secret"
LEGACY = ("rfc6749_password", "rfc6749_implicit", "oidc_core_implicit", "oidc_core_hybrid")
SOUND: dict[str, Any] = {
    **PRODUCTION,
    "TESTING": False,
    "OAUTH2_TRUSTED_PROXIES": 1,
    "OAUTH2_SPECS": dict.fromkeys(LEGACY, False),
    "OAUTH2_OPERATORS_NEED_SECOND_FACTOR": True,
}


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Have new files be readable by everybody, unless their maker says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def production(
    create_application: Callable[..., Flask], secure_transport_required: None, tmp_path: Path
) -> Callable[..., Flask]:
    """A factory of applications in production; nothing of them gives a warning."""

    def create(**settings: Any) -> Flask:
        return create_application(**SOUND | {"OAUTH2_INSTANCE_PATH": str(tmp_path / "instance")} | settings)

    return create


def run(application: Flask, *arguments: str) -> str:
    result = application.test_cli_runner().invoke(args=[*arguments])
    assert result.exit_code == 0, result.output
    return str(result.output)


def warnings_of(application: Flask) -> list[str]:
    said = json.loads(run(application, "check-config", "--json"))
    assert said["fit"] is True
    lines = run(application, "check-config").splitlines()
    assert said["hints"] == []
    assert lines == [lines[0], *(f"Warning: {warning}" for warning in said["warnings"])]
    return list(said["warnings"])


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


# check-config


def test_a_sound_production_is_fit_and_gives_no_warning(production: Callable[..., Flask]) -> None:
    application = production()
    assert warnings_of(application) == []
    assert run(application, "check-config") == "The configuration is valid for production.\n"


@pytest.mark.parametrize(
    ("networks", "warnings"),
    [(["10.0.0.0/8", "fc00::/7"], 0), (["0.0.0.0/0"], 1), (["::/0", "128.0.0.0/1"], 2), ([], 0)],
)
def test_a_trusted_network_that_is_nearly_everybody_gives_a_warning(
    production: Callable[..., Flask], networks: list[str], warnings: int
) -> None:
    given = warnings_of(production(OAUTH2_RATE_LIMITS={"trusted_networks": networks}))
    assert len(given) == warnings
    assert all("trusted_networks" in warning for warning in given)


def test_operators_without_a_second_factor_give_a_hint_and_no_warning(production: Callable[..., Flask]) -> None:
    application = production(OAUTH2_OPERATORS_NEED_SECOND_FACTOR=False)
    said = json.loads(run(application, "check-config", "--json"))
    assert (said["fit"], said["warnings"]) == (True, [])
    (hint,) = said["hints"]
    assert hint.startswith("OAUTH2_OPERATORS_NEED_SECOND_FACTOR: is false. Set it to true")
    assert run(application, "check-config").splitlines()[1:] == [f"Hint: {hint}"]


def test_the_demo_is_fit_and_gives_no_warning(application: Flask) -> None:
    assert run(application, "check-config") == "The configuration is valid for the demo.\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OAUTH2_TRUSTED_PROXIES", 0),
        ("OAUTH2_SQLITE_SYNCHRONOUS", "NORMAL"),
        ("OAUTH2_PKCE_REQUIRED_FOR", "public"),
        ("OAUTH2_REFRESH_TOKEN_GRACE_SECONDS", 31),
        *(("OAUTH2_SPECS", {name: False for name in LEGACY if name != legacy}) for legacy in LEGACY),
    ],
)
def test_what_weakens_production_gives_a_warning(production: Callable[..., Flask], name: str, value: Any) -> None:
    (warning,) = warnings_of(production(**{name: value}))
    assert warning.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("issuer", "rp_id", "warning"),
    [
        ("https://id.example.org", "", ""),
        ("https://id.example.org", "id.example.org", ""),
        ("https://id.example.org", "example.org", "every site under it can ask for these passkeys"),
        ("https://192.0.2.1", "", "the issuer's host is an IP address"),
    ],
)
def test_passkeys_for_more_than_this_server_or_for_none_give_a_warning(
    production: Callable[..., Flask], issuer: str, rp_id: str, warning: str
) -> None:
    warnings = warnings_of(production(OAUTH2_ISSUER=issuer, OAUTH2_PASSKEY_RP_ID=rp_id))
    assert [warning in given for given in warnings] == [True] * bool(warning)


def test_files_that_others_may_read_give_a_warning(
    production: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder, database = tmp_path / "production.py", tmp_path / "instance", tmp_path / "db.sqlite"
    file.write_text("")
    folder.mkdir()
    monkeypatch.setenv("WEBSITE_CONF", str(file))
    application = production()
    database.chmod(0o640)
    assert [warning.partition(":")[0] for warning in warnings_of(application)] == [
        str(file),
        str(folder),
        str(database),
    ]
    for path, mode in ((file, 0o600), (folder, 0o700), (database, 0o600)):
        path.chmod(mode)
    assert warnings_of(application) == []


def test_a_database_that_is_not_ready_gives_a_warning(
    production: Callable[..., Flask], tmp_path: Path, sqlite_uri: str
) -> None:
    assert "initdb" in warnings_of(production(initdb=False))[0]
    assert not (tmp_path / "db.sqlite").exists()  # made by whoever looks, it would be theirs
    (tmp_path / "db.sqlite").touch(0o600)
    assert "tables are missing" in warnings_of(production(initdb=False))[0]
    application = production()
    for statement, words in (
        ("UPDATE oauth2_alembic_version SET version_num = '0001'", "out of date"),
        ("UPDATE oauth2_alembic_version SET version_num = '9999'", ""),  # of a newer node
        ("DELETE FROM oauth2_key", "no keys"),
        ("DROP TABLE oauth2_key", "tables are missing"),
    ):
        engine = create_engine(sqlite_uri)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
        application.extensions["grantwright"].keys._forget()
        warnings = warnings_of(application)
        assert len(warnings) == bool(words), warnings
        assert all(words in warning for warning in warnings)
    (tmp_path / "text").write_text("no database at all, but a text of some length\n" * 100)
    (tmp_path / "text").chmod(0o600)
    other = production(initdb=False, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/text")
    assert "can't be used" in warnings_of(other)[0]
    (tmp_path / "text").unlink()  # nobody can search it for secrets


def test_tables_behind_the_code_give_one_warning(production: Callable[..., Flask], sqlite_uri: str) -> None:
    application = production()
    engine = create_engine(sqlite_uri)
    with engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_alembic_version SET version_num = '0004'"))
        connection.execute(text("DROP TABLE oauth2_former_key"))
        connection.execute(text("DROP TABLE oauth2_key"))
    engine.dispose()
    application.extensions["grantwright"].keys._forget()
    assert warnings_of(application) == ["The tables are out of date. Run flask initdb."]


def test_accounts_without_an_operator_give_a_warning_where_only_operators_create_clients(
    production: Callable[..., Flask],
) -> None:
    application = production()
    users = application.extensions["grantwright"].users
    ada = int(users.create("ada").id)
    (warning,) = warnings_of(application)
    assert "flask users set NAME --operator" in warning
    assert warnings_of(production(OAUTH2_CLIENT_CREATION="operators")) == [warning]
    for others in ("users", "off"):
        assert warnings_of(production(OAUTH2_CLIENT_CREATION=others)) == []
    users.set_operator(ada, True)
    assert warnings_of(application) == []
    users.disable(ada, may_be_last=True)
    assert warnings_of(application) == [warning]


def test_a_database_out_of_reach_gives_a_warning(production: Callable[..., Flask]) -> None:
    (warning,) = warnings_of(production(initdb=False, SQLALCHEMY_DATABASE_URI=OUT_OF_REACH))
    assert warning.startswith("The database is unreachable")


def test_a_key_encryption_key_that_opens_nothing_gives_a_warning(production: Callable[..., Flask]) -> None:
    production()
    other = production(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY="Qk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY")
    (warning,) = warnings_of(other)
    assert warning.startswith("OAUTH2_KEY_ENCRYPTION_KEY: ")


# show-config


def facts_of(application: Flask) -> dict[str, tuple[Any, str]]:
    shown = json.loads(run(application, "show-config", "--json"))
    return {fact["name"]: (fact["value"], fact["source"]) for fact in shown}


def test_every_setting_is_shown_with_its_source(
    production: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "production.py"
    file.write_text("OAUTH2_ACCESS_TOKEN_SECONDS = 300\nOAUTH2_LOG_LEVEL = 'ERROR'\nOAUTH2_CONSENT_SECONDS = 10\n")
    monkeypatch.setenv("WEBSITE_CONF", str(file))
    monkeypatch.setenv("OAUTH2_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("OAUTH2_RATE_LIMITS", '{"token": 7}')
    application = production(OAUTH2_DEMO=None, OAUTH2_CONSENT_SECONDS=20)
    facts = facts_of(application)
    assert facts["OAUTH2_ACCESS_TOKEN_SECONDS"] == (300, str(file))
    assert facts["OAUTH2_CONSENT_SECONDS"] == (20, "create_app()")
    assert facts["OAUTH2_LOG_LEVEL"] == ("WARNING", "environment")
    assert facts["OAUTH2_RATE_LIMITS"] == (
        {"token": 7, "authorize": 600, "login": 120, "register": 10, "device": 60, "initial_access_token": 600},
        "environment",
    )
    assert facts["OAUTH2_SESSION_SECONDS"] == (14 * 86400, "default")
    assert facts["OAUTH2_DEMO"] == (False, "mode")
    assert facts["OAUTH2_SQLITE_SYNCHRONOUS"] == ("FULL", "mode")
    lines = run(application, "show-config").splitlines()
    assert lines[0].split() == ["NAME", "SOURCE", "VALUE"]
    assert len(lines) == len(facts) + 1


def test_what_the_demo_made_is_shown_as_such(application: Flask) -> None:
    facts = facts_of(application)
    assert facts["SECRET_KEY"] == ("set, 43 characters", "generated by the demo")
    assert facts["OAUTH2_KEY_ENCRYPTION_KEY"] == ("set, 43 characters", "generated by the demo")
    assert facts["OAUTH2_DEMO"] == (True, "default")
    assert facts["OAUTH2_RATE_LIMITS"] == ({}, "mode")


def test_no_secret_is_shown(production: Callable[..., Flask]) -> None:
    fallback = "Qk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY"
    settings = {"SQLALCHEMY_DATABASE_URI": OUT_OF_REACH, "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS": [fallback]}
    application = production(initdb=False, **settings)
    printed = run(application, "show-config") + run(application, "show-config", "--json")
    for secret in (PRODUCTION["SECRET_KEY"], PRODUCTION["OAUTH2_KEY_ENCRYPTION_KEY"], fallback, "hunter2", "secret@"):
        assert str(secret) not in printed
    facts = facts_of(application)
    assert facts["SECRET_KEY"][0] == "set, 32 characters"
    assert facts["OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS"][0] == "set, 1 value"
    address = "postgresql+psycopg://grantwright:***@127.0.0.1:1/grantwright?sslpassword=***"
    assert facts["SQLALCHEMY_DATABASE_URI"][0] == address


# Files


def test_production_makes_its_files_for_its_own_user_alone(production: Callable[..., Flask], tmp_path: Path) -> None:
    application = production(SQLALCHEMY_DATABASE_URI="sqlite:///db.sqlite", initdb=False)
    assert application.test_cli_runner().invoke(args=["initdb"]).exit_code == 0
    folder = tmp_path / "instance"
    with application.app_context(), db.engine.connect():
        assert mode_of(folder) == 0o700
        assert {path.name: mode_of(path) for path in folder.iterdir() if path.name.startswith("db.sqlite")} == {
            "db.sqlite": 0o600, "db.sqlite-wal": 0o600, "db.sqlite-shm": 0o600, "db.sqlite-turn": 0o600,
            "db.sqlite-inode": 0o600,
        }  # fmt: skip


def test_a_file_by_its_own_address_is_private_too(production: Callable[..., Flask], tmp_path: Path) -> None:
    production(SQLALCHEMY_DATABASE_URI=f"sqlite:///file:{tmp_path}/own.sqlite?uri=true")
    assert mode_of(tmp_path / "own.sqlite") == 0o600


def test_what_is_there_keeps_its_mode(production: Callable[..., Flask], tmp_path: Path) -> None:
    (tmp_path / "db.sqlite").touch(0o640)
    production()
    assert mode_of(tmp_path / "db.sqlite") == 0o640


def test_a_start_makes_no_database(secure_transport_required: None, tmp_path: Path) -> None:
    application = create_app(SOUND | {"OAUTH2_INSTANCE_PATH": str(tmp_path / "instance")})
    assert list((tmp_path / "instance").iterdir()) == []
    with application.app_context():
        db.engine.dispose()
