"""Narrowing registrations: values that are dropped because they aren't offered, and those that are rejected instead.

A server may change registered values if the response shows it (:rfc:`7591#section-3.2.1`). Here lists only get shorter,
nothing is added, and nothing that protects the client or its users is dropped. What a client that registers itself may
have at all is in ``policy.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .. import scopes
from ..response_types import grants_of, is_among
from .metadata import GRANT_OF_RESPONSE_TYPE, WEB_ADDRESSES, MetadataProblems, Offered

MAX_TEXT_CHARACTERS, MAX_LIST_ITEMS = 2048, 20
WEB, NATIVE = "web", "native"
DEFAULT_AUTH_METHOD = "client_secret_basic"
#: Security features that a client relies on, each with the value that doesn't request it.
RELIED_ON: Mapping[str, Any] = {
    "require_signed_request_object": False,
    "require_pushed_authorization_requests": False,
    "dpop_bound_access_tokens": False,
    "tls_client_certificate_bound_access_tokens": False,
    "require_auth_time": False,
    "default_max_age": None,
    "default_acr_values": [],
    "subject_type": "public",
    "sector_identifier_uri": None,
}
#: The suffixes of members that choose an algorithm.
ALGORITHM_ENDINGS = ("_alg", "_enc")


def find_forgotten(fields: Mapping[str, Any], offered: Offered) -> MetadataProblems:
    """Return the members that this server doesn't offer and that must not be dropped silently."""
    problems = MetadataProblems()
    for name, value in fields.items():
        is_relied_on = name in RELIED_ON and (value != RELIED_ON[name] or isinstance(value, int) and value is not False)
        if name not in offered.fields and (is_relied_on or name.endswith(ALGORITHM_ENDINGS)):
            problems.add(name, "This server does not offer it. Leave it out.")
    return problems


def narrow(fields: Mapping[str, Any], offered: Offered) -> dict[str, Any]:
    """Return a registration without the values that are dropped.

    A list that would become empty is kept as sent, and then rejected by its check. Values of the wrong type are kept
    too.
    """
    kept = dict(fields)
    for name in (*WEB_ADDRESSES, "logo_uri"):
        if kept.get(name) == "":
            del kept[name]
    if isinstance(kept.get("application_type"), str) and kept["application_type"] not in (WEB, NATIVE):
        del kept["application_type"]
    if isinstance(kept.get("contacts"), list):
        kept["contacts"] = [text for text in kept["contacts"] if _is_short_text(text)][:MAX_LIST_ITEMS] or kept[
            "contacts"
        ]
    if isinstance(kept.get("scope"), str):
        usable = [value for value in scopes.split(kept["scope"]) if offered.has_scope(value)]
        kept["scope"] = scopes.join(usable) if usable else kept["scope"]
    _narrow_flows(kept, offered)
    return kept


def _narrow_flows(kept: dict[str, Any], offered: Offered) -> None:
    """Remove grant types and response types that aren't offered, and those that lose their counterpart."""
    is_public = kept.get("token_endpoint_auth_method", DEFAULT_AUTH_METHOD) == "none"
    grants, kinds = _texts(kept.get("grant_types")), _texts(kept.get("response_types"))
    unfit = "client_credentials" if is_public else ""
    usable_grants = [name for name in grants if name in offered.grant_types and name != unfit]
    usable_kinds = [
        next(kind for kind in offered.response_types if is_among(asked, [kind]))
        for asked in kinds
        if is_among(asked, offered.response_types) and (is_public or asked.split() != ["token"])
    ]
    if grants:
        usable_kinds = [kind for kind in usable_kinds if grants_of(kind) <= set(usable_grants)]
    if kinds:
        led_to = {grant for kind in usable_kinds for grant in grants_of(kind)}
        usable_grants = _without_answer(usable_grants, led_to)
    elif "response_types" not in kept and not is_public:
        # The default is code and token, and a client with a secret can't get only a token in the browser.
        usable_grants = _without_answer(usable_grants, {"authorization_code"})
    if usable_grants:
        kept["grant_types"] = list(dict.fromkeys(usable_grants))
    if usable_kinds:
        kept["response_types"] = list(dict.fromkeys(usable_kinds))


def _without_answer(grants: list[str], led_to: Collection[str]) -> list[str]:
    """Return the grant types without those of the authorization endpoint that no response type uses."""
    return [name for name in grants if name in led_to or name not in GRANT_OF_RESPONSE_TYPE.values()]


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS
