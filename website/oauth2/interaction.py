"""The decision what comes next for a person at the authorization endpoint. It only reads."""

from __future__ import annotations

from enum import Enum

from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError

from .. import redirect_uris
from ..clients import Client
from ..clients.shown_at_consent import shown_of
from ..sessions import CurrentLoginSession
from .authentication_request import FormerLogin
from .errors import UnmetAuthenticationRequirementsError
from .requests import OAuth2Request
from .server import AuthorizationServer


class Step(Enum):
    """What the authorization endpoint does next."""

    LOGIN = "login"
    CONSENT = "consent"
    RESPOND = "respond"


def next_step(
    server: AuthorizationServer,
    login: CurrentLoginSession | None,
    request: OAuth2Request,
    redirect_uri: str,
    former: FormerLogin | None = None,
    *,
    knows_auth_time: bool = True,
) -> tuple[Step, str | None]:
    """Return the next step, and the consent that covers the request where there is one.

    What the client asks about the login is looked at first: ``former`` is the login that stood when the request came,
    where the person was sent to log in for it; ``knows_auth_time`` is false where an application that embeds the
    provider does not say when they did. A first-party client's users are not asked for consent. Anybody else's are,
    unless they allowed this much before; and each time where another program of the machine could pose as the client
    (:rfc:`8252#section-8.6`).

    Raises ``LoginRequiredError`` or ``ConsentRequiredError`` where a page would be due and the client wants none, where
    logging in again brought somebody else than it expects, or where nobody can tell when they logged in;
    :class:`UnmetAuthenticationRequirementsError` where no login here is proved as it needs.
    """
    client, asked = request.client, request.asked
    if login is None or not _meets(server, login, request, former, knows_auth_time):
        if asked.allows_no_page:
            raise LoginRequiredError("The user has to log in first.")
        return Step.LOGIN, None
    if asked.acrs and login.acr not in asked.acrs:
        raise UnmetAuthenticationRequirementsError
    scope, consent = request.scope or "", None
    if "consent" not in asked.prompts:
        if client.is_first_party and may_skip_consent(server, client, redirect_uri):
            return Step.RESPOND, None
        if remembers_consent(server, client, redirect_uri):
            wanted = (scope, request.claims.not_covered_by(scope), shown_of(client))
            consent = server.consents.find_covering(login.subject, client.id, *wanted)
    if consent is None and asked.allows_no_page:
        raise ConsentRequiredError("The user has to give consent first.")
    return (Step.CONSENT, None) if consent is None else (Step.RESPOND, consent)


def _meets(
    server: AuthorizationServer,
    login: CurrentLoginSession,
    request: OAuth2Request,
    former: FormerLogin | None,
    knows_auth_time: bool,
) -> bool:
    """Tell whether a login does. Raises ``LoginRequiredError`` where logging in once more would not help."""
    asked = request.asked
    if asked.looks_at_auth_time and not knows_auth_time:
        raise LoginRequiredError("This server cannot tell when the user logged in.")
    subject = server.subject_for(request.client, login.subject) if asked.subject is not None else ""
    if asked.is_met_by(login, subject, former):
        return True
    if former is not None:
        is_somebody_else = former.is_followed_by(login) and not asked.expects(subject)
        # A host that doesn't re-authenticate the user would redirect back and forth forever.
        if is_somebody_else or server.has_external_users:
            raise LoginRequiredError("The user has to log in first.")
    return False


def may_skip_consent(server: AuthorizationServer, client: Client, redirect_uri: str) -> bool:
    """Tell whether the users of a first-party client go straight on: not where another program could pose as it."""
    if redirect_uris.is_of_anybodys_scheme(redirect_uri):
        return False
    return server.settings.demo or not _can_be_posed_as(client, redirect_uri)


def remembers_consent(server: AuthorizationServer, client: Client, redirect_uri: str) -> bool:
    """Tell whether a yes to this client is kept.

    Not where another program could pose as it. On loopback it is kept in the demo, for the pages that developers try
    out, and for a client that its owner or an operator calls a web application.
    """
    if redirect_uris.is_of_anybodys_scheme(redirect_uri):
        return False
    if not _can_be_posed_as(client, redirect_uri):
        return True
    if client.is_self_registered or not redirect_uri.startswith(("http://", "https://")):
        return False
    return server.settings.demo or client.is_known_as_web


def _can_be_posed_as(client: Client, redirect_uri: str) -> bool:
    """Tell whether any other program of the user's device could receive the answer and redeem it."""
    return client.is_public and redirect_uris.is_loopback_or_private(redirect_uri)
