"""Owns what is shown of the configuration: each setting in force with its source, secrets masked; and what is risky."""

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

#: Shorter prefixes are no network of one's own: 10.0.0.0/8 and fc00::/7 are the widest that are private.
WIDEST_TRUSTED_PREFIX = 7
#: Words in the name of a text that make it a secret.
_SECRET_WORDS = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|CREDENTIAL")
#: Greedy: a password may have an @ in it.
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^:/?#@]*):.*@")
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One setting in force; ``value`` has no secret in it."""

    name: str
    value: Any
    source: str


def list_facts(settings: Settings, sources: Mapping[str, str]) -> list[Fact]:
    """Return every setting in force, by its public name, and the place that its value comes from."""
    facts = []
    for name, item in by_name().items():
        source = sources.get(name, DEFAULT if sources else "the application")
        value, source = _in_force(settings, name, getattr(settings, item.name), source)
        facts.append(Fact(name, mask(name, value), source))
    return facts


def _in_force(settings: Settings, name: str, value: Any, source: str) -> tuple[Any, str]:
    """Return value and source, also where the setting leaves its value, or a part of it, to something else."""
    if name == "OAUTH2_SQLITE_SYNCHRONOUS" and not value:
        return settings.sqlite_synchronous_mode, BY_MODE
    if name == "OAUTH2_RATE_LIMITS":
        return ({}, BY_MODE) if settings.demo else ({**RATE_LIMITS, **value}, source)
    return value, source


def mask(name: str, value: Any) -> Any:
    """Return a setting's value as it may be shown to whoever looks over the operator's shoulder."""
    if not isinstance(value, (str, list)):
        return value
    if _SECRET_WORDS.search(name):
        if not value:
            return "not set"
        return f"set, {len(value)} characters" if isinstance(value, str) else f"set, {len(value)} of them"
    return without_password(value) if isinstance(value, str) else [mask(name, part) for part in value]


def without_password(address: str) -> str:
    """Return an address without the passwords in it."""
    if "://" not in address:
        return address
    return _PASSWORD_IN_QUERY.sub(r"\1***", _PASSWORD_IN_ADDRESS.sub(r"\1:***@", address))


def find_risks(settings: Settings, specifications: Sequence[str], files: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for each value that production starts with, but that weakens it.

    ``specifications`` are those switched on, ``files`` the configuration files that were read.
    """
    if settings.demo:
        return
    for file in files:
        # It may well belong to root, and be for the server's group to read.
        if is_open_to_others(Path(file), but_its_group=True):
            yield f"{file}: everybody on this machine may read this file, and it has secrets: chmod 640."
    if settings.trusted_proxies == 0:
        yield "OAUTH2_TRUSTED_PROXIES: is 0, so this process must end TLS itself; behind a proxy nothing works."
    for network in settings.rate_limits.get(TRUSTED_NETWORKS, []):
        if ip_network(network).prefixlen < WIDEST_TRUSTED_PREFIX:
            yield f"OAUTH2_RATE_LIMITS: {TRUSTED_NETWORKS} has {network}, so that strangers are hardly limited."
    if settings.sqlite_synchronous_mode == "NORMAL" and settings.database_uri.startswith("sqlite"):
        yield "OAUTH2_SQLITE_SYNCHRONOUS: is NORMAL, so a power cut may bring back what was revoked just before it."
    if settings.pkce_required_for == "public":
        yield "OAUTH2_PKCE_REQUIRED_FOR: is `public`; `all` protects clients with a secret too (RFC 9700, 2.1.1)."
    if settings.refresh_token_grace_seconds > 30:
        yield "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS: is over 30; a stolen refresh token can be used unnoticed that long."
    legacy = {
        "rfc6749_password": "the password grant",
        "rfc6749_implicit": "the implicit grant",
        "oidc_core_implicit": "OpenID Connect's implicit flow (`id_token token`)",
        "oidc_core_hybrid": "OpenID Connect's hybrid flow (`code token`, `code id_token token`)",
    }
    for name in filter(specifications.__contains__, legacy):
        advice = f"RFC 9700 advises against it. Set {name} to false unless a client uses it."
        yield f"OAUTH2_SPECS: {legacy[name]} is on; {advice}"
