"""Owns the decision what comes next for a person at the authorization endpoint. It only reads."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .. import redirect_uris
from ..client import Client
from ..sessions import Login

if TYPE_CHECKING:
    from .server import AuthorizationServer


class Step(Enum):
    """What the authorization endpoint does next."""

    LOGIN = "login"
    CONSENT = "consent"
    RESPOND = "respond"


def next_step(
    server: AuthorizationServer, login: Login | None, client: Client, redirect_uri: str, scope: str
) -> tuple[Step, str | None]:
    """Return the next step, and the consent that covers the request where there is one.

    A first-party client's users are not asked. Anybody else's are, unless they allowed this much before; and each time
    where another program of the machine could pose as the client (:rfc:`8252#section-8.6`).
    """
    if login is None:
        return Step.LOGIN, None
    if client.is_first_party:
        return Step.RESPOND, None
    if not remembers_consent(client, redirect_uri):
        return Step.CONSENT, None
    consent = server.consents.find_covering(login.subject, client.id, scope)
    return (Step.CONSENT, None) if consent is None else (Step.RESPOND, consent)


def remembers_consent(client: Client, redirect_uri: str) -> bool:
    """Tell whether a yes to this client is kept: not for a public client on a loopback or private-use redirect."""
    return not (client.is_public and redirect_uris.is_loopback_or_private(redirect_uri))
