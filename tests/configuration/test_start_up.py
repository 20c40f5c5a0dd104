"""The start: refused with each unsafe, missing or malformed setting named, and no secret shown (P6)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.live_server import REPOSITORY, server_environment
from tests.support.token_requests import PRODUCTION
from tests.support.waiting import ANSWER_SECONDS
from website.app import create_app
from website.keys.key_encryption import new_key
from website.settings import SettingsError

pytestmark = pytest.mark.usefixtures("secure_transport_required")

ISSUER, SECRET, ENCRYPTION = "OAUTH2_ISSUER", "SECRET_KEY", "OAUTH2_KEY_ENCRYPTION_KEY"
FALLBACKS, DATABASE = "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS", "SQLALCHEMY_DATABASE_URI"
ALGORITHMS = "OAUTH2_SIGNING_ALGORITHMS"
RP_ID = "OAUTH2_PASSKEY_RP_ID"
FLASK_DOCS_KEY = "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"
GOOD_KEY = PRODUCTION[ENCRYPTION]

#: The setting to be named, what is added to a good configuration, and what the message says of it.
UNSAFE: list[tuple[str, dict[str, Any], str]] = [
    (ISSUER, {ISSUER: ""}, "missing"),
    (ISSUER, {ISSUER: None}, "missing"),
    (ISSUER, {ISSUER: "http://id.example"}, "https"),
    (ISSUER, {ISSUER: "https://id.example/"}, "slash"),
    (ISSUER, {ISSUER: "https://id.example/tenant/"}, "slash"),
    (ISSUER, {ISSUER: "https://id.example?tenant=1"}, "query"),
    (ISSUER, {ISSUER: "https://id.example#top"}, "fragment"),
    (ISSUER, {ISSUER: "https://ada@id.example"}, "plain"),
    (ISSUER, {ISSUER: "https://"}, "slash"),
    (SECRET, {SECRET: ""}, "missing"),
    (SECRET, {SECRET: "dev"}, "too short"),
    (SECRET, {SECRET: "zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8"}, "too short"),
    (SECRET, {SECRET: FLASK_DOCS_KEY}, "well-known"),
    (SECRET, {SECRET: "please-Change-Me-before-production!!"}, "placeholder"),
    (SECRET, {SECRET: "0123456789abcdef0123456789abcdef"}, "placeholder"),
    (SECRET, {SECRET: "my-super-secret-key-for-the-server"}, "placeholder"),
    (SECRET, {SECRET: "abababababababababababababababababab"}, "not random"),
    (SECRET, {SECRET: "zJ4w9QmXzJ4w9QmXzJ4w9QmXzJ4w9QmXzJ4w9QmX"}, "not random"),
    (SECRET, {SECRET: GOOD_KEY}, "same as"),
    (SECRET, {SECRET: f"{GOOD_KEY}="}, "same as"),
    (SECRET, {SECRET: b"zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G"}, "expected str"),
    ("SECRET_KEY_FALLBACKS", {"SECRET_KEY_FALLBACKS": ["dev"]}, "too short"),
    (ENCRYPTION, {ENCRYPTION: ""}, "missing"),
    (ENCRYPTION, {ENCRYPTION: "Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA"}, "32 random bytes"),
    (ENCRYPTION, {ENCRYPTION: "a" * 43}, "not random"),
    (FALLBACKS, {FALLBACKS: ["zJ4w9QmX1cRk"]}, "32 random bytes"),
    (FALLBACKS, {FALLBACKS: [32]}, "32 random bytes"),
    (FALLBACKS, {FALLBACKS: "zJ4w9QmX1cRk"}, "expected list"),
    ("AUTHLIB_INSECURE_TRANSPORT", {"AUTHLIB_INSECURE_TRANSPORT": True}, "production"),
    ("DEBUG", {"DEBUG": True}, "production"),
    ("TESTING", {"TESTING": True}, "production"),
    ("OAUTH2_OUTBOUND_LOOPBACK", {"OAUTH2_OUTBOUND_LOOPBACK": True}, "only for this computer"),
    ("PROPAGATE_EXCEPTIONS", {"PROPAGATE_EXCEPTIONS": True}, "production"),
    ("TRAP_HTTP_EXCEPTIONS", {"TRAP_HTTP_EXCEPTIONS": True}, "production"),
    ("TRAP_BAD_REQUEST_ERRORS", {"TRAP_BAD_REQUEST_ERRORS": True}, "production"),
    ("WTF_CSRF_ENABLED", {"WTF_CSRF_ENABLED": False}, "form"),
    ("WTF_CSRF_CHECK_DEFAULT", {"WTF_CSRF_CHECK_DEFAULT": False}, "form"),
    ("WTF_CSRF_METHODS", {"WTF_CSRF_METHODS": ["PUT"]}, "form"),
    ("SESSION_COOKIE_SECURE", {"SESSION_COOKIE_SECURE": False}, "True"),
    ("SESSION_COOKIE_HTTPONLY", {"SESSION_COOKIE_HTTPONLY": False}, "True"),
    ("SESSION_COOKIE_SAMESITE", {"SESSION_COOKIE_SAMESITE": None}, "Lax"),
    ("SESSION_COOKIE_SAMESITE", {"SESSION_COOKIE_SAMESITE": "None"}, "Lax"),
    ("SESSION_COOKIE_DOMAIN", {"SESSION_COOKIE_DOMAIN": ".example"}, "None"),
    ("SESSION_COOKIE_NAME", {"SESSION_COOKIE_NAME": "session"}, "__Host-"),
    ("SESSION_COOKIE_PATH", {"SESSION_COOKIE_PATH": "/oauth"}, "'/'"),
    (DATABASE, {DATABASE: "sqlite://"}, "when the process ends"),
    (DATABASE, {DATABASE: "sqlite:///:memory:"}, "when the process ends"),
    (DATABASE, {DATABASE: "sqlite:///file::memory:?uri=true"}, "when the process ends"),
    (DATABASE, {DATABASE: "sqlite:///file:db?mode=memory&uri=true"}, "when the process ends"),
    (RP_ID, {RP_ID: "192.0.2.1"}, "IP address"),
    (RP_ID, {RP_ID: "::1"}, "IP address"),
    (RP_ID, {RP_ID: "https://id.example"}, "without scheme"),
    (RP_ID, {RP_ID: "id.example:443"}, "port"),
    (RP_ID, {RP_ID: "ID.example"}, "lower case"),
    (RP_ID, {RP_ID: "id.example."}, "final dot"),
    (RP_ID, {RP_ID: "other.example"}, "neither the issuer's host, id.example, nor a parent"),
    (RP_ID, {RP_ID: "d.example"}, "nor a parent"),
    (RP_ID, {RP_ID: "example"}, "public suffix"),
    ("OAUTH2_METRICS_TOKEN", {"OAUTH2_METRICS_TOKEN": "scrape-me"}, "too short"),
    ("OAUTH2_METRICS_TOKEN", {"OAUTH2_METRICS_TOKEN": GOOD_KEY[:31] + " "}, "-._~+/"),
    # The demo, where it cannot be meant.
    ("OAUTH2_DEMO", {"OAUTH2_DEMO": True}, "not on this computer"),
    ("OAUTH2_DEMO", {"OAUTH2_DEMO": True, ISSUER: "", "OAUTH2_TRUSTED_PROXIES": 1}, "OAUTH2_TRUSTED_PROXIES"),
    ("OAUTH2_DEMO", {"OAUTH2_DEMO": True, ISSUER: "http://localhost.example"}, "not on this computer"),
]
#: Malformed in any mode.
MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    ("OAUTH2_DEMO", {"OAUTH2_DEMO": "no"}, "expected bool"),
    (DATABASE, {DATABASE: "mysql://ada:hunter2secret@localhost/db"}, "postgresql"),
    (DATABASE, {DATABASE: "postgresql://ada:hunter2secret@localhost:port/db"}, "postgresql"),
    (DATABASE, {DATABASE: "hunter2secret"}, "sqlite"),
    ("OAUTH2_ACCES_TOKEN_SECONDS", {"OAUTH2_ACCES_TOKEN_SECONDS": 5}, "did you mean OAUTH2_ACCESS_TOKEN_SECONDS"),
    ("OAUTH2_COLOUR", {"OAUTH2_COLOUR": "green"}, "unknown setting"),
    ("OAUTH2_ACCESS_TOKEN_SECONDS", {"OAUTH2_ACCESS_TOKEN_SECONDS": "600"}, "expected int"),
    ("OAUTH2_ACCESS_TOKEN_SECONDS", {"OAUTH2_ACCESS_TOKEN_SECONDS": True}, "expected int"),
    ("OAUTH2_ACCESS_TOKEN_SECONDS", {"OAUTH2_ACCESS_TOKEN_SECONDS": 0}, "1 or more"),
    ("OAUTH2_LOGIN_TRIES_PER_ACCOUNT", {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": -1}, "0 or more"),
    ("OAUTH2_TOKEN_EXPIRES_IN", {"OAUTH2_TOKEN_EXPIRES_IN": {"password": True}}, "whole seconds"),
    ("OAUTH2_SCOPES", {"OAUTH2_SCOPES": {"a b": "words"}}, "spaces"),
    ("OAUTH2_OUTBOUND_CA", {"OAUTH2_OUTBOUND_CA": "/no/such/file"}, "no such file"),
    ("OAUTH2_SCOPES", {"OAUTH2_SCOPES": {"profile": 1}}, "description"),
    ("OAUTH2_SPECS", {"OAUTH2_SPECS": {"rfc0000": True}}, "rfc0000"),
    ("OAUTH2_SPECS", {"OAUTH2_SPECS": {"no_such_module.at_all": True}}, "no_such_module"),
    ("OAUTH2_SPECS", {"OAUTH2_SPECS": {"rfc6749_implicit": 0}}, "true or false"),
    ("OAUTH2_RATE_LIMITS", {"OAUTH2_RATE_LIMITS": {"tokens": 1}}, "unknown limit tokens"),
    ("OAUTH2_RATE_LIMITS", {"OAUTH2_RATE_LIMITS": {"token": -1}}, "token must be a whole number, 0 or more"),
    ("OAUTH2_RATE_LIMITS", {"OAUTH2_RATE_LIMITS": {"token": True}}, "whole number"),
    ("OAUTH2_RATE_LIMITS", {"OAUTH2_RATE_LIMITS": {"token": "1"}}, "whole number"),
    ("OAUTH2_RATE_LIMITS", {"OAUTH2_RATE_LIMITS": 60}, "expected dict"),
    (ALGORITHMS, {ALGORITHMS: []}, "one or more of ES256, RS256, PS256, EdDSA"),
    (ALGORITHMS, {ALGORITHMS: ["ES256", "HS256"]}, "unknown algorithm 'HS256'"),
    (ALGORITHMS, {ALGORITHMS: ["none"]}, "unknown algorithm 'none'"),
    (ALGORITHMS, {ALGORITHMS: ["ES256", ["RS256"]]}, "Use ES256, RS256, PS256, EdDSA"),
    (ALGORITHMS, {ALGORITHMS: ["RS256", "ES256", "RS256"]}, "RS256 is listed twice"),
    (ALGORITHMS, {ALGORITHMS: "ES256"}, "expected list"),
]
MAY_BE_ZERO = {
    "OAUTH2_TRUSTED_PROXIES": 0,
    "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS": 0,
    "OAUTH2_SECRET_OVERLAP_SECONDS": 0,
    "OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 0,
    "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 0,
    "OAUTH2_RATE_LIMITS": {"token": 0, "login": 5},
}


def refusal_of(config: Any) -> SettingsError:
    """Return why an application does not start."""
    with pytest.raises(SettingsError) as caught:
        create_app(config)
    return caught.value


def secrets_of(config: dict[str, Any]) -> list[str]:
    """Return what of a configuration no message may show: keys, and the passwords that these tests use."""
    values = [config.get(SECRET), config.get(ENCRYPTION), "hunter2secret", *(config.get(FALLBACKS) or ())]
    return [value for value in values if isinstance(value, str) and len(value) > 3]


@pytest.mark.parametrize(("name", "change", "words"), [*UNSAFE, *MALFORMED])
def test_each_alone_stops_production_and_is_named(
    tmp_path: Path, name: str, change: dict[str, Any], words: str
) -> None:
    config = PRODUCTION | {"OAUTH2_INSTANCE_PATH": str(tmp_path / "instance")} | change
    refusal = refusal_of(config)
    assert len(refusal.problems) == 1, refusal.problems
    assert refusal.problems[0].startswith(f"{name}: ")
    assert words in refusal.problems[0]
    assert "\n" not in refusal.problems[0]
    assert [secret for secret in secrets_of(config) if secret in str(refusal)] == []
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize(("name", "change", "words"), MALFORMED)
def test_what_is_malformed_stops_the_demo_too(name: str, change: dict[str, Any], words: str) -> None:
    assert words in refusal_of(change).problems[0]


@pytest.mark.parametrize("text", ["1", "true", "True", "x"])
def test_production_does_not_start_in_debug_mode(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FLASK_DEBUG", text)
    assert [problem.split(":")[0] for problem in refusal_of(PRODUCTION).problems] == ["FLASK_DEBUG"]


def test_an_environment_does_not_make_a_demo_of_what_its_file_describes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "production.py"
    file.write_text("OAUTH2_ISSUER = 'https://localhost'\n")
    monkeypatch.setenv("WEBSITE_CONF", str(file))
    monkeypatch.setenv("OAUTH2_DEMO", "1")
    problems = refusal_of({"OAUTH2_INSTANCE_PATH": str(tmp_path)}).problems
    assert [problem for problem in problems if problem.startswith("OAUTH2_DEMO: ") and "WEBSITE_CONF" in problem]


@pytest.mark.parametrize("name", ["OAUTH2_DEMO", ENCRYPTION])
def test_nothing_in_a_file_does_not_make_it_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / "production.py"
    file.write_text(f"{name} = None\n")
    monkeypatch.setenv("WEBSITE_CONF", str(file))
    assert len(refusal_of(None).problems) == 3


def test_everything_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    monkeypatch.setenv("OAUTH2_ACCESS_TOKEN_SECONDS", "soon")
    monkeypatch.setenv("OAUTH2_SCOPES", "profile")
    config = {
        "OAUTH2_DEMO": False, "SECRET_KEY": "hunter2secret", "SESSION_COOKIE_SECURE": False, "WTF_CSRF_ENABLED": False,
        "OAUTH2_LOG_LEVEL": "LOUD", "OAUTH2_COLOUR": "green", DATABASE: "sqlite://",
    }  # fmt: skip
    refusal = refusal_of(config)
    assert sorted(problem.split(":")[0] for problem in refusal.problems) == sorted(
        [
            "AUTHLIB_INSECURE_TRANSPORT", "FLASK_DEBUG", "OAUTH2_ACCESS_TOKEN_SECONDS", "OAUTH2_SCOPES", SECRET,
            "SESSION_COOKIE_SECURE", "WTF_CSRF_ENABLED", "OAUTH2_LOG_LEVEL", "OAUTH2_COLOUR", DATABASE, ISSUER,
            ENCRYPTION,
        ]
    )  # fmt: skip
    assert "hunter2secret" not in str(refusal)


def test_what_cannot_be_read_is_named_once() -> None:
    problems = refusal_of(PRODUCTION | {ISSUER: 5, SECRET: 5}).problems
    assert problems == ["SECRET_KEY: expected str, got int.", "OAUTH2_ISSUER: expected str, got int."]


def test_a_refusal_is_an_error_of_value() -> None:
    refusal = SettingsError("A: is bad.", "B: is worse.")
    assert isinstance(refusal, ValueError)
    assert str(refusal) == "2 problems in the configuration:\n  A: is bad.\n  B: is worse."
    assert str(SettingsError("A: is bad.")) == "A: is bad."


@pytest.mark.parametrize("change", [{}, MAY_BE_ZERO, {ENCRYPTION: new_key()}, {FALLBACKS: [new_key()]}])
def test_a_good_configuration_starts(create_application: Callable[..., Flask], change: dict[str, Any]) -> None:
    application = create_application(**PRODUCTION | {"TESTING": False} | change)
    page = application.test_client().get("/", base_url="https://id.example")
    assert page.status_code == 200
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-grantwright=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


# The file


def test_a_file_that_fails_is_named_with_its_line_and_without_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    file = tmp_path / "production.py"
    monkeypatch.setenv("WEBSITE_CONF", str(file))
    for text, words in {
        "SECRET_KEY = 'hunter2secret'\nSECRET_KEY = open('/hunter2secret')": "FileNotFoundError, line 2",
        "import hunter2secret": "ModuleNotFoundError, line 1",
        "A = 1\nSECRET_KEY = 'hunter2secret": "not Python: line 2",
        "SECRET_KEY = 'hunter2secret\0'": "not Python",
    }.items():
        file.write_text(text)
        refusal = refusal_of(None)
        assert words in str(refusal)
        assert str(file) in str(refusal)
        assert "hunter2secret" not in str(refusal)
    file.write_text(r"SECRET_KEY = 'hunter2secret\d'")  # the compiler would show the line with its warning
    refusal_of(None)
    assert not recwarn.list


# Real processes, as the README has them: app.py is found by itself


def run(*command: str, **settings: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env=server_environment({"AUTHLIB_INSECURE_TRANSPORT": None, **settings}),
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    )


def texts(config: dict[str, Any]) -> dict[str, str | None]:
    """Return a configuration as the environment has it."""
    return {name: str(int(value)) if isinstance(value, bool) else value for name, value in config.items()}


@pytest.mark.parametrize("command", [["run", "--port", "0"], ["initdb"], ["check-config"], ["check-config", "--json"]])
@pytest.mark.parametrize("found", [["flask"], ["flask", "--app", "app"]], ids=["found", "named"])
def test_every_command_shows_each_problem_and_no_traceback(
    tmp_path: Path, found: list[str], command: list[str]
) -> None:
    settings = texts(PRODUCTION) | {SECRET: "hunter2secret", "OAUTH2_INSTANCE_PATH": str(tmp_path), ISSUER: None}
    ran = run(*found, *command, **settings)
    assert ran.returncode == 1
    assert re.fullmatch(r"Error: 2 problems in the configuration:\n  OAUTH2_ISSUER: .+\n  SECRET_KEY: .+\n", ran.stderr)
    assert "hunter2secret" not in ran.stdout + ran.stderr
    assert not list(tmp_path.iterdir())


def test_granian_ends_and_names_each_problem(tmp_path: Path) -> None:
    settings = texts(PRODUCTION) | {SECRET: "hunter2secret", "OAUTH2_INSTANCE_PATH": str(tmp_path), ISSUER: None}
    ran = run("granian", "--interface", "wsgi", "--port", "0", "app:app", **settings)
    printed = ran.stdout + ran.stderr
    assert re.search(r"SettingsError: 2 problems .*:\n  OAUTH2_ISSUER: .+\n  SECRET_KEY: .+\n", printed)
    assert "hunter2secret" not in printed
    assert PRODUCTION[ENCRYPTION] not in printed
