"""The checks for unsafe values in production, and for signs that demo mode is a mistake. Each prevents start-up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ..database.sqlite_files import is_in_memory
from ..hosts import LOOPBACK_NAMES
from ..keys.key_encryption import FALLBACKS_SETTING, KEY_SETTING
from ..request_path import is_plain
from ..settings import Settings

SECRET_KEY_CHARACTERS = 32
#: A key with fewer different characters was typed, not generated randomly.
DISTINCT_CHARACTERS = 8
#: The session cookie in production; no setting changes it.
SESSION_COOKIE = {
    "SESSION_COOKIE_NAME": "__Host-grantwright",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_PATH": "/",
    "SESSION_COOKIE_DOMAIN": None,
}
#: Keys from examples of frameworks, and common placeholders.
_WELL_KNOWN_KEYS = (
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)
_PLACEHOLDERS = re.compile(
    r"changeme|changethis|replaceme|secretkey|yoursecret|mysecret|topsecret|supersecret|verysecret|notsosecret|insecure"
    r"|placeholder|password|example|default|development|abcdefgh|01234567|12345678|qwerty"
)
#: Flask settings for development only, with the reason.
_DEVELOPMENT = {
    "DEBUG": "its error pages execute code sent to them",
    "TESTING": "it is for tests",
    "PROPAGATE_EXCEPTIONS": "exceptions would reach the server instead of our error page",
    "TRAP_HTTP_EXCEPTIONS": "a 404 would count as a failure of the server",
    "TRAP_BAD_REQUEST_ERRORS": "a 400 would count as a failure of the server",
}
_PLAIN_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_ISSUER = re.compile(rf"https?://{_PLAIN_HOST}(?:/[A-Za-z0-9\-._~/]*)?\Z")


def find_production_problems(settings: Settings, config: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return one sentence for each value that production doesn't start with.

    ``config`` also has Flask's own names. From the environment, Flask only reads ``FLASK_DEBUG``.
    """
    problems = []
    issuer = _issuer_problem(settings.issuer)
    if issuer:
        problems.append(f"OAUTH2_ISSUER: {issuer}")
    problems += _find_weak_keys(settings, config)
    if settings.insecure_transport:
        problems.append("AUTHLIB_INSECURE_TRANSPORT: must not be set in production: tokens would be sent unencrypted.")
    if environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        problems.append(f"FLASK_DEBUG: must not be set in production: {_DEVELOPMENT['DEBUG']}.")
    for name, reason in _DEVELOPMENT.items():
        if config.get(name):
            problems.append(f"{name}: must not be set in production: {reason}.")
    if settings.outbound_loopback and not _is_of_this_machine(settings.issuer):
        problems.append("OAUTH2_OUTBOUND_LOOPBACK: clients could reach services meant only for this computer.")
    problems += _find_weak_forms(config) + _find_weak_cookies(config)
    if _loses_its_data(settings.database_uri):
        problems.append("SQLALCHEMY_DATABASE_URI: production needs a database that is kept when the process ends.")
    return problems


def find_demo_problems(settings: Settings, config: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return one sentence for each value that only makes sense on a public server, where demo mode is a mistake."""
    problems = []
    leave = "The demo can only be reached from this computer; set OAUTH2_DEMO=0 to turn it off."
    if settings.trusted_proxies > 0:
        problems.append(f"OAUTH2_DEMO: is on, but OAUTH2_TRUSTED_PROXIES is set. {leave}")
    if settings.issuer and not _is_of_this_machine(settings.issuer):
        problems.append(f"OAUTH2_DEMO: is on, but OAUTH2_ISSUER is not on this computer. {leave}")
    if (
        environ.get("WEBSITE_CONF")
        and "OAUTH2_DEMO" in environ
        and config.get("OAUTH2_ISSUER")
        and not config.get("OAUTH2_DEMO")
    ):
        problems.append(
            "OAUTH2_DEMO: the environment turns on the demo, but the WEBSITE_CONF file is for production: it has an"
            " OAUTH2_ISSUER."
        )
    return problems


def _issuer_problem(issuer: str) -> str:
    if not issuer:
        return "missing; production needs the https URL that clients use for this server."
    if not issuer.startswith("https://"):
        return "write a URL that begins with https://."
    if "?" in issuer or "#" in issuer:
        return "write it without query or fragment."
    if issuer.endswith("/"):
        return "write it without a trailing slash."
    if not _ISSUER.match(issuer):
        return "write a plain https URL: a host with an optional port and path."
    if urlsplit(issuer).path and not is_plain(urlsplit(issuer).path):
        return "write its path without empty segments and without . or .. segments."
    return ""


def _is_of_this_machine(issuer: str) -> bool:
    return bool(_ISSUER.match(issuer)) and urlsplit(issuer).hostname in LOOPBACK_NAMES


def _find_weak_keys(settings: Settings, config: Mapping[str, Any]) -> list[str]:
    problems = []
    keys_by_name = [("SECRET_KEY", settings.secret_key)]
    keys_by_name += [("SECRET_KEY_FALLBACKS", key) for key in config.get("SECRET_KEY_FALLBACKS") or ()]
    if settings.metrics_token:
        keys_by_name.append(("OAUTH2_METRICS_TOKEN", settings.metrics_token))
    for name, key in keys_by_name:
        weakness = _weakness_of(key)
        if weakness:
            problems.append(f"{name}: {weakness}; production needs at least {SECRET_KEY_CHARACTERS} random characters.")
    encryption_key = settings.key_encryption_key.rstrip("=")
    if not encryption_key:
        problems.append(f"{KEY_SETTING}: missing; production needs 32 random bytes in base64url.")
    keys: list[tuple[str, Any]] = [(KEY_SETTING, encryption_key)]
    keys += [(FALLBACKS_SETTING, key) for key in settings.key_encryption_key_fallbacks]
    for name, key in keys:
        if key and isinstance(key, str) and len(set(key)) < DISTINCT_CHARACTERS:
            problems.append(f"{name}: not random; production needs 32 random bytes in base64url.")
    if encryption_key and settings.secret_key.rstrip("=") == encryption_key:
        problems.append(f"SECRET_KEY: is the same as {KEY_SETTING}; each needs its own value.")
    return problems


def _weakness_of(key: object) -> str:
    """Return the problem with a secret key, without revealing any of it."""
    if not isinstance(key, str):
        return "not a string"
    if not key:
        return "missing"
    if len(key) < SECRET_KEY_CHARACTERS:
        return "too short"
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    if plain in _WELL_KNOWN_KEYS or _PLACEHOLDERS.search(plain):
        return "a well-known value or a placeholder"
    if len(set(key)) < DISTINCT_CHARACTERS or key in (key + key)[1:-1]:
        return "not random"
    return ""


def _find_weak_forms(config: Mapping[str, Any]) -> list[str]:
    names = [name for name in ("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT") if not config.get(name, True)]
    problems = [f"{name}: must not be turned off in production: it protects every form." for name in names]
    if "POST" not in config.get("WTF_CSRF_METHODS", ("POST",)):
        problems.append("WTF_CSRF_METHODS: must include POST in production: it protects every form.")
    return problems


def _find_weak_cookies(config: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: must not be changed in production; it is {own!r}."
        for name, own in SESSION_COOKIE.items()
        if (config.get(name, own) or None) != (own or None)
    ]


def _loses_its_data(database_uri: str) -> bool:
    try:
        return is_in_memory(make_url(database_uri))
    except (ArgumentError, ValueError):
        return False  # malformed, which another check reports
