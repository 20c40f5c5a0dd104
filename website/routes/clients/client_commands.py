"""The example commands for a client, with the addresses of this server."""

from __future__ import annotations

from flask import request, url_for

from ...clients import Client
from ...identifiers import hash_secret
from ..current.authorization_server import authorization_server
from ..current.login_session import find_account
from .client_apis import allowed_api
from .example_commands import Addresses, Example, Step, build_examples, build_exchange
from .try_it_callback import callback_uri


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


def exchange_of(code: str) -> Step | None:
    """Return the command that exchanges a code which came to this server's own callback; ``None`` for another's."""
    server = authorization_server()
    found = server.codes.find_client(hash_secret(code))
    client = None if found is None else server.clients.find_row(found[0])
    if found is None or client is None:
        return None
    token_endpoint = server.metadata.describe(server.issuer_of(request.environ))["token_endpoint"]
    return build_exchange(client, token_endpoint, code, callback_uri(), needs_verifier=found[1])
