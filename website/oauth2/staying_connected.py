"""Whether granted access outlives the login: for the consent page and for the grant."""

from __future__ import annotations

from .. import scopes
from ..database.grants_bound_to_logins import ends_with_login
from .requests import OAuth2Request
from .server import AuthorizationServer
from .user_decision import Decision


def offers_to_stay_connected(request: OAuth2Request) -> bool:
    """Tell whether the consent page must say that the app stays connected after logout."""
    values, client = scopes.split(request.scope), request.client
    is_about_login = scopes.OPENID in values and scopes.OFFLINE_ACCESS not in values
    return is_about_login and not ends_with_login(
        client.ends_with_login, client.metadata, is_for_device=request.is_for_device
    )


def stays_connected(server: AuthorizationServer, request: OAuth2Request, decision: Decision) -> bool:
    """Tell whether access granted by this decision outlives the login.

    A client that registered itself only stays connected if the consent page said so.
    """
    if not offers_to_stay_connected(request):
        return False
    if not request.client.is_self_registered:
        return True
    if decision.consent is None:
        return decision.was_asked
    return server.grants.consents.says_stays_connected(decision.consent)
