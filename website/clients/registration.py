"""Reading a client's registration (:rfc:`7591#section-2`): JSON types, stored fields, defaults.

Unknown fields are ignored and not stored: nothing has checked them, and a specification that uses them may be enabled
later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import scopes
from ..redirect_uris import name_of
from ..response_types import grants_of
from .field_checks import FieldCheck, one_of, web_url
from .metadata import MetadataProblems, Offered, implied_response_types
from .policy import ClientPolicy
from .registration_narrowing import (
    DEFAULT_AUTH_METHOD,
    MAX_LIST_ITEMS,
    MAX_TEXT_CHARACTERS,
    NATIVE,
    WEB,
    find_forgotten,
    narrow,
)

TEXTS = (
    "client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "scope", "token_endpoint_auth_method",
    "application_type", "software_id", "software_version",
)  # fmt: skip
LISTS = ("redirect_uris", "grant_types", "response_types", "contacts")


def read_registration(
    document: Mapping[str, Any], policy: ClientPolicy, columns: Mapping[str, Any]
) -> tuple[Mapping[str, Any], MetadataProblems]:
    """Return a registration's metadata, narrowed to what is offered, and its problems.

    ``columns`` are the existing decisions about the client, which a change must be compatible with.
    """
    offered = policy.offered
    sent = {name: value for name, value in document.items() if value is not None}
    forgotten, fields = find_forgotten(sent, offered), narrow(sent, offered)
    problems = _find_wrong_types(fields)
    if problems or forgotten:
        return {}, MetadataProblems({**forgotten.by_field, **problems.by_field})
    field_names = (*TEXTS, *LISTS, *offered.fields)
    metadata = _with_defaults({name: fields[name] for name in field_names if name in fields}, offered)
    return metadata, policy.find_problems(metadata, columns)


def _find_wrong_types(fields: Mapping[str, Any]) -> MetadataProblems:
    problems = MetadataProblems()
    for name in TEXTS:
        if name in fields and not (isinstance(fields[name], str) and len(fields[name]) <= MAX_TEXT_CHARACTERS):
            problems.add(name, f"Write a string of at most {MAX_TEXT_CHARACTERS} characters.")
    for name in LISTS:
        if name in fields and not _is_list_of_texts(fields[name]):
            problems.add(name, f"Write a list of at most {MAX_LIST_ITEMS} strings.")
    return problems


def _is_list_of_texts(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > MAX_LIST_ITEMS:
        return False
    return all(isinstance(item, str) and len(item) <= MAX_TEXT_CHARACTERS for item in value)


def _with_defaults(metadata: dict[str, Any], offered: Offered) -> dict[str, Any]:
    """Add the defaults of missing fields (:rfc:`7591#section-2`)."""
    for name in LISTS:
        if name in metadata:
            metadata[name] = list(dict.fromkeys(metadata[name]))
    metadata.setdefault("redirect_uris", [])
    metadata.setdefault("token_endpoint_auth_method", DEFAULT_AUTH_METHOD)
    if "grant_types" not in metadata:
        needed = {grant for kind in metadata.get("response_types", ()) for grant in grants_of(kind)}
        metadata["grant_types"] = sorted(needed) or ["authorization_code"]
    metadata.setdefault("response_types", implied_response_types(metadata["grant_types"]))
    metadata["scope"] = scopes.join(scopes.split(metadata.get("scope", scopes.join(offered.scopes))))
    metadata["client_name"] = metadata.get("client_name", "").strip() or _name_of(metadata)
    return metadata


def _name_of(metadata: Mapping[str, Any]) -> str:
    """Return a name for a client without one: the host or scheme of its redirect URI."""
    return next((name_of(uri)[:100] for uri in metadata["redirect_uris"]), "") or "Unnamed client"


def _check_type(value: Any, metadata: Mapping[str, Any]) -> str:
    """Check ``application_type`` (OpenID Connect Dynamic Client Registration 1.0, section 2)."""
    problem = one_of((WEB, NATIVE))(value, metadata)
    if problem:
        return problem
    uris = metadata["redirect_uris"]
    if value == WEB and "implicit" in metadata["grant_types"] and not all(uri.startswith("https:") for uri in uris):
        return "A web client with the implicit grant may only have https redirect URIs."
    return ""


#: Fields without a meaning for this server: stored and returned.
OWN_FIELDS: Mapping[str, FieldCheck] = {"application_type": _check_type, "logo_uri": web_url}
