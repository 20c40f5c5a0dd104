"""What every template knows: who is logged in, the mode, and what the person may do."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.local import LocalProxy

from .clients.client_rights import current_creator, may_manage_resources
from .current.authorization_server import authorization_server
from .current.current_roles import SEES_PEOPLE, has_role
from .current.host_application import current_host
from .current.login_session import find_account


def register(app: Flask) -> None:
    app.context_processor(provide_context)


def provide_context() -> dict[str, Any]:
    """Return what the frame of every page shows."""
    server = authorization_server()
    return {
        "account": find_account(),
        "is_demo": server.settings.demo,
        "is_embedded": current_host() is not None,
        # Looked up where a page asks for it, as it may cost a statement.
        "creates_clients": LocalProxy(lambda: current_creator() is not None),
        "manages_resources": may_manage_resources(),
        "has_role": has_role,
        "has_invitations": server.joining.is_on,
        "sees_people": LocalProxy(lambda: has_role(*SEES_PEOPLE)),
    }
