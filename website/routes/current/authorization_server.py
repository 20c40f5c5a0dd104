"""The authorization server of an application, for its pages and its commands."""

from __future__ import annotations

from flask import abort, current_app

from ...oauth2.server import AuthorizationServer


def authorization_server() -> AuthorizationServer:
    """Return the server of the application that answers this request or runs this command."""
    server: AuthorizationServer = current_app.extensions["grantwright"]
    return server


def server_with(endpoint: str) -> AuthorizationServer:
    """Return the server where it has an endpoint, named as in its metadata; answer 404 where that is switched off."""
    server = authorization_server()
    if endpoint not in server.registry.named_addresses:
        abort(404)
    return server
