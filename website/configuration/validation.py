"""The checks for malformed settings, in every mode. ``loading.py`` runs them, and those for an unsafe production."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import fields
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .. import scopes
from ..keys.jwe import OWN_KEYS
from ..keys.jws import ALGORITHMS
from ..keys.key_encryption import FALLBACKS_SETTING, KEY_SETTING, decode_key
from ..redirect_uris import is_web_address
from ..settings import ANY_OF_OURS, ISSUER_ALONE, NAME, RATE_LIMITS, TRUSTED_NETWORKS, Settings, SettingsError
from ..standard_claims import EDITABLE_CLAIMS
from .joining_validation import find_joining_problems
from .mail_validation import find_mail_problems
from .passkey_validation import find_passkey_problems
from .registration_validation import find_registration_problems

MAY_BE_ZERO = {
    "trusted_proxies",
    "refresh_token_grace_seconds",
    "secret_overlap_seconds",
    "clients_per_account",
    "login_tries_per_account",
    "login_tries_per_address",
    "drain_seconds",
    "activity_seconds",
    "smtp_port",
    "password_score",
}
DATABASES = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
#: Where the built-in specifications are, in the source and in the wheel; OAUTH2_SPECS has short names for them.
BUILT_IN = ("website.oauth2.", "grantwright.oauth2.")


def find_setting_problems(settings: Settings, specifications: Iterable[str] | None = None) -> list[str]:
    """Return one sentence for each malformed setting; ``specifications`` are the known names."""
    problems = []
    for item in fields(Settings):
        value = getattr(settings, item.name)
        least = 0 if item.name in MAY_BE_ZERO else 1
        if isinstance(value, int) and not isinstance(value, bool) and value < least:
            problems.append(f"{item.metadata[NAME]}: must be {least} or more.")
    if not all(_is_whole_number(value, 1) for value in settings.token_expires_in.values()):
        problems.append("OAUTH2_TOKEN_EXPIRES_IN: write whole seconds by grant type.")
    if settings.pkce_required_for not in ("unless_nonce", "all", "public"):
        problems.append("OAUTH2_PKCE_REQUIRED_FOR: write `unless_nonce`, `all` or `public`.")
    if settings.session_cookie_samesite not in ("Lax", "None"):
        problems.append("OAUTH2_SESSION_COOKIE_SAMESITE: write `Lax` or `None`.")
    if settings.client_assertion_audience not in (ANY_OF_OURS, ISSUER_ALONE):
        problems.append("OAUTH2_CLIENT_ASSERTION_AUDIENCE: write `ours` or `issuer`.")
    if settings.sqlite_synchronous not in ("", "NORMAL", "FULL"):
        problems.append("OAUTH2_SQLITE_SYNCHRONOUS: write NORMAL or FULL.")
    if not settings.display_name.strip():
        problems.append("OAUTH2_DISPLAY_NAME: write a name for the pages to show.")
    if settings.look and not Path(settings.look).is_dir():
        problems.append("OAUTH2_LOOK: there is no such folder.")
    if settings.outbound_ca and not Path(settings.outbound_ca).is_file():
        problems.append("OAUTH2_OUTBOUND_CA: there is no such file.")
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        problems.append("OAUTH2_LOG_LEVEL: write DEBUG, INFO, WARNING or ERROR.")
    return [
        *problems,
        *_find_bad_lifetimes(settings),
        *_find_bad_keys(settings),
        *_find_bad_algorithms(settings),
        *_find_bad_database(settings),
        *_find_bad_scopes(settings),
        *_find_bad_switches(settings, specifications),
        *_find_bad_rate_limits(settings),
        *find_registration_problems(settings),
        *find_mail_problems(settings),
        *_find_bad_claims(settings),
        *find_joining_problems(settings),
        *find_passkey_problems(settings),
        *_find_bad_links(settings),
        *_find_bad_metrics_token(settings),
    ]


def _find_bad_lifetimes(settings: Settings) -> list[str]:
    """Return a sentence for each number of seconds that is out of the range that makes sense for it."""
    problems = []
    if not 1 <= settings.authorization_code_seconds <= 600:
        problems.append("OAUTH2_AUTHORIZATION_CODE_SECONDS: write 1 to 600.")
    if not 60 <= settings.device_code_seconds <= 1800:
        problems.append("OAUTH2_DEVICE_CODE_SECONDS: write 60 to 1800.")
    if not 1 <= settings.device_code_interval_seconds <= 60:
        problems.append("OAUTH2_DEVICE_CODE_INTERVAL_SECONDS: write 1 to 60.")
    if settings.refresh_token_grace_seconds > 60:
        problems.append("OAUTH2_REFRESH_TOKEN_GRACE_SECONDS: write 0 to 60.")
    return problems


def _find_bad_links(settings: Settings) -> list[str]:
    """Return a sentence for each link of the pages' foot that no browser could follow, or that would run a script."""
    addresses = {
        "OAUTH2_DOCUMENTATION_URL": settings.documentation_url,
        "OAUTH2_SUPPORT_URL": settings.support_url,
        "OAUTH2_PRIVACY_URL": settings.privacy_url,
    }
    return [
        f"{name}: write an https or mailto URL."
        for name, address in addresses.items()
        if address and not (is_web_address(address) or address.startswith("mailto:"))
    ]


def _find_bad_metrics_token(settings: Settings) -> list[str]:
    """Return a sentence if no Authorization header could carry the token (:rfc:`6750#section-2.1`)."""
    if not settings.metrics_token or re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", settings.metrics_token):
        return []
    return ["OAUTH2_METRICS_TOKEN: write letters, digits and -._~+/ only, as a bearer token has them."]


def _is_whole_number(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _find_bad_keys(settings: Settings) -> list[str]:
    keys_by_name: list[tuple[str, Any]] = []
    if settings.key_encryption_key:
        keys_by_name.append((KEY_SETTING, settings.key_encryption_key))
    keys_by_name += [(FALLBACKS_SETTING, text) for text in settings.key_encryption_key_fallbacks]
    problems = []
    for setting, text in keys_by_name:
        try:
            decode_key(text if isinstance(text, str) else "", setting)
        except SettingsError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))


def _find_bad_algorithms(settings: Settings) -> list[str]:
    algorithms: list[Any] = settings.signing_algorithms
    choices = ", ".join(ALGORITHMS)
    problems = [] if algorithms else [f"OAUTH2_SIGNING_ALGORITHMS: write one or more of {choices}."]
    for name in algorithms:
        if not isinstance(name, str) or name not in ALGORITHMS:
            problems.append(f"OAUTH2_SIGNING_ALGORITHMS: unknown algorithm {name!r}. Use {choices}.")
        elif algorithms.count(name) > 1:
            problems.append(f"OAUTH2_SIGNING_ALGORITHMS: {name} is listed twice.")
    decryption_algorithms: list[Any] = settings.decryption_algorithms
    if any(name not in tuple(OWN_KEYS) or decryption_algorithms.count(name) > 1 for name in decryption_algorithms):
        problems.append(f"OAUTH2_DECRYPTION_ALGORITHMS: write each of {', '.join(OWN_KEYS)} once, or none.")
    return problems


def _find_bad_database(settings: Settings) -> list[str]:
    try:
        if make_url(settings.database_uri).drivername in DATABASES:
            return []
    except (ArgumentError, ValueError):
        pass  # the error message may contain the password
    examples = "sqlite:///file.sqlite or postgresql+psycopg://user:password@host/database"
    return [f"SQLALCHEMY_DATABASE_URI: write a URL like {examples}."]


def _find_bad_scopes(settings: Settings) -> list[str]:
    problems = []
    scope_words: dict[Any, Any] = {**settings.scopes}
    if not all(isinstance(name, str) and scopes.is_well_formed(name) for name in scope_words):
        problems.append("OAUTH2_SCOPES: a scope is printable ASCII without spaces, quotes or backslashes.")
    if not all(isinstance(words, str) and words for words in scope_words.values()):
        problems.append("OAUTH2_SCOPES: each scope needs a description for the consent page.")
    return problems


def _find_bad_switches(settings: Settings, specifications: Iterable[str] | None) -> list[str]:
    problems = []
    switches: dict[Any, Any] = {**settings.specs}
    if not all(isinstance(switch, bool) for switch in switches.values()):
        problems.append("OAUTH2_SPECS: write true or false for each name.")
    if specifications is not None:
        names = tuple(specifications)
        for name, switch in switches.items():
            if not isinstance(name, str) or ("." not in name and name not in names):
                problems.append(f"OAUTH2_SPECS: unknown specification {name}. Known: {', '.join(names)}.")
            elif name.startswith(BUILT_IN) and name.rpartition(".")[2] in names:
                # By that name it would be registered a second time.
                problems.append(f"OAUTH2_SPECS: {name} is built in: write {name.rpartition('.')[2]}.")
            elif "." in name and switch and not _can_be_found(name):
                problems.append(f"OAUTH2_SPECS: there is no module {name}.")
    return problems


def _can_be_found(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _find_bad_rate_limits(settings: Settings) -> list[str]:
    problems = []
    for name, limit in settings.rate_limits.items():
        if name == TRUSTED_NETWORKS:
            problems += _find_bad_networks(limit)
        elif name not in RATE_LIMITS:
            names = ", ".join((*RATE_LIMITS, TRUSTED_NETWORKS))
            problems.append(f"OAUTH2_RATE_LIMITS: unknown limit {name}. Known: {names}.")
        elif not _is_whole_number(limit, 0):
            problems.append(f"OAUTH2_RATE_LIMITS: {name} must be a whole number, 0 or more.")
    return problems


def _find_bad_claims(settings: Settings) -> list[str]:
    refused = [str(name) for name in settings.editable_claims if name not in EDITABLE_CLAIMS]
    if not refused:
        return []
    return [
        f"OAUTH2_EDITABLE_CLAIMS: people can't choose {', '.join(refused)} for themselves."
        f" Use names from {', '.join(EDITABLE_CLAIMS)}."
    ]


def _find_bad_networks(networks: object) -> list[str]:
    if not isinstance(networks, list):
        return [f'OAUTH2_RATE_LIMITS: write {TRUSTED_NETWORKS} as a list, such as ["10.0.0.0/8"].']
    problems = []
    for network in networks:
        try:
            if not isinstance(network, str):
                raise ValueError("it is not a string")  # a number would be parsed as an address
            ip_network(network)
        except ValueError as error:
            problems.append(f"OAUTH2_RATE_LIMITS: {TRUSTED_NETWORKS}: {network!r} is not a network: {error}.")
    return problems
