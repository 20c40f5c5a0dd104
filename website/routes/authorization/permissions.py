"""Descriptions of what an app can do: its scopes, the claims that it requests individually, and its scopes at APIs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from flask_babel import gettext as _

from ... import scopes
from ...oauth2.requests import OAuth2Request
from ...oauth2.server import AuthorizationServer
from ...resources import Resource
from ...standard_claims import labels_of
from ..language.translations import join, translate


class Permissions(NamedTuple):
    """What an app can do: lines about the account, or at an API."""

    lines: list[str]
    resource: Resource | None = None


def own_permissions(
    server: AuthorizationServer, scope_values: Iterable[str], claims: Sequence[str]
) -> list[Permissions]:
    """Return a line for each scope value about the account, and one for all the claims; nothing without any line."""
    lines = [translate(server.registry.scopes.get(value, value)) for value in scope_values]
    if claims:
        lines.append(_("See these details: %(claims)s", claims=_join(claims)))
    return [Permissions(lines)] if lines else []


def permissions_at(resource: Resource, scope_values: Collection[str]) -> Permissions:
    """Return a line for each scope value at an API, or a single one if there is none.

    A URL that nobody registered has no name: without scopes, the line names it, and no heading is needed.
    """
    known = [resource.scopes[value].description for value in scope_values if value in resource.scopes]
    if not known and resource.id is None:
        return Permissions([_("Use %(api)s on your behalf", api=resource.identifier)])
    return Permissions([translate(text) for text in known] or [_("Use it on your behalf")], resource)


def all_permissions(server: AuthorizationServer, request: OAuth2Request) -> list[Permissions]:
    """Return everything that a request asks for, except ``openid``: pages say at their head whose account this is."""
    scope = request.scope or ""
    values = [value for value in scopes.split(scope) if value != scopes.OPENID]
    own = own_permissions(server, values, request.claims.not_covered_by(scope))
    return [*own, *(permissions_at(resource, scopes.split(there)) for resource, there in request.granted_resources)]


def _join(claims: Sequence[str]) -> str:
    return join([translate(label) for label in labels_of(claims)])
