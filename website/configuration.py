"""Owns where the value of a setting comes from, and which values stop the start.

Order, later wins: the defaults, the file that ``WEBSITE_CONF`` names, what ``create_app()`` was given, the environment
variable of the setting's own name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import scopes
from .settings import NAME, Settings, SettingsError, by_name, default_of

#: An https URL with a plain host, perhaps a port and a path; no user name, query or fragment.
_ISSUER = re.compile(r"https://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9\-._~/]*)?\Z")


def read_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Build the settings from a mapping of public names and an environment that overrides it.

    Raises :class:`SettingsError` naming the setting that is malformed or unsafe.
    """
    unknown = [name for name in (*config, *environ) if name.startswith("OAUTH2_") and name not in by_name()]
    unknown = [name for name in unknown if not name.startswith("OAUTH2_PROXY_")]  # a well-known program's own
    if unknown:
        raise SettingsError(f"{unknown[0]}: there is no such setting.")
    values: dict[str, Any] = {}
    if environ.get("WEBSITE_CONF") and "OAUTH2_DEMO" not in config:
        values["demo"] = False
    for name, item in by_name().items():
        if name in environ:
            values[item.name] = _parse(name, environ[name], default_of(item))
        elif name in config and config[name] is not None:
            values[item.name] = _check_kind(name, config[name], default_of(item))
    settings = Settings(**values)
    problems = find_problems(settings)
    if not settings.demo and _is_debugging(config, environ):
        problems.append("FLASK_DEBUG: must not be set in production: its error pages run what they are sent.")
    if problems:
        raise SettingsError(" ".join(problems))
    return settings


def _is_debugging(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Tell whether Flask will take itself to be in debug mode."""
    return bool(config.get("DEBUG")) or environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no")


def _parse(name: str, text: str, default: Any) -> Any:
    """Read one value from the environment, by the kind of its default."""
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("", "0", "false", "no", "off"):
            return False
        raise SettingsError(f"{name}: write 1 or 0, true or false.")
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{name}: write a whole number.") from None
    if isinstance(default, (dict, list)):
        try:
            return _check_kind(name, json.loads(text), default)
        except ValueError:
            raise SettingsError(f"{name}: write JSON.") from None
    return text


def _check_kind(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool) and isinstance(value, (bool, int)):
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, type(default)):
        if isinstance(default, str) and isinstance(value, os.PathLike):
            return os.fspath(value)
        raise SettingsError(f"{name}: expected {type(default).__name__}, got {type(value).__name__}.")
    return value


def find_problems(settings: Settings) -> list[str]:
    """Return one sentence for each setting that is malformed, or unsafe in the mode in force."""
    problems = []
    for item in fields(Settings):
        value = getattr(settings, item.name)
        may_be_zero = item.name in ("trusted_proxies", "refresh_token_grace_seconds", "secret_overlap_seconds")
        if isinstance(value, int) and not isinstance(value, bool) and value < (0 if may_be_zero else 1):
            problems.append(f"{item.metadata[NAME]}: must be {'0' if may_be_zero else '1'} or more.")
    if any(not isinstance(value, int) or value <= 0 for value in settings.token_expires_in.values()):
        problems.append("OAUTH2_TOKEN_EXPIRES_IN: write whole seconds by grant type.")
    if not all(map(scopes.is_well_formed, settings.scopes)):
        problems.append("OAUTH2_SCOPES: a scope is written in printable ASCII without spaces, quotes and backslashes.")
    if not all(isinstance(switch, bool) for switch in settings.specs.values()):
        problems.append("OAUTH2_SPECS: write true or false for each name.")
    if settings.pkce_required_for not in ("all", "public"):
        problems.append("OAUTH2_PKCE_REQUIRED_FOR: write `all` or `public`.")
    if not 1 <= settings.authorization_code_seconds <= 600:
        problems.append("OAUTH2_AUTHORIZATION_CODE_SECONDS: 1 to 600.")
    if settings.refresh_token_grace_seconds > 30:
        problems.append("OAUTH2_REFRESH_TOKEN_GRACE_SECONDS: 0 to 30.")
    if settings.sqlite_synchronous not in ("", "NORMAL", "FULL"):
        problems.append("OAUTH2_SQLITE_SYNCHRONOUS: write NORMAL or FULL.")
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        problems.append("OAUTH2_LOG_LEVEL: write DEBUG, INFO, WARNING or ERROR.")
    return problems if settings.demo else problems + _find_production_problems(settings)


def _find_production_problems(settings: Settings) -> list[str]:
    problems = []
    if len(settings.secret_key) < 32:
        problems.append("SECRET_KEY: production needs one of at least 32 random characters.")
    if not settings.key_encryption_key:
        problems.append("OAUTH2_KEY_ENCRYPTION_KEY: production needs 32 random bytes as base64url.")
    if settings.insecure_transport:
        problems.append("AUTHLIB_INSECURE_TRANSPORT: must not be set in production.")
    if not _ISSUER.match(settings.issuer):
        problems.append("OAUTH2_ISSUER: production needs an https URL without query or fragment.")
    elif settings.issuer.endswith("/"):
        problems.append("OAUTH2_ISSUER: write it without a slash at its end.")
    return problems


def read_config_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the upper-case names that a Python configuration file defines.

    ``path`` is taken from the working folder. Raises :class:`SettingsError` when it cannot be read.
    """
    file = Path(path).absolute()
    try:
        source = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The configuration file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The configuration file {file} is not UTF-8.") from None
    namespace: dict[str, Any] = {"__file__": str(file)}
    try:
        code = compile(source, str(file), "exec")
    except SyntaxError as error:
        # Without the line's text: it may hold a secret.
        raise SettingsError(f"The configuration file {file} is not Python: line {error.lineno}.") from None
    exec(code, namespace)  # noqa: S102 - the operator's own file, as Flask reads it
    return {name: value for name, value in namespace.items() if name.isupper()}
