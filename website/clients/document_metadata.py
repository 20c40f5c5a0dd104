"""Reading a metadata document: a registration (:rfc:`7591#section-2`) without secrets, at the URL that it names.

https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .. import scopes
from ..strict_json import MalformedJSONError, read_object
from .client import WITHOUT_SECRET, Client, needs_secret
from .metadata import MetadataProblems, Offered
from .operator_decisions import USUAL, decisions_of
from .policy import ClientPolicy
from .registration import read_registration
from .subject_types import find_change_problems

METHOD, METHODS = "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"
#: It only has a meaning for a client that signs its assertions.
ASSERTION_ALGORITHM = "token_endpoint_auth_signing_alg"
#: The methods without a shared secret, weakest first.
BY_STRENGTH = ("none", "private_key_jwt")
NEEDED = ("client_id", "client_name", "redirect_uris")
SECRETS = ("client_secret", "client_secret_expires_at")
NO_SECRETS = "A metadata document is public, so it must not have a secret or a method that needs one."


class DocumentError(Exception):
    """The document isn't valid; the message is for its author.

    ``was_valid`` means that the same text was valid before, so it's this server's settings that have changed.
    """

    def __init__(self, problem: str, *, was_valid: bool = False) -> None:
        super().__init__(problem)
        self.was_valid = was_valid


class DocumentUnavailableError(Exception):
    """The document, or another one that it needs, can't be fetched at the moment, and no copy is recent enough."""


def read_document(url: str, text: bytes, policy: ClientPolicy, client: Client | None = None) -> Mapping[str, Any]:
    """Return the metadata in a document, narrowed to what is offered.

    ``policy`` is that of clients that register themselves; an existing ``client`` keeps its subject type and sector.
    Raises :class:`DocumentError`, and :class:`DocumentUnavailableError` if part of it can't be checked at the moment.
    """
    try:
        document = read_object(text)
    except MalformedJSONError as error:
        raise DocumentError(str(error)) from None
    missing = [name for name in NEEDED if not document.get(name)]
    if missing:
        raise DocumentError(f"It lacks {', '.join(missing)}.")
    if document["client_id"] != url:
        raise DocumentError("Its client_id is not the URL that it was fetched from, character by character.")
    if any(name in document for name in SECRETS):
        raise DocumentError(NO_SECRETS)
    narrowed = _narrow_scope(_choose_method(document, policy.offered.auth_methods), policy.offered)
    columns = USUAL if client is None else decisions_of(client)
    metadata, problems = read_registration(narrowed, replace(policy, changes=client), columns)
    if not problems and client is not None:
        problems.add_all(find_change_problems(client, metadata))
    if problems and problems.may_pass:
        raise DocumentUnavailableError(_write(problems))
    if problems:
        raise DocumentError(_write(problems))
    if needs_secret(metadata):
        raise DocumentError(NO_SECRETS)
    return metadata


def _write(problems: MetadataProblems) -> str:
    return " ".join(f"{name}: {problem}" for name, problem in problems.by_field.items())


def _choose_method(document: Mapping[str, Any], offered: Iterable[str]) -> dict[str, Any]:
    """Return a document with one authentication method: its own, or else the strongest of those it supports."""
    usable = [method for method in BY_STRENGTH if method in offered]
    own, supported = document.get(METHOD), document.get(METHODS)
    if own is not None and own not in WITHOUT_SECRET and "secret" in str(own):
        raise DocumentError(NO_SECRETS)
    if own in usable:
        chosen = own
    elif isinstance(supported, list):
        chosen = next((method for method in reversed(usable) if method in supported), own)
    else:
        chosen = "none" if own is None else own
    kept = {**document, METHOD: chosen}
    if chosen == "none":
        kept.pop(ASSERTION_ALGORITHM, None)
    return kept


def _narrow_scope(document: dict[str, Any], offered: Offered) -> dict[str, Any]:
    """Return a document without scopes that this server doesn't offer: some publish those of other servers."""
    if not isinstance(document.get("scope"), str):
        return document
    return {
        **document,
        "scope": scopes.join(value for value in scopes.split(document["scope"]) if offered.has_scope(value)),
    }
