"""What the consent page shows: the permissions, which of them are new, and whether the app stays connected."""

from __future__ import annotations

from typing import Any

from .. import redirect_uris, scopes
from ..claims import claims_of_scope
from ..clients.document_urls import host_of
from ..clients.shown_at_consent import fingerprint_of, shown_of
from ..oauth2.authorization_flow import Interaction
from ..oauth2.consent_rules import remembers_consent
from ..oauth2.server import AuthorizationServer
from ..oauth2.staying_connected import offers_to_stay_connected
from .client_logos import logo_address
from .permissions import permissions_in_words


def describe_consent(server: AuthorizationServer, interaction: Interaction) -> dict[str, Any]:
    """Return what the template of the consent page takes."""
    oauth2_request, login = interaction.request, interaction.login
    client, scope = oauth2_request.client, oauth2_request.scope or ""
    claims = oauth2_request.claims.not_covered_by(scope)
    is_remembered = remembers_consent(server, client, oauth2_request.redirect_uri)
    subject = login.subject if login is not None and is_remembered else None
    consent = None if subject is None else server.grants.consents.find_allowed(subject, client.id, shown_of(client))
    held_scope, held_claims = (consent.scope, consent.claims) if consent else ("", ())
    scope_values = scopes.split(scope)
    held_names = {*held_claims, *claims_of_scope(held_scope)}
    new = _words(
        server,
        [value for value in scope_values if value not in scopes.split(held_scope)],
        [name for name in claims if name not in held_names],
    )
    rest = _words(
        server,
        [value for value in scope_values if value in scopes.split(held_scope)],
        [name for name in claims if name in held_names],
    )
    is_step_up = bool(new and rest)
    return {
        "client": client,
        "logo": logo_address(client),
        "permissions": new if is_step_up else _words(server, scope_values, claims),
        "allowed_before": rest if is_step_up else [],
        "website": redirect_uris.host_of(client.client_uri) if client.client_uri else "",
        "document_host": host_of(client.client_id) if client.is_document else "",
        "is_local": all(map(redirect_uris.is_loopback_or_private, client.redirect_uris)),
        "redirect_host": redirect_uris.host_of(oauth2_request.redirect_uri),
        "is_remembered": is_remembered,
        "stays_connected": offers_to_stay_connected(oauth2_request),
        "shown": fingerprint_of(client, offers_to_stay_connected(oauth2_request)),
    }


def _words(server: AuthorizationServer, values: list[str] | tuple[str, ...], claims: list[str]) -> list[str]:
    # The page says at its head what openid asks: whose account this is.
    return permissions_in_words(server, [value for value in values if value != scopes.OPENID], claims)
