"""Owns which values are unsafe in production, and where the demo cannot be meant. Each of them stops the start."""

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
#: Fewer different characters than this are a keyboard's doing, not a random generator's.
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
#: What the examples of frameworks have, and what people write who mean to come back later.
_WELL_KNOWN_KEYS = (
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)
_PLACEHOLDERS = re.compile(
    r"changeme|changethis|replaceme|secretkey|yoursecret|mysecret|topsecret|supersecret|verysecret|notsosecret|insecure"
    r"|placeholder|password|example|default|development|abcdefgh|01234567|12345678|qwerty"
)
#: What Flask would do with them is for a developer's own machine: by name, with what it is.
_DEVELOPMENT = {
    "DEBUG": "its error pages run what they are sent",
    "TESTING": "it is for tests",
    "PROPAGATE_EXCEPTIONS": "exceptions would reach the server instead of our error page",
    "TRAP_HTTP_EXCEPTIONS": "a 404 would count as a failure of the server",
    "TRAP_BAD_REQUEST_ERRORS": "a 400 would count as a failure of the server",
}
_PLAIN_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_ISSUER = re.compile(rf"https?://{_PLAIN_HOST}(?:/[A-Za-z0-9\-._~/]*)?\Z")


def find_production_problems(settings: Settings, config: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return one sentence for each value that production does not start with.

    ``config`` has Flask's own names too; of the environment Flask reads ``FLASK_DEBUG`` alone.
    """
    problems = []
    issuer = _issuer_problem(settings.issuer)
    if issuer:
        problems.append(f"OAUTH2_ISSUER: {issuer}")
    problems += _find_weak_keys(settings, config)
    if settings.insecure_transport:
        problems.append("AUTHLIB_INSECURE_TRANSPORT: must not be set in production: tokens would travel in clear.")
    if environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
        problems.append(f"FLASK_DEBUG: must not be set in production: {_DEVELOPMENT['DEBUG']}.")
    for name, reason in _DEVELOPMENT.items():
        if config.get(name):
            problems.append(f"{name}: must not be set in production: {reason}.")
    if settings.outbound_loopback and not _is_of_this_machine(settings.issuer):
        problems.append("OAUTH2_OUTBOUND_LOOPBACK: clients could reach what only this machine is meant to reach.")
    problems += _find_weak_forms(config) + _find_weak_cookies(config)
    if _loses_its_data(settings.database_uri):
        problems.append("SQLALCHEMY_DATABASE_URI: production needs a database that outlives the process.")
    return problems


def find_demo_problems(settings: Settings, config: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return one sentence for each value that only a server for others has: there the demo cannot be meant."""
    problems = []
    leave = "The demo answers this machine alone; OAUTH2_DEMO=0 leaves it."
    if settings.trusted_proxies > 0:
        problems.append(f"OAUTH2_DEMO: is on, but OAUTH2_TRUSTED_PROXIES counts proxies. {leave}")
    if settings.issuer and not _is_of_this_machine(settings.issuer):
        problems.append(f"OAUTH2_DEMO: is on, but OAUTH2_ISSUER is not of this machine. {leave}")
    if (
        environ.get("WEBSITE_CONF")
        and "OAUTH2_DEMO" in environ
        and config.get("OAUTH2_ISSUER")
        and not config.get("OAUTH2_DEMO")
    ):
        problems.append(
            "OAUTH2_DEMO: the environment turns the demo on, but the file of WEBSITE_CONF describes production: it has"
            " an OAUTH2_ISSUER."
        )
    return problems


def _issuer_problem(issuer: str) -> str:
    if not issuer:
        return "missing; production needs the https URL by which clients know this server."
    if not issuer.startswith("https://"):
        return "write a URL that begins with https://."
    if "?" in issuer or "#" in issuer:
        return "write it without query and fragment."
    if issuer.endswith("/"):
        return "write it without a slash at its end."
    if not _ISSUER.match(issuer):
        return "write a plain https URL: a host, perhaps a port and a path."
    if urlsplit(issuer).path and not is_plain(urlsplit(issuer).path):
        return "write its path without empty segments and without . and .. as segments."
    return ""


def _is_of_this_machine(issuer: str) -> bool:
    return bool(_ISSUER.match(issuer)) and urlsplit(issuer).hostname in LOOPBACK_NAMES


def _find_weak_keys(settings: Settings, config: Mapping[str, Any]) -> list[str]:
    problems = []
    given = [("SECRET_KEY", settings.secret_key)]
    given += [("SECRET_KEY_FALLBACKS", key) for key in config.get("SECRET_KEY_FALLBACKS") or ()]
    for name, key in given:
        weakness = _weakness_of(key)
        if weakness:
            problems.append(f"{name}: {weakness}; production needs {SECRET_KEY_CHARACTERS} random characters or more.")
    encryption_key = settings.key_encryption_key.rstrip("=")
    if not encryption_key:
        problems.append(f"{KEY_SETTING}: missing; production needs 32 random bytes as base64url.")
    keys: list[tuple[str, Any]] = [(KEY_SETTING, encryption_key)]
    keys += [(FALLBACKS_SETTING, key) for key in settings.key_encryption_key_fallbacks]
    for name, key in keys:
        if key and isinstance(key, str) and len(set(key)) < DISTINCT_CHARACTERS:
            problems.append(f"{name}: not random; production needs 32 random bytes as base64url.")
    if encryption_key and settings.secret_key.rstrip("=") == encryption_key:
        problems.append(f"SECRET_KEY: is the same as {KEY_SETTING}; each needs a value of its own.")
    return problems


def _weakness_of(key: object) -> str:
    """Say what is wrong with a key that signs, without a part of it."""
    if not isinstance(key, str):
        return "not a text"
    if not key:
        return "missing"
    if len(key) < SECRET_KEY_CHARACTERS:
        return "too short"
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    if plain in _WELL_KNOWN_KEYS or _PLACEHOLDERS.search(plain):
        return "a well-known or made-up text"
    if len(set(key)) < DISTINCT_CHARACTERS or key in (key + key)[1:-1]:
        return "not random"
    return ""


def _find_weak_forms(config: Mapping[str, Any]) -> list[str]:
    names = [name for name in ("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT") if not config.get(name, True)]
    problems = [f"{name}: must not be switched off in production: it protects every form." for name in names]
    if "POST" not in config.get("WTF_CSRF_METHODS", ("POST",)):
        problems.append("WTF_CSRF_METHODS: must have POST in production: it protects every form.")
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
        return False  # malformed, and named as such
