"""Owns what a client may register: the fields of :rfc:`7591#section-2`, checked in one place for every door.

What stands in columns, and is no field of a registration, is in ``operator_decisions.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import redirect_uris, scopes
from ..response_types import grants_of, is_among
from .field_checks import FieldCheck

MAX_NAME_CHARACTERS = 200
MAX_REDIRECT_URIS = 20
#: Pages that the client names for people to read; this server links them, and never loads them.
WEB_ADDRESSES = ("client_uri", "policy_uri", "tos_uri")
#: What most clients of OpenID Connect ask for.
OPENID_SCOPES = (scopes.OPENID, "profile", "email")
#: Which response type belongs to which grant type (:rfc:`7591#section-2.1`).
GRANT_OF_RESPONSE_TYPE = {"code": "authorization_code", "token": "implicit"}


@dataclass
class MetadataProblems:
    """What is wrong, by field; empty when all is well."""

    by_field: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, problem: str) -> None:
        self.by_field.setdefault(name, problem)

    def add_all(self, others: MetadataProblems) -> None:
        for name, problem in others.by_field.items():
            self.add(name, problem)

    def __bool__(self) -> bool:
        return bool(self.by_field)


@dataclass(frozen=True, slots=True)
class Offered:
    """What this server offers clients to choose from; the specifications that are switched on decide."""

    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    auth_methods: tuple[str, ...]
    scopes: tuple[str, ...]
    #: The fields that specifications added.
    fields: Mapping[str, FieldCheck]
    #: All scopes that this server knows, those that a policy keeps from this client included.
    known_scopes: tuple[str, ...] = ()
    #: What redirect URIs may be beside those that the standards name.
    redirect_rules: redirect_uris.RedirectRules = field(default_factory=redirect_uris.RedirectRules)


def implied_response_types(grant_types: Iterable[str]) -> list[str]:
    """Return the response types that go with the grant types (:rfc:`7591#section-2.1`)."""
    chosen = set(grant_types)
    return [response_type for response_type, grant_type in GRANT_OF_RESPONSE_TYPE.items() if grant_type in chosen]


def usual_scope(own: Iterable[str], grant_types: Iterable[str], offered: Offered) -> str:
    """Return the scope that a new client has filled in: what most clients of OpenID Connect ask for, and ``own``.

    A client without users has ``own`` alone: nobody is logged in to it. One that refreshes may ask to go on without the
    user (OpenID Connect Core 1.0, section 11).
    """
    chosen = set(grant_types)
    values = [*OPENID_SCOPES, *own] if chosen - {"client_credentials"} else [*own]
    if "refresh_token" in chosen:
        values.append(scopes.OFFLINE_ACCESS)
    return scopes.join(value for value in dict.fromkeys(values) if value in offered.scopes)


def check_metadata(metadata: Mapping[str, Any], offered: Offered) -> MetadataProblems:
    """Judge a client's metadata as it would be stored; every list is a list of strings already."""
    problems = MetadataProblems()
    name = metadata.get("client_name", "")
    if not name.strip():
        problems.add("client_name", "Give the client a name: people read it when they are asked for consent.")
    if len(name) > MAX_NAME_CHARACTERS or not _is_printable(name):
        problems.add("client_name", f"At most {MAX_NAME_CHARACTERS} characters, none of them invisible.")
    for field_name in WEB_ADDRESSES:
        address = metadata.get(field_name) or ""
        if address and not (isinstance(address, str) and redirect_uris.is_web_address(address)):
            problems.add(field_name, "Write an address that begins with https:// or leave it empty.")
    _check_choices(problems, "grant_types", metadata.get("grant_types", ()), offered.grant_types)
    _check_choices(problems, "response_types", metadata.get("response_types", ()), offered.response_types)
    if metadata.get("token_endpoint_auth_method") not in offered.auth_methods:
        problems.add("token_endpoint_auth_method", f"Choose one of: {', '.join(offered.auth_methods)}.")
    _check_scope(problems, metadata.get("scope", ""), offered)
    _check_redirect_uris(problems, metadata, offered.redirect_rules)
    # The checks of other fields read the redirect URIs, and some fetch what those have to be in: not for nothing.
    checks = {} if "redirect_uris" in problems.by_field else offered.fields
    for field_name, check in checks.items():
        problem = check(metadata[field_name], metadata) if field_name in metadata else ""
        if problem:
            problems.add(field_name, problem)
    _check_combination(problems, metadata)
    return problems


def _check_choices(problems: MetadataProblems, name: str, chosen: Iterable[str], offered: tuple[str, ...]) -> None:
    unknown = [value for value in chosen if not is_among(value, offered)]
    if unknown:
        problems.add(name, f"This server does not offer: {', '.join(unknown)}. It offers: {', '.join(offered)}.")


def _check_scope(problems: MetadataProblems, scope: str, offered: Offered) -> None:
    refused = [value for value in scopes.split(scope) if value not in offered.scopes]
    forbidden = [value for value in refused if value in offered.known_scopes]
    unknown = [value for value in refused if value not in offered.known_scopes]
    said = [f"Unknown here: {' '.join(unknown)}."] if unknown else []
    if forbidden:
        said.append(f"Only an operator of this server can give a client: {' '.join(forbidden)}.")
    if said:
        problems.add("scope", f"{' '.join(said)} You can choose: {' '.join(offered.scopes)}.")


def _check_redirect_uris(
    problems: MetadataProblems, metadata: Mapping[str, Any], rules: redirect_uris.RedirectRules
) -> None:
    uris = metadata.get("redirect_uris", ())
    if len(uris) > MAX_REDIRECT_URIS:
        problems.add("redirect_uris", f"At most {MAX_REDIRECT_URIS} redirect URIs.")
    for uri in uris:
        problem = redirect_uris.find_problem(uri, rules)
        if problem:
            problems.add("redirect_uris", problem)
    if metadata.get("response_types") and not uris:
        problems.add("redirect_uris", "A client that people log in to needs a redirect URI: where they are sent back.")


def _check_combination(problems: MetadataProblems, metadata: Mapping[str, Any]) -> None:
    grant_types, response_types = metadata.get("grant_types", ()), metadata.get("response_types", ())
    is_public = metadata.get("token_endpoint_auth_method") == "none"
    if not grant_types:
        problems.add("grant_types", "Choose at least one way in which the client gets a token.")
    for response_type in response_types:
        for grant_type in sorted(grants_of(response_type).difference(grant_types)):
            problems.add("response_types", f"The response type {response_type} and the grant {grant_type} go together.")
    led_to = {grant_type for response_type in response_types for grant_type in grants_of(response_type)}
    for response_type, grant_type in GRANT_OF_RESPONSE_TYPE.items():
        if grant_type in grant_types and grant_type not in led_to:
            problems.add("response_types", f"The response type {response_type} and the grant {grant_type} go together.")
    if is_public and "client_credentials" in grant_types:
        problems.add("grant_types", "client_credentials needs a client secret: choose another authentication method.")
    if "token" in response_types and not is_public:
        # Beside an ID token it may stand: that one says for whom the access token was made.
        problems.add("token_endpoint_auth_method", "The implicit grant is for clients without a secret: choose none.")
    if "refresh_token" in grant_types and not {"authorization_code", "password"} & set(grant_types):
        problems.add(
            "grant_types", "refresh_token renews what authorization_code or password gave: choose one of them."
        )


def _is_printable(text: str) -> bool:
    return all(character.isprintable() for character in text)
