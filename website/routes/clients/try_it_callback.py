"""This server's own callback: a redirect URI with which a client's owner tries the client out."""

from __future__ import annotations

from flask import request

from ...clients import Client
from ..current.authorization_server import authorization_server

ADDRESS = "/callback"


def is_on() -> bool:
    """Tell whether flows can be tried out here at all."""
    return authorization_server().settings.try_it


def callback_uri() -> str:
    """Return the callback as a client registers it."""
    return authorization_server().issuer_of(request.environ) + ADDRESS


def list_application_callbacks(client: Client) -> list[str]:
    """Return a client's redirect URIs that lead to its own application."""
    return [uri for uri in client.redirect_uris if uri != callback_uri()]


def lists_only_callback(client: Client) -> bool:
    """Tell whether a client has no redirect URI but the callback: its application doesn't exist yet."""
    return bool(client.redirect_uris) and not list_application_callbacks(client)


def lists_callback(client: Client) -> bool:
    """Tell whether a client registered the callback; in the demo, by any port of this computer."""
    return client.check_redirect_uri(callback_uri())
