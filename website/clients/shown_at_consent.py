"""The client details that a consent is given to, stored with it: it is only valid for these details.

A client may have redirect URIs at several hosts, and the consent page names the one that the response goes to. So
consent counts only for hosts that a page named; the others are asked about first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .. import redirect_uris
from .client import Client
from .client_jwks import KEY_FIELDS

#: The hosts that consent pages named. Consents from before they were kept count for all hosts of the client.
NAMED_HOSTS = "named_hosts"


def shown_of(client: Client, redirect_uri: str) -> dict[str, Any]:
    """Return the client's details and the host that the page names, as stored in consents."""
    return {**details_of(client), NAMED_HOSTS: [redirect_uris.host_of(redirect_uri)]}


def covers(shown_before: Mapping[str, Any] | None, shown: Mapping[str, Any] | None) -> bool:
    """Tell whether consent to what was shown before counts for what would be shown now."""
    return are_same_details(shown_before, shown) and _named_hosts(shown) <= _named_hosts(shown_before)


def joined(shown_before: Mapping[str, Any] | None, shown: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what to store after another consent: to the same details, for the hosts named before as well."""
    if shown is None:
        return None
    hosts = _named_hosts(shown)
    if are_same_details(shown_before, shown):
        hosts |= _named_hosts(shown_before)
    return {**shown, NAMED_HOSTS: sorted(hosts)}


def are_same_details(first: Mapping[str, Any] | None, second: Mapping[str, Any] | None) -> bool:
    """Tell whether a client's details were the same, whichever hosts were named."""
    if first is None or second is None:
        return first is second
    return {**first, NAMED_HOSTS: ()} == {**second, NAMED_HOSTS: ()}


def _named_hosts(shown: Mapping[str, Any] | None) -> set[str]:
    return set() if shown is None else set(shown.get(NAMED_HOSTS, shown.get("redirect_hosts", ())))


def details_of(client: Client) -> dict[str, Any]:
    """Return name, website and redirect hosts; with a metadata document, also a digest of the keys."""
    shown = {
        "client_name": client.client_name,
        "client_uri": client.client_uri,
        "redirect_hosts": sorted(set(map(redirect_uris.host_of, client.redirect_uris))),
    }
    if client.is_document and not client.is_public:
        # Somebody else with that URL's host could put other keys there.
        keys = [client.metadata.get(name) for name in KEY_FIELDS]
        shown["keys"] = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()
    return shown


def fingerprint_of(client: Client, *further: Any) -> str:
    """Return a digest of what the consent page shows, for its form: the client details, and further values."""
    text = json.dumps([details_of(client), *further], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
