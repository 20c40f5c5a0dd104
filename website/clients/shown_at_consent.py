"""The client details that a consent is given to, stored with it: it is only valid for these details."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .. import redirect_uris
from .client import Client
from .client_jwks import KEY_FIELDS


def shown_of(client: Client) -> dict[str, Any]:
    """Return name, website and redirect hosts, as stored in consents; with a metadata document, also the keys."""
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
    text = json.dumps([shown_of(client), *further], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
