"""The example commands for a client, with the addresses of this server."""

from __future__ import annotations

from flask import request, url_for

from ..clients import Client
from .authorization_server import authorization_server
from .client_apis import allowed_api
from .example_commands import Addresses, Example, build_examples
from .login_session import find_account


def commands_for(client: Client) -> list[Example]:
    """Return the commands for each grant of a client."""
    server, account = authorization_server(), find_account()
    issuer = server.issuer_of(request.environ)
    described = server.metadata.describe(issuer)
    addresses = Addresses(
        authorization_endpoint=described.get("authorization_endpoint", ""),
        token_endpoint=described.get("token_endpoint", ""),
        api=issuer + url_for("api.show_me").removeprefix(request.script_root),
        device_authorization_endpoint=described.get("device_authorization_endpoint", ""),
    )
    username = account.username if account else ""
    return build_examples(client, addresses, username, server.settings.demo, allowed_api(client, server.resources))
