"""Owns the decision what comes next for a person at the authorization endpoint. It only reads."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError

from .. import redirect_uris
from ..client import Client
from ..sessions import Login
from .errors import UnmetAuthenticationRequirementsError
from .requests import OAuth2Request

if TYPE_CHECKING:
    from .server import AuthorizationServer


class Step(Enum):
    """What the authorization endpoint does next."""

    LOGIN = "login"
    CONSENT = "consent"
    RESPOND = "respond"


def next_step(
    server: AuthorizationServer,
    login: Login | None,
    request: OAuth2Request,
    redirect_uri: str,
    former_login: str | None = None,
) -> tuple[Step, str | None]:
    """Return the next step, and the consent that covers the request where there is one.

    What the client asks about the login is looked at first: ``former_login`` is the login that was not what it asked
    for. A first-party client's users are not asked for consent. Anybody else's are, unless they allowed this much
    before; and each time where another program of the machine could pose as the client (:rfc:`8252#section-8.6`).

    Raises ``LoginRequiredError`` or ``ConsentRequiredError`` where a page would be due and the client wants none, or
    where logging in again brought somebody else than it expects; :class:`UnmetAuthenticationRequirementsError` where no
    login here is proved as it needs.
    """
    client, asked = request.client, request.asked
    subject = ""
    if login is not None and asked.subject is not None:
        subject = server.subject_for(client, login.subject)
    if login is None or not asked.is_met_by(login, subject, former_login):
        has_tried = False
        if login is not None and former_login is not None:
            # A host that sends the browser back as it came would do so without end.
            has_tried = login.token_hash != former_login or server.has_foreign_users
        if asked.allows_no_page or has_tried:
            raise LoginRequiredError("The user has to log in first.")
        return Step.LOGIN, None
    if asked.acrs and login.acr not in asked.acrs:
        raise UnmetAuthenticationRequirementsError
    scope, consent = request.scope or "", None
    if "consent" not in asked.prompts:
        if client.is_first_party and not redirect_uris.is_of_anybodys_scheme(redirect_uri):
            return Step.RESPOND, None
        if remembers_consent(client, redirect_uri):
            consent = server.consents.find_covering(login.subject, client.id, scope, request.claims.beyond(scope))
    if consent is None and asked.allows_no_page:
        raise ConsentRequiredError("The user has to be asked for consent first.")
    return (Step.CONSENT, None) if consent is None else (Step.RESPOND, consent)


def remembers_consent(client: Client, redirect_uri: str) -> bool:
    """Tell whether a yes to this client is kept.

    Not for a public client on a loopback or private-use redirect, nor for any on a scheme that every program may claim.
    """
    if redirect_uris.is_of_anybodys_scheme(redirect_uri):
        return False
    return not (client.is_public and redirect_uris.is_loopback_or_private(redirect_uri))
