"""The client details on the consent page, stored with the consent, which is only valid for these details."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .. import redirect_uris
from .client import Client


def shown_of(client: Client) -> dict[str, Any]:
    """Return name, website and redirect hosts, as stored in consents."""
    return {
        "client_name": client.client_name,
        "client_uri": client.client_uri,
        "redirect_hosts": sorted(set(map(redirect_uris.host_of, client.redirect_uris))),
    }


def fingerprint_of(client: Client, stays_connected: bool) -> str:
    """Return a digest of the client details on the consent page, for its form."""
    text = json.dumps([shown_of(client), stays_connected], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
