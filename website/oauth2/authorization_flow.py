"""The way of an authorization request, from the browser that brings it to the answer for the client.

Each function takes a request one state further. It returns the answer of the protocol, or an :class:`Interaction` that
says which page comes next: the pages render that and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError

from ..clients import Client
from ..grants.pending_requests import TRANSACTION, PendingRequest
from ..request_context import Environ
from ..sessions import CurrentLoginSession
from .authentication_request import FormerLogin
from .authorization_request import Kind, answer_authorization_request, check_authorization_request
from .consent_rules import is_as_shown, remember_consent
from .decision import Decision
from .errors import Response
from .interaction import Step, next_step
from .requests import OAuth2Request, Pairs, Payload
from .resumption import (
    answer_expired_request,
    former_login_of,
    keep_request,
    name_of_login,
    resume_request,
)
from .server import AuthorizationServer

#: The fields of a decision: yes or no, and what the page showed of the client.
CONFIRM, SHOWN = "confirm", "shown"


class Browser(Protocol):
    """The browser that brings an authorization request, as the pages know it."""

    @property
    def environ(self) -> Environ:
        """The WSGI environ of its request."""

    @property
    def id(self) -> str:
        """Its random id, from a cookie of its own; it gets one at the first look."""

    def find_login(self) -> CurrentLoginSession | None:
        """Return who is logged in."""

    def find_cross_site_login(self) -> CurrentLoginSession | None:
        """Return who is logged in where another site's page asks without showing a page."""

    def knows_auth_time(self) -> bool:
        """Tell whether it is known when the person proved who they are."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A step that needs a page."""

    step: Step
    request: OAuth2Request
    login: CurrentLoginSession | None
    #: By which the request is resumed; ``None`` where the same address brings it once more.
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Expired:
    """The end of a request that nobody can go on with; its client, where it is known."""

    client: Client | None = None


Outcome = Response | Interaction | Expired


def begin(server: AuthorizationServer, browser: Browser, pairs: Pairs) -> Outcome:
    """Take a request that a browser brings by GET: a new one, or one that was kept.

    Raises ``OAuth2Error`` where no client may be told.
    """
    transaction = _first(pairs, TRANSACTION)
    if transaction is None:
        return _proceed(server, browser, resume_request(server, browser.environ, PendingRequest(pairs)), None)
    pending = server.grants.pending_requests.open(transaction, browser.id)
    if pending is None:
        return _expire(server, browser, pairs)
    return _proceed(server, browser, resume_request(server, browser.environ, pending), former_login_of(pending))


def receive(server: AuthorizationServer, environ: Environ, pairs: Pairs) -> Response | Interaction:
    """Take a request that another site had the browser post (OpenID Connect Core 1.0, section 3.1.2.1).

    It is checked, kept, and shown by a GET that brings the cookies along: whose it is, that one tells.
    """
    request = resume_request(server, environ, PendingRequest(pairs))
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        return Interaction(Step.LOG_IN, request, None, keep_request(server, request, None))
    except OAuth2Error as error:
        return _refuse(server, request, error)


def decide(server: AuthorizationServer, browser: Browser, query: Pairs, form: Pairs) -> Outcome:
    """Carry out a decision: on the request that was shown, once, by the login that was asked.

    Raises ``OAuth2Error`` where no client may be told.
    """
    Payload(form)  # refuses a field that is there twice: a yes and a no, say
    login, transaction = browser.find_login(), _first(form, TRANSACTION)
    if login is None or transaction is None:
        return Expired()
    pending = server.grants.pending_requests.find(transaction, login.session, browser.id)
    if pending is None and not server.grants.pending_requests.is_kept(transaction):
        return _expire(server, browser, form)
    if pending is None:
        return Expired()  # answered already, or somebody else's to answer
    sent = [pair for pair in query + form if pair[0] in server.registry.authorization_parameters]
    if any(pair not in pending.pairs for pair in sent):
        raise InvalidRequestError("The request was changed after it was shown. Start again from the application.")
    if not server.grants.pending_requests.claim(transaction, login.session):
        return Expired()
    request = resume_request(server, browser.environ, pending)
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        is_allowed = _first(form, CONFIRM) == "yes"
        if is_allowed and not is_as_shown(request, _first(form, SHOWN)):
            return _ask_consent(server, browser, request, login)
        return _carry_out(server, request, login, is_allowed)
    except OAuth2Error as error:
        return _refuse(server, request, error)


def _proceed(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, former: FormerLogin | None
) -> Response | Interaction:
    """Take a request to the next page, or to the answer that is due without one."""
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        login = browser.find_login()
        if login is None and request.asked.allows_no_page:
            login = browser.find_cross_site_login()
        is_known = not request.asked.looks_at_auth_time or browser.knows_auth_time()
        step, consent = next_step(server, login, request, former, knows_auth_time=is_known)
        if step is Step.CONSENT and login is not None:
            return _ask_consent(server, browser, request, login)
        if step is Step.RESPOND and login is not None:
            request.login = login
            return answer_authorization_request(server, request, Decision(login, consent))
        return _ask_login(server, browser, request, step, login)
    except OAuth2Error as error:
        return _refuse(server, request, error)


def _ask_login(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, step: Step, login: CurrentLoginSession | None
) -> Interaction:
    """Have the person log in, and come back to this request.

    Where a login alone may not be what the client asks for, the request is kept together with the one that was not. So
    is one that stood elsewhere than in the address: there it may be over by then.
    """
    if not request.asked.may_want_another_login and not request.is_from_client:
        return Interaction(step, request, login, None)
    transaction = keep_request(server, request, browser.id, former_login=name_of_login(login))
    return Interaction(step, request, login, transaction)


def _ask_consent(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, login: CurrentLoginSession
) -> Interaction:
    """Ask for exactly this request: the decision can be about no other."""
    transaction = keep_request(server, request, browser.id, session=login.session)
    return Interaction(Step.CONSENT, request, login, transaction)


def _carry_out(
    server: AuthorizationServer, request: OAuth2Request, login: CurrentLoginSession, is_allowed: bool
) -> Response:
    """Remember a decision, and answer the client."""
    decision = None
    if not is_allowed:
        server.grants.consents.refuse(login.subject, request.client.id, request.scope or "")
    else:
        consent = remember_consent(server, request, login)
        decision, request.login = Decision(login, consent, was_asked=True), login
    return answer_authorization_request(server, request, decision)


def _refuse(server: AuthorizationServer, request: OAuth2Request, error: OAuth2Error) -> Response:
    """Send an error to the client where its redirect URI was verified; raise it where it was not."""
    if not request.redirect_uri:
        raise error
    return server.authorization_responses.build_error(request, error)


def _expire(server: AuthorizationServer, browser: Browser, pairs: Pairs) -> Response | Expired:
    answer = answer_expired_request(server, browser.environ, pairs)
    return answer if isinstance(answer, Response) else Expired(answer)


def _first(pairs: Pairs, name: str) -> str | None:
    return next((value for parameter, value in pairs if parameter == name), None)
