"""Where passkeys work: at the server's domain, and in the demo at localhost, as browsers refuse them at 127.0.0.1."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import abort, request

from ...users.relying_party import DEMO_HOST, RelyingParty, relying_party_at, rp_id_of
from ..browser.security_headers import let_page_fetch
from ..current.authorization_server import authorization_server
from ..current.host_application import current_host


def has_passkeys() -> bool:
    """Tell whether this server has passkeys at all, here or in the demo at localhost."""
    return current_host() is None and bool(rp_id_of(authorization_server().settings))


def find_party() -> RelyingParty | None:
    """Return the relying party at the host of this request; ``None`` if browsers refuse passkeys here."""
    server = authorization_server()
    return relying_party_at(server.issuer_of(request.environ), server.settings)


def required_party() -> RelyingParty:
    """Return the relying party at the host of this request; answer 404 if there is none."""
    return find_party() or abort(404)


def address_with_passkeys() -> str | None:
    """Return this page's address at localhost, in the demo at another name of this computer; else ``None``."""
    if not has_passkeys() or find_party() is not None or authorization_server().settings.issuer:
        return None
    parts = urlsplit(request.url)
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=DEMO_HOST + port).geturl()


def let_page_use_passkeys() -> bool:
    """Let this page's script fetch options, if passkeys work here; tell whether they do."""
    works = has_passkeys() and find_party() is not None
    if works:
        let_page_fetch()
    return works
