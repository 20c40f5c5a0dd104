"""The report on the configuration: each setting with its source, secrets masked, and the risky values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from ..database.private_files import is_open_to_others
from ..settings import RATE_LIMITS, TRUSTED_NETWORKS, Settings, by_name
from .loading import BY_MODE, DEFAULT
from .passkey_validation import find_passkey_risks

#: Shorter prefixes aren't private networks: the widest private ones are 10.0.0.0/8 and fc00::/7.
WIDEST_TRUSTED_PREFIX = 7
#: A setting with one of these words in its name is a secret.
_SECRET_WORDS = re.compile(r"(?<!PASS)KEY|SECRET|PASSWORD|TOKEN|CREDENTIAL")
#: Greedy: a password may contain an @.
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^:/?#@]*):.*@")
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """The current value of a setting, with secrets masked."""

    name: str
    value: Any
    source: str


def list_facts(settings: Settings, sources: Mapping[str, str]) -> list[Fact]:
    """Return every setting by its public name, with its current value and source."""
    facts = []
    for name, item in by_name().items():
        source = sources.get(name, DEFAULT if sources else "the application")
        value, source = _in_force(settings, name, getattr(settings, item.name), source)
        facts.append(Fact(name, mask(name, value), source))
    return facts


def _in_force(settings: Settings, name: str, value: Any, source: str) -> tuple[Any, str]:
    """Return the effective value and source, also if the value depends on the mode or on defaults."""
    if name == "OAUTH2_SQLITE_SYNCHRONOUS" and not value:
        return settings.sqlite_synchronous_mode, BY_MODE
    if name == "OAUTH2_RATE_LIMITS":
        return ({}, BY_MODE) if settings.demo else ({**RATE_LIMITS, **value}, source)
    return value, source


def mask(name: str, value: Any) -> Any:
    """Return a setting's value with secrets masked, so that nobody can read them off the screen."""
    if not isinstance(value, (str, list)):
        return value
    if _SECRET_WORDS.search(name):
        if not value:
            return "not set"
        unit = "character" if isinstance(value, str) else "value"
        return f"set, {len(value)} {unit}" + ("" if len(value) == 1 else "s")
    return without_password(value) if isinstance(value, str) else [mask(name, part) for part in value]


def without_password(address: str) -> str:
    """Return a URL with its passwords masked."""
    if "://" not in address:
        return address
    return _PASSWORD_IN_QUERY.sub(r"\1***", _PASSWORD_IN_ADDRESS.sub(r"\1:***@", address))


def find_advice(settings: Settings) -> Iterator[str]:
    """Yield one sentence for each value that would be better in production, without being a mistake.

    Our own accounts' alone: an embedding application has its own logins.
    """
    if not settings.demo and not settings.operators_need_second_factor:
        yield (
            "OAUTH2_OPERATORS_NEED_SECOND_FACTOR: is false. Set it to true, so that the password of an operator or a"
            " member of the helpdesk isn't enough to reach other people's accounts."
        )


def find_risks(settings: Settings, specifications: Sequence[str], files: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for each value that production accepts although it is risky.

    ``specifications`` are the enabled ones, and ``files`` the configuration files that were read.
    """
    if settings.demo:
        return
    for file in files:
        # The file may well belong to root and be readable by the server's group.
        if is_open_to_others(Path(file), but_its_group=True):
            yield f"{file}: all users of this computer can read this file, which contains secrets: chmod 640."
    if settings.trusted_proxies == 0:
        yield "OAUTH2_TRUSTED_PROXIES: is 0, so this process must terminate TLS itself; behind a proxy nothing works."
    for network in settings.rate_limits.get(TRUSTED_NETWORKS, []):
        if ip_network(network).prefixlen < WIDEST_TRUSTED_PREFIX:
            yield f"OAUTH2_RATE_LIMITS: {TRUSTED_NETWORKS} includes {network}, so strangers are hardly limited."
    if settings.sqlite_synchronous_mode == "NORMAL" and settings.database_uri.startswith("sqlite"):
        yield "OAUTH2_SQLITE_SYNCHRONOUS: is NORMAL, so a power cut can undo revocations made just before it."
    if settings.pkce_required_for == "public":
        yield "OAUTH2_PKCE_REQUIRED_FOR: is `public`; `all` also protects clients with a secret (RFC 9700, 2.1.1)."
    if settings.refresh_token_grace_seconds > 30:
        yield "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS: is over 30; a stolen refresh token works unnoticed that long."
    if settings.password_score < 2:
        yield "OAUTH2_PASSWORD_SCORE: is below 2, so people may set passwords that are quickly guessed."
    yield from find_passkey_risks(settings)
    legacy = {
        "rfc6749_password": "the password grant",
        "rfc6749_implicit": "the implicit grant",
        "oidc_core_implicit": "OpenID Connect's implicit flow (`id_token token`)",
        "oidc_core_hybrid": "OpenID Connect's hybrid flow (`code token`, `code id_token token`)",
    }
    for name in filter(specifications.__contains__, legacy):
        advice = f"RFC 9700 advises against it. Set {name} to false unless a client needs it."
        yield f"OAUTH2_SPECS: {legacy[name]} is on; {advice}"
