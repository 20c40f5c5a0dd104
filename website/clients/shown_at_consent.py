"""What a person is shown of a client before they say yes: kept with the yes, which counts for nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .. import redirect_uris
from .client import Client


def shown_of(client: Client) -> dict[str, Any]:
    """Return the name, the website and the places that people are sent back to, as consents keep them."""
    return {
        "client_name": client.client_name,
        "client_uri": client.client_uri,
        "redirect_hosts": sorted(set(map(redirect_uris.host_of, client.redirect_uris))),
    }


def fingerprint_of(client: Client, stays_connected: bool) -> str:
    """Return a digest of what the consent page says of a client, for the form to bring back."""
    said = json.dumps([shown_of(client), stays_connected], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
