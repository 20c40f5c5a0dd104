"""Settings: where a value comes from, which mode it makes, and that a bad one stops the start and is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.token_requests import PRODUCTION
from website.app import create_app
from website.configuration import read_settings
from website.configuration.loading import read_config_file, read_configuration
from website.models import db
from website.settings import SettingsError


def lifetime_of(config: Any) -> int:
    app = create_app(config)
    seconds = app.extensions["grantwright"].settings.access_token_seconds
    with app.app_context():
        db.engine.dispose()
    return int(seconds)


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH2_INSTANCE_PATH", str(tmp_path))
    assert lifetime_of(None) == 600
    named = tmp_path / "named.py"
    named.write_text("OAUTH2_DEMO = True\nOAUTH2_ACCESS_TOKEN_SECONDS = 100\n")
    monkeypatch.setenv("WEBSITE_CONF", str(named))
    assert lifetime_of(None) == 100
    given = tmp_path / "given.py"
    given.write_text("OAUTH2_ACCESS_TOKEN_SECONDS = 200\n")
    assert lifetime_of(str(given)) == 200
    assert lifetime_of(given) == 200
    assert lifetime_of({"OAUTH2_ACCESS_TOKEN_SECONDS": 300}) == 300
    monkeypatch.setenv("OAUTH2_ACCESS_TOKEN_SECONDS", "400")
    assert lifetime_of({"OAUTH2_ACCESS_TOKEN_SECONDS": 300}) == 400


def test_a_relative_file_is_sought_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_settings.py").write_text("OAUTH2_ACCESS_TOKEN_SECONDS = 123\n")
    monkeypatch.chdir(tmp_path)
    assert lifetime_of("my_settings.py") == 123


def test_the_mode_is_demo_unless_website_conf_names_a_file() -> None:
    assert read_settings({}, {}).demo
    assert read_settings({"SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://x/y"}, {}).demo
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        read_settings({}, {"WEBSITE_CONF": "some.py"})
    silent = {name: value for name, value in PRODUCTION.items() if name != "OAUTH2_DEMO"}
    assert not read_settings(silent, {"WEBSITE_CONF": "some.py"}).demo
    assert read_settings({"OAUTH2_DEMO": True}, {"WEBSITE_CONF": "some.py"}).demo
    assert read_settings({}, {"WEBSITE_CONF": "some.py", "OAUTH2_DEMO": "1"}).demo


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OAUTH2_ACCESS_TOKEN_SECONDS", "soon"),
        ("OAUTH2_ACCESS_TOKEN_SECONDS", "0"),
        ("OAUTH2_ACCESS_TOKEN_SECONDS", "-1"),
        ("OAUTH2_DEMO", "perhaps"),
        ("OAUTH2_SCOPES", "profile"),
        ("OAUTH2_SCOPES", "[]"),
        ("OAUTH2_SPECS", '{"rfc6749_implicit": "off"}'),
        ("OAUTH2_SPECS", '{"rfc6749_implicit": 0}'),
        ("OAUTH2_PKCE_REQUIRED_FOR", "nobody"),
        ("OAUTH2_CLIENT_ASSERTION_AUDIENCE", "anybody"),
        ("OAUTH2_AUTHORIZATION_CODE_SECONDS", "601"),
        ("OAUTH2_REFRESH_TOKEN_GRACE_SECONDS", "61"),
        ("OAUTH2_SQLITE_SYNCHRONOUS", "OFF"),
        ("OAUTH2_LOG_LEVEL", "LOUD"),
        ("OAUTH2_RATE_LIMITS", '{"tokens": 5}'),
        ("OAUTH2_RATE_LIMITS", "60"),
        *(
            ("OAUTH2_REDIRECT_SCHEMES", f'["{scheme}"]')
            for scheme in (
                "http",
                "https",
                "javascript",
                "data",
                "file",
                "blob",
                "mailto",
                "tel",
                "sms",
                "intent",
                "search-ms",
                "ms-settings",
                "ms-appinstaller",
                "Cursor",
                "cursor:",
                "cursor://",
                "com.example.app",
                "",
                "a b",
            )
        ),
        ("OAUTH2_REDIRECT_SCHEMES", "[5]"),
        *(
            ("OAUTH2_REDIRECT_HTTP_HOSTS", f'["{host}"]')
            for host in ("8.8.8.8", "2606:4700::1111", "nas.lan:80", "http://nas.lan", "*.lan", "", "nas/x", "0.0.0.0")
        ),
        ("OAUTH2_REDIRECT_HTTP_HOSTS", "[5]"),
    ],
)
def test_a_malformed_value_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({}, {name: text})


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingsError, match="OAUTH2_ACCES_TOKEN_SECONDS"):
        read_settings({"OAUTH2_ACCES_TOKEN_SECONDS": 5}, {})
    with pytest.raises(SettingsError, match="OAUTH2_ISUER"):
        read_settings({}, {"OAUTH2_ISUER": "https://id.example"})
    assert read_settings({}, {"OAUTH2_PROXY_CLIENT_ID": "of oauth2-proxy"})


def test_zero_is_a_value_where_the_reference_says_so() -> None:
    settings = read_settings({}, {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": "0", "OAUTH2_RATE_LIMITS": '{"token": 0}'})
    assert settings.login_tries_per_account == 0
    assert settings.rate_limits == {"token": 0}


def test_a_value_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(SettingsError, match="OAUTH2_ACCESS_TOKEN_SECONDS"):
        read_settings({"OAUTH2_ACCESS_TOKEN_SECONDS": "600"}, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent.py"):
        read_config_file(tmp_path / "absent.py")


def test_a_value_can_come_from_a_file_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "database").write_text("postgresql+psycopg://ada:pass word@host/name\r\n")
    (tmp_path / "seconds").write_text("300\n")
    environment = {
        "SQLALCHEMY_DATABASE_URI_FILE": str(tmp_path / "database"),
        "OAUTH2_ACCESS_TOKEN_SECONDS_FILE": str(tmp_path / "seconds"),
    }
    configuration = read_configuration([("given", {"OAUTH2_ACCESS_TOKEN_SECONDS": 100})], environment)

    assert configuration.settings.database_uri == "postgresql+psycopg://ada:pass word@host/name"
    assert configuration.settings.access_token_seconds == 300
    assert configuration.sources["SQLALCHEMY_DATABASE_URI"] == "SQLALCHEMY_DATABASE_URI_FILE"


def test_a_setting_that_ends_in_file_is_still_a_setting() -> None:
    assert read_settings({}, {"OAUTH2_DRAIN_FILE": "elsewhere"}).drain_file == "elsewhere"
    with pytest.raises(SettingsError, match="OAUTH2_ISUER_FILE: unknown setting; did you mean OAUTH2_ISSUER_FILE"):
        read_settings({}, {"OAUTH2_ISUER_FILE": "issuer"})
    with pytest.raises(SettingsError, match="in a configuration file, use OAUTH2_SMTP_PASSWORD"):
        read_settings({"OAUTH2_SMTP_PASSWORD_FILE": "/run/secrets/smtp_password"}, {})


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "No such file"), (b"", "empty"), (b"\r\n", "empty"), (b"\xff", "not UTF-8")]
)
def test_a_file_without_a_value_stops_the_start(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "secret_key"
    if content is not None:
        file.write_bytes(content)
    given = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    with pytest.raises(SettingsError) as raised:
        read_settings(given, {"SECRET_KEY_FILE": str(file)})

    [problem] = raised.value.problems  # SECRET_KEY is not said to be missing as well
    assert problem.startswith(f"SECRET_KEY_FILE: {file}")
    assert expected in problem


def test_a_value_and_its_file_are_not_given_together(tmp_path: Path) -> None:
    (tmp_path / "seconds").write_text("300")
    both = {"OAUTH2_ACCESS_TOKEN_SECONDS": "100", "OAUTH2_ACCESS_TOKEN_SECONDS_FILE": str(tmp_path / "seconds")}
    with pytest.raises(SettingsError, match="OAUTH2_ACCESS_TOKEN_SECONDS_FILE: .* set only one"):
        read_settings({}, both)


def test_the_demo_makes_its_secrets_once_for_its_own_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    config = {"OAUTH2_INSTANCE_PATH": str(folder)}
    keys = set()
    for _start in range(2):
        app = create_app(config)
        keys.add(app.config["SECRET_KEY"])
        with app.app_context():
            db.engine.dispose()
    assert len(keys) == 1
    for name in ("secret_key", "key_encryption_key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_a_value_is_read_from_a_short_regular_file_only(tmp_path: Path) -> None:
    """Neither waits a start for somebody who writes to a pipe, nor does an endless device fill the memory."""
    pipe, long = tmp_path / "pipe", tmp_path / "long"
    os.mkfifo(pipe)
    long.write_bytes(b"x" * (64 * 1024 + 1))
    for path, problem in (
        (pipe, "regular file"),
        (Path("/dev/zero"), "regular file"),
        (long, "longer than 65536 bytes"),
    ):
        with pytest.raises(SettingsError, match=problem):
            read_settings({}, {"SECRET_KEY_FILE": str(path)})
