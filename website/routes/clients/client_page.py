"""The parts of a client's page: its overview, and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request

from ... import scopes
from ...clients import Client
from ...clients.operator_decisions import DECISIONS, OperatorDecision
from ...database.grants_bound_to_logins import ends_with_login
from ...oauth2.server import AuthorizationServer
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..presentation.client_logos import describe_logo
from .app_links import app_address
from .client_apis import apis_of
from .client_choices import list_choices
from .client_head import describe_head
from .client_owner import names_owners, owner_name
from .extra_fields import write_more_fields
from .snippets import build_pastes

#: The documents with the metadata of the server, by the name of their address; clients need one of them.
DOCUMENTS = (
    ("show_openid_configuration", N_("Discovery URL")),
    ("show_server_metadata", N_("Metadata URL")),
)
ENDPOINTS = (
    ("authorization_endpoint", N_("Authorization endpoint")),
    ("token_endpoint", N_("Token endpoint")),
    ("userinfo_endpoint", N_("UserInfo endpoint")),
    ("jwks_uri", N_("Keys (JWKS)")),
    ("end_session_endpoint", N_("Logout")),
    ("revocation_endpoint", N_("Revocation")),
    ("introspection_endpoint", N_("Introspection")),
    ("device_authorization_endpoint", N_("Device authorization")),
)


@dataclass(frozen=True, slots=True)
class ServerAddresses:
    """What a client is configured with, each with its label."""

    documents: list[tuple[str, str]]
    endpoints: list[tuple[str, str]]


def render_overview(client: Client) -> str:
    """Show what a client is: what it may request, where people return to, and whose it is."""
    server = authorization_server()
    return render_template(
        "client.html",
        scopes=list_choices(server, server.metadata.offered).scopes,
        owner=owner_name(client) if names_owners() else None,
        last_used_at=server.grants.activity.last_used_of([client]).get(client.id),
        **describe_head(client),
    )


def render_settings(client: Client) -> str:
    """Show how a client is set up: what to paste into it, its protocol, its secrets and its APIs."""
    server = authorization_server()
    is_of_openid = scopes.OPENID in client.scope and "authorization_code" in client.grant_types
    return render_template(
        "client_settings.html",
        paste=_list_addresses(server),
        pastes=build_pastes(server, client, None, server.issuer_of(request.environ)),
        relies_on_nonce=is_of_openid
        and client.may_rely_on_nonce
        and server.settings.pkce_required_for == "unless_nonce",
        secrets=server.clients.list_secrets(client.id),
        choices=list_choices(server, server.metadata.offered),
        decisions=[(decision, _in_words(server, client, decision)) for decision in DECISIONS],
        more=write_more_fields(client, server.metadata.offered),
        logo_state=describe_logo(client),
        apis=apis_of(client, server.resources),
        **describe_head(client),
    )


def _in_words(server: AuthorizationServer, client: Client, decision: OperatorDecision) -> str:
    """Return a decision about a client: what a default means for it, or that there is nothing it could be about."""
    value = decision.value_of(getattr(client, decision.column))
    if decision.name == "logo" and value.stored is None:
        if not client.metadata.get("logo_uri"):
            return N_("Not set")
        return N_("Not shown: the client registered itself") if client.is_self_registered else N_("Shown")
    if decision.name == "listed" and value.stored is not False:
        if not client.redirect_uris or not app_address(server, client):
            return N_("Not set")
        if client.is_self_registered:
            return N_("Not listed: the client registered itself")
        return N_("Not listed: it has an owner") if value.stored is None and client.owner_subject else N_("Listed")
    if decision.name == "ends_with_login" and value.stored is None:
        ends = ends_with_login(None, client.metadata, is_for_device=not client.redirect_uris)
        return N_("Access ends with the login") if ends else N_("Stays connected")
    return value.shown or value.label


def _list_addresses(server: AuthorizationServer) -> ServerAddresses:
    issuer = server.issuer_of(request.environ)
    paths = {address.name: address.path for address in reversed(server.registry.addresses.values())}
    document = next(((label, issuer + paths[name]) for name, label in DOCUMENTS if name in paths), None)
    described = server.metadata.describe(issuer)
    return ServerAddresses(
        [(N_("Issuer"), issuer), *([document] if document else [])],
        [(label, described[name]) for name, label in ENDPOINTS if name in described],
    )
