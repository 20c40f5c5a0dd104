"""The checks of client metadata (:rfc:`7591#section-2`), shared by pages, commands and registration.

Decisions, which are columns rather than metadata, are in ``operator_decisions.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import redirect_uris, scopes
from ..response_types import grants_of, is_among
from ..standard_claims import CLAIMS_OF_SCOPE
from .field_checks import FetchingCheck, FieldCheck, UncheckedFieldError

MAX_NAME_CHARACTERS = 200
MAX_REDIRECT_URIS = 20
#: The grant type of :rfc:`8628`.
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: A client's pages for people, which this server links to but never fetches.
WEB_ADDRESSES = ("client_uri", "policy_uri", "tos_uri")
#: The scopes that most OpenID Connect clients request.
OPENID_SCOPES = (scopes.OPENID, "profile", "email")
#: The grant type of each response type (:rfc:`7591#section-2.1`).
GRANT_OF_RESPONSE_TYPE = {"code": "authorization_code", "token": "implicit"}


@dataclass
class MetadataProblems:
    """The problems by field; empty if there are none."""

    by_field: dict[str, str] = field(default_factory=dict)
    #: The fields that couldn't be checked at the moment, and so may be valid.
    unchecked: set[str] = field(default_factory=set)

    def add(self, name: str, problem: str) -> None:
        self.by_field.setdefault(name, problem)

    def add_all(self, others: MetadataProblems) -> None:
        self.unchecked |= others.unchecked - self.by_field.keys()
        for name, problem in others.by_field.items():
            self.add(name, problem)

    @property
    def may_pass(self) -> bool:
        """Tell whether nothing is known to be wrong: the same metadata may be valid later."""
        return self.by_field.keys() == self.unchecked

    def __bool__(self) -> bool:
        return bool(self.by_field)


@dataclass(frozen=True, slots=True)
class Offered:
    """The choices that this server offers to clients, from the enabled specifications."""

    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    auth_methods: tuple[str, ...]
    scopes: tuple[str, ...]
    #: The fields that specifications added.
    fields: Mapping[str, FieldCheck]
    #: All scopes of this server, including those that a policy denies this client.
    known_scopes: tuple[str, ...] = ()
    #: Scopes of APIs that a registration may name too. It doesn't limit them, so they are no default.
    resource_scopes: frozenset[str] = frozenset()
    #: Redirect URIs that are allowed in addition to those in the standards.
    redirect_rules: redirect_uris.RedirectRules = field(default_factory=redirect_uris.RedirectRules)

    def has_scope(self, value: str) -> bool:
        """Tell whether a client may name a scope: of this server, or of an API."""
        return value in self.scopes or value in self.resource_scopes


def implied_response_types(grant_types: Iterable[str]) -> list[str]:
    """Return the response types that go with the grant types (:rfc:`7591#section-2.1`)."""
    chosen = set(grant_types)
    return [response_type for response_type, grant_type in GRANT_OF_RESPONSE_TYPE.items() if grant_type in chosen]


def usual_scope(own: Iterable[str], grant_types: Iterable[str], offered: Offered) -> str:
    """Return the default scope of a new client: that of most OpenID Connect clients, and ``own``.

    A client without users only gets those of ``own`` that aren't about a user, as nobody logs in to it. One with
    refresh tokens also gets ``offline_access`` (OpenID Connect Core 1.0, section 11).
    """
    chosen = set(grant_types)
    # An operator may list the user scopes among the own ones, to describe them in other words.
    others = [value for value in own if value not in scopes.USER_SCOPES]
    if chosen == {"client_credentials"}:
        values = [value for value in others if value not in CLAIMS_OF_SCOPE]
    else:
        values = [*OPENID_SCOPES, *others]
    if "refresh_token" in chosen:
        values.append(scopes.OFFLINE_ACCESS)
    return scopes.join(value for value in dict.fromkeys(values) if value in offered.scopes)


def check_metadata(
    metadata: Mapping[str, Any], offered: Offered, former: Mapping[str, Any] | None = None
) -> MetadataProblems:
    """Check a client's metadata before it is stored; every list must already be a list of strings.

    ``former`` is the stored metadata of a client that is changed: what it settles isn't fetched again.
    """
    problems = MetadataProblems()
    name = metadata.get("client_name", "")
    if not name.strip():
        problems.add("client_name", "Enter a name: people see it on the consent page.")
    if len(name) > MAX_NAME_CHARACTERS or not _is_printable(name):
        problems.add("client_name", f"Use at most {MAX_NAME_CHARACTERS} characters, none of them invisible.")
    for field_name in WEB_ADDRESSES:
        address = metadata.get(field_name) or ""
        if address and not (isinstance(address, str) and redirect_uris.is_web_address(address)):
            problems.add(field_name, "Enter a URL that begins with https://, or leave it empty.")
    _check_choices(problems, "grant_types", metadata.get("grant_types", ()), offered.grant_types)
    _check_choices(problems, "response_types", metadata.get("response_types", ()), offered.response_types)
    if metadata.get("token_endpoint_auth_method") not in offered.auth_methods:
        problems.add("token_endpoint_auth_method", f"Choose one of: {', '.join(offered.auth_methods)}.")
    _check_scope(problems, metadata.get("scope", ""), offered)
    _check_redirect_uris(problems, metadata, offered.redirect_rules)
    # Other checks depend on valid redirect URIs, and some fetch a document that lists them: don't do so in vain.
    checks = {} if "redirect_uris" in problems.by_field else offered.fields
    for field_name, check in checks.items():
        if field_name in metadata:
            _check_field(problems, field_name, check, metadata, former)
    _check_combination(problems, metadata)
    return problems


def _check_field(
    problems: MetadataProblems,
    name: str,
    check: FieldCheck,
    metadata: Mapping[str, Any],
    former: Mapping[str, Any] | None,
) -> None:
    if isinstance(check, FetchingCheck) and former is not None and check.is_settled(metadata, former):
        return
    try:
        problem = check(metadata[name], metadata)
    except UncheckedFieldError as error:
        problem = str(error)
        problems.unchecked.add(name)
    if problem:
        problems.add(name, problem)


def _check_choices(problems: MetadataProblems, name: str, chosen: Iterable[str], offered: tuple[str, ...]) -> None:
    unknown = [value for value in chosen if not is_among(value, offered)]
    if unknown:
        problems.add(name, f"This server does not offer: {', '.join(unknown)}. It offers: {', '.join(offered)}.")


def _check_scope(problems: MetadataProblems, scope: str, offered: Offered) -> None:
    refused = [value for value in scopes.split(scope) if not offered.has_scope(value)]
    forbidden = [value for value in refused if value in offered.known_scopes]
    unknown = [value for value in refused if value not in offered.known_scopes]
    sentences = [f"Unknown: {' '.join(unknown)}."] if unknown else []
    if forbidden:
        sentences.append(f"Only an operator of this server can give a client: {' '.join(forbidden)}.")
    if sentences:
        problems.add("scope", f"{' '.join(sentences)} You can choose: {' '.join(offered.scopes)}.")


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
        problems.add("redirect_uris", "Enter at least one callback URL (redirect URI).")


def _check_combination(problems: MetadataProblems, metadata: Mapping[str, Any]) -> None:
    grant_types, response_types = metadata.get("grant_types", ()), metadata.get("response_types", ())
    is_public = metadata.get("token_endpoint_auth_method") == "none"
    if not grant_types:
        problems.add("grant_types", "Choose at least one grant type.")
    for response_type in response_types:
        for grant_type in sorted(grants_of(response_type).difference(grant_types)):
            problems.add(
                "response_types",
                f"The response type {response_type} and the grant type {grant_type} require each other.",
            )
    led_to = {grant_type for response_type in response_types for grant_type in grants_of(response_type)}
    for response_type, grant_type in GRANT_OF_RESPONSE_TYPE.items():
        if grant_type in grant_types and grant_type not in led_to:
            problems.add(
                "response_types",
                f"The response type {response_type} and the grant type {grant_type} require each other.",
            )
    if is_public and "client_credentials" in grant_types:
        problems.add("grant_types", "client_credentials needs a client secret: choose another authentication method.")
    if "token" in response_types and not is_public:
        # With an ID token it's fine, as that names the client of the access token.
        problems.add("token_endpoint_auth_method", "The implicit grant is for clients without a secret: choose none.")
    if "refresh_token" in grant_types and not {"authorization_code", "password", DEVICE_CODE} & set(grant_types):
        text = f"refresh_token requires authorization_code, password or {DEVICE_CODE}: choose one of them."
        problems.add("grant_types", text)


def _is_printable(text: str) -> bool:
    return all(character.isprintable() for character in text)
