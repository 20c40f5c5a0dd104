"""What the consent page shows, which ``authorize.py`` renders.

That is the permissions, which of them are new, and whether the app stays connected.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from ... import redirect_uris, scopes
from ...clients.document_urls import host_of
from ...clients.shown_at_consent import shown_of
from ...grants.consents import Allowed
from ...oauth2.authorization_flow import Interaction
from ...oauth2.consent_rules import fingerprint_of_page, remembers_consent
from ...oauth2.requests import OAuth2Request
from ...oauth2.server import AuthorizationServer
from ...oauth2.staying_connected import offers_to_stay_connected
from ...standard_claims import claims_of_scope
from ..presentation.client_logos import logo_address
from .permissions import Permissions, all_permissions, own_permissions, permissions_at

NOTHING_ALLOWED = Allowed("", "", (), {})


def describe_consent(server: AuthorizationServer, interaction: Interaction) -> dict[str, Any]:
    """Return what the template of the consent page takes."""
    oauth2_request, login = interaction.request, interaction.login
    client = oauth2_request.client
    is_remembered = remembers_consent(server, client, oauth2_request.redirect_uri)
    subject = login.subject if login is not None and is_remembered else None
    shown = shown_of(client, oauth2_request.redirect_uri)
    allowed = None if subject is None else server.grants.consents.find_allowed(subject, client.id, shown)
    new, rest = _divide(server, oauth2_request, allowed or NOTHING_ALLOWED)
    is_step_up = bool(new and rest)
    return {
        "client": client,
        "logo": logo_address(client),
        "permissions": new if is_step_up else all_permissions(server, oauth2_request),
        "allowed_before": rest if is_step_up else [],
        "website": redirect_uris.host_of(client.client_uri) if client.client_uri else "",
        "document_host": host_of(client.client_id) if client.is_document else "",
        "is_local": redirect_uris.is_loopback_or_private(oauth2_request.redirect_uri),
        "redirect_host": redirect_uris.host_of(oauth2_request.redirect_uri),
        "is_remembered": is_remembered,
        "stays_connected": offers_to_stay_connected(oauth2_request),
        "shown": fingerprint_of_page(oauth2_request),
    }


def _divide(
    server: AuthorizationServer, asked: OAuth2Request, before: Allowed
) -> tuple[list[Permissions], list[Permissions]]:
    """Return a request's permissions: those that the person hasn't allowed before, and the others."""
    held_values, held_names = scopes.split(before.scope), {*before.claims, *claims_of_scope(before.scope)}
    # The page says at its head what openid asks: whose account this is.
    values = [value for value in scopes.split(asked.scope) if value != scopes.OPENID]
    names = asked.claims.not_covered_by(asked.scope or "")
    new_at, held_at = [], []
    for resource, scope in asked.granted_resources:
        held_there = scopes.split(before.resources.get(resource.key))
        new_there = _beyond(scopes.split(scope), held_there)
        if new_there or resource.key not in before.resources:
            new_at.append(permissions_at(resource, new_there))
        rest_there = _beyond(scopes.split(scope), new_there)
        if resource.key in before.resources and (rest_there or not new_there):
            held_at.append(permissions_at(resource, rest_there))
    new_values, new_names = _beyond(values, held_values), _beyond(names, held_names)
    new = own_permissions(server, new_values, new_names)
    held = own_permissions(server, _beyond(values, new_values), _beyond(names, new_names))
    return [*new, *new_at], [*held, *held_at]


def _beyond(values: Iterable[str], known: Container[str]) -> list[str]:
    return [value for value in values if value not in known]
