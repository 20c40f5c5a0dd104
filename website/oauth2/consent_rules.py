"""When a person is asked for consent, and whether their consent is stored."""

from __future__ import annotations

from typing import Any

from .. import redirect_uris, scopes
from ..clients import Client
from ..clients.shown_at_consent import fingerprint_of, shown_of
from ..resources import Resource
from ..sessions import CurrentLoginSession
from .granted_resources import stored, told
from .requests import OAuth2Request
from .server import AuthorizationServer
from .staying_connected import offers_to_stay_connected


def find_consent(
    server: AuthorizationServer, request: OAuth2Request, login: CurrentLoginSession
) -> tuple[bool, str | None]:
    """Tell whether a request needs no consent page, and return the consent that covers it, if any.

    Users of first-party clients aren't asked. Others are asked unless they have already consented, and every time if
    another program on the computer could impersonate the client (:rfc:`8252#section-8.6`) or the client requests it.
    """
    client, scope = request.client, request.scope or ""
    if "consent" in request.asked.prompts:
        return False, None
    if client.is_first_party and may_skip_consent(server, client, request.redirect_uri):
        return True, None
    if not remembers_consent(server, client, request.redirect_uri):
        return False, None
    consent = server.grants.consents.find_covering(
        login.subject,
        client.id,
        scope,
        request.claims.not_covered_by(scope),
        shown_of(client, request.redirect_uri),
        stored(request.granted_resources),
    )
    return consent is not None, consent


def remember_consent(server: AuthorizationServer, request: OAuth2Request, login: CurrentLoginSession) -> str | None:
    """Store the consent, unless the user is asked every time; return its id."""
    client, scope = request.client, request.scope or ""
    if not remembers_consent(server, client, request.redirect_uri):
        server.grants.consents.allow_once(login.subject, client.id, detail_of(request))
        return None
    return server.grants.consents.remember(
        login.subject,
        client.id,
        scope,
        request.claims.not_covered_by(scope),
        resources=stored(request.granted_resources),
        shown=shown_of(client, request.redirect_uri),
        stays_connected=offers_to_stay_connected(request),
        detail=detail_of(request),
    )


def detail_of(request: OAuth2Request) -> dict[str, Any]:
    """Return what the event of a decision tells about a request."""
    return {"scope": request.scope or "", **told(request.granted_resources)}


def is_as_shown(request: OAuth2Request, fingerprint: str | None) -> bool:
    """Tell whether the client's details and permissions are still the ones shown when the person decided."""
    return fingerprint == fingerprint_of_page(request)


def fingerprint_of_page(request: OAuth2Request) -> str:
    """Return a digest of what the consent page of a request shows: without ``scope``, its permissions may change."""
    resources = [_shown_at(resource, scope) for resource, scope in request.granted_resources]
    return fingerprint_of(request.client, offers_to_stay_connected(request), request.scope, resources)


def _shown_at(resource: Resource, scope: str) -> tuple[str, ...]:
    descriptions = (resource.scopes[value].description for value in scopes.split(scope) if value in resource.scopes)
    return resource.key, resource.identifier, resource.name, scope, *descriptions


def may_skip_consent(server: AuthorizationServer, client: Client, redirect_uri: str) -> bool:
    """Tell whether a first-party client's users aren't asked, unless another program could impersonate it."""
    if redirect_uris.is_of_anybodys_scheme(redirect_uri):
        return False
    return server.settings.demo or not _can_be_posed_as(client, redirect_uri)


def remembers_consent(server: AuthorizationServer, client: Client, redirect_uri: str) -> bool:
    """Tell whether consent to this client is stored.

    Not if another program could impersonate it. On loopback it is only stored in the demo, for developers' pages, and
    for clients that their owner or an operator declared a web application.
    """
    if redirect_uris.is_of_anybodys_scheme(redirect_uri):
        return False
    if not _can_be_posed_as(client, redirect_uri):
        return True
    if client.is_self_registered or not redirect_uri.startswith(("http://", "https://")):
        return False
    return server.settings.demo or client.is_known_as_web


def _can_be_posed_as(client: Client, redirect_uri: str) -> bool:
    """Tell whether another program on the user's device could receive the response and redeem it."""
    return client.is_public and redirect_uris.is_loopback_or_private(redirect_uri)
