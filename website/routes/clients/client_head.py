"""What the head of a client's page shows on each of its parts."""

from __future__ import annotations

from typing import Any

from ...clients import Client
from ..current.authorization_server import authorization_server
from ..presentation.client_logos import logo_address
from .application_types import name_type
from .client_access_right import may_manage_access


def describe_head(client: Client) -> dict[str, Any]:
    """Return the variables of ``client_parts.html``."""
    return {
        "client": client,
        "type_name": name_type(client),
        "logo": logo_address(client),
        "has_activity": authorization_server().grants.activity.is_on,
        "manages_access": may_manage_access(),
    }
