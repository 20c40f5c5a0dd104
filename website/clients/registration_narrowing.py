"""What falls away from a registration because it is not offered here, and what is refused rather than forgotten.

A server may replace what a client registers if its answer says so (:rfc:`7591#section-3.2.1`). Here lists get shorter,
nothing is added, and nothing that protects the client or its users falls away.
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
#: What a client relies on, and the value that asks for nothing: without the rest it is less safe than it thinks.
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
#: The endings of the members that choose an algorithm.
ALGORITHM_ENDINGS = ("_alg", "_enc")


def find_forgotten(given: Mapping[str, Any], offered: Offered) -> MetadataProblems:
    """Name the members that this server does not offer and that a client must not lose unawares."""
    problems = MetadataProblems()
    for name, value in given.items():
        is_relied_on = name in RELIED_ON and (value != RELIED_ON[name] or isinstance(value, int) and value is not False)
        if name not in offered.fields and (is_relied_on or name.endswith(ALGORITHM_ENDINGS)):
            problems.add(name, "This server does not offer this. Leave it out.")
    return problems


def narrow(given: Mapping[str, Any], offered: Offered) -> dict[str, Any]:
    """Return a registration without what falls away.

    A list that would come out empty stays as it was sent: it is judged, and refused, as that. Values of the wrong type
    stay too.
    """
    kept = dict(given)
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
        usable = [value for value in scopes.split(kept["scope"]) if value in offered.scopes]
        kept["scope"] = scopes.join(usable) if usable else kept["scope"]
    _narrow_flows(kept, offered)
    return kept


def _narrow_flows(kept: dict[str, Any], offered: Offered) -> None:
    """Take out grant types and response types that are not offered, and each that lost what it goes with."""
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
        # Left out, it stands for code and token, and a client with a secret gets no token in the browser alone.
        usable_grants = _without_answer(usable_grants, {"authorization_code"})
    if usable_grants:
        kept["grant_types"] = list(dict.fromkeys(usable_grants))
    if usable_kinds:
        kept["response_types"] = list(dict.fromkeys(usable_kinds))


def _without_answer(grants: list[str], led_to: Collection[str]) -> list[str]:
    """Return the grants without those of the authorization endpoint to which no response type leads."""
    return [name for name in grants if name in led_to or name not in GRANT_OF_RESPONSE_TYPE.values()]


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS
