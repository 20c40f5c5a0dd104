"""The flow of an authorization request, from the browser's request to the response for the client.

Each function advances a request by one state. It returns the protocol's response, or an :class:`Interaction` with the
next page: the pages only render it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from ..audit import REFUSED
from ..clients import Client
from ..grants.pending_requests import TRANSACTION, PendingRequest
from ..request_context import Environ
from ..sessions import CurrentLoginSession
from .authentication_request import FormerLogin
from .authorization_request import Kind, answer_authorization_request, check_authorization_request
from .consent_rules import detail_of, is_as_shown, remember_consent
from .errors import Response
from .form_encoding import Pairs
from .interaction_steps import Step, next_step
from .requests import OAuth2Request, Payload
from .required_acr import find_missing_class
from .resumed_requests import answer_expired_request, former_login_of, keep_request, name_of_login, resume_request
from .server import AuthorizationServer
from .token_grant import NO_ACCESS
from .user_decision import Decision

#: The fields of a decision: yes or no, and the digest of the client details on the page.
CONFIRM, SHOWN = "confirm", "shown"


class Browser(Protocol):
    """The browser of an authorization request."""

    @property
    def environ(self) -> Environ:
        """The WSGI environ of its request."""

    @property
    def id(self) -> str:
        """Its random id from a separate cookie, created on first access."""

    def find_login(self) -> CurrentLoginSession | None:
        """Return who is logged in."""

    def find_cross_site_login(self) -> CurrentLoginSession | None:
        """Return the login for a silent request from another site's page."""

    def knows_auth_time(self) -> bool:
        """Tell whether the time of authentication is known."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A step that needs a page."""

    step: Step
    request: OAuth2Request
    login: CurrentLoginSession | None
    #: The transaction ID for resuming the request; ``None`` if its URL is enough.
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Expired:
    """A request that can't be continued, with its client if known."""

    client: Client | None = None


Outcome = Response | Interaction | Expired


def begin(server: AuthorizationServer, browser: Browser, pairs: Pairs) -> Outcome:
    """Handle a browser's GET with a new or a stored request.

    Raises ``OAuth2Error`` if the error must not be sent to a client.
    """
    transaction = _first(pairs, TRANSACTION)
    if transaction is None:
        return _proceed(server, browser, resume_request(server, browser.environ, PendingRequest(pairs)), None, None)
    pending = server.grants.pending_requests.open(transaction, browser.id)
    if pending is None:
        return _expire(server, browser, pairs)
    request = resume_request(server, browser.environ, pending)
    return _proceed(server, browser, request, former_login_of(pending), transaction)


def receive(server: AuthorizationServer, environ: Environ, pairs: Pairs) -> Response | Interaction:
    """Handle a request that the browser posted from another site (OpenID Connect Core 1.0, section 3.1.2.1).

    It is checked and stored, and then shown by a GET, which includes the cookies and so identifies the user.
    """
    request = resume_request(server, environ, PendingRequest(pairs))
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        return Interaction(Step.LOG_IN, request, None, keep_request(server, request, None))
    except OAuth2Error as error:
        return _refuse(server, request, error)


def decide(server: AuthorizationServer, browser: Browser, query: Pairs, form: Pairs) -> Outcome:
    """Carry out a decision on a shown request: once, and only from the login session that was asked.

    Raises ``OAuth2Error`` if the error must not be sent to a client.
    """
    Payload(form)  # rejects repeated fields, such as both yes and no
    login, transaction = browser.find_login(), _first(form, TRANSACTION)
    if login is None or transaction is None:
        return Expired()
    pending = server.grants.pending_requests.find(transaction, login.session, browser.id)
    if pending is None and not server.grants.pending_requests.is_kept(transaction):
        return _expire(server, browser, form)
    if pending is None:
        return Expired()  # already decided, or it belongs to another login session
    sent = [pair for pair in query + form if pair[0] in server.registry.authorization_parameters]
    if any(pair not in pending.pairs for pair in sent):
        raise InvalidRequestError("The request was changed after it was shown. Start again from the application.")
    if not server.grants.pending_requests.claim(transaction, login.session):
        return Expired()
    request = resume_request(server, browser.environ, pending)
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        is_allowed = _first(form, CONFIRM) == "yes"
        if not server.access.rules.decide(login.user_id, request.client).is_allowed:
            return _turn_back(server, browser, request, login, is_informed=not is_allowed)
        if is_allowed and find_missing_class(server, request, login) is not None:  # logged in again since, with less
            return _ask_step_up(server, browser, request, login, keep_request(server, request, browser.id))
        if is_allowed and not is_as_shown(request, _first(form, SHOWN)):
            return _ask_consent(server, browser, request, login)
        return _carry_out(server, request, login, is_allowed)
    except OAuth2Error as error:
        return _refuse(server, request, error)


def _proceed(
    server: AuthorizationServer,
    browser: Browser,
    request: OAuth2Request,
    former: FormerLogin | None,
    transaction: str | None,
) -> Response | Interaction:
    """Return a request's next page, or its response if no page is needed.

    ``transaction`` is the ID under which it is stored, if it is.
    """
    try:
        check_authorization_request(server, request, Kind.AUTHORIZATION)
        login = browser.find_login()
        if login is None and request.asked.allows_no_page:
            login = browser.find_cross_site_login()
        is_known = not request.asked.looks_at_auth_time or browser.knows_auth_time()
        step, consent = next_step(server, login, request, former, knows_auth_time=is_known)
        if step is Step.TURN_BACK and login is not None:
            return _turn_back(server, browser, request, login)
        if step is Step.CONSENT and login is not None:
            return _ask_consent(server, browser, request, login)
        if step is Step.RESPOND and login is not None:
            request.login = login
            return answer_authorization_request(server, request, Decision(login, consent))
        if step is Step.STEP_UP and login is not None:
            return _ask_step_up(server, browser, request, login, transaction)
        return _ask_login(server, browser, request, step, login)
    except OAuth2Error as error:
        return _refuse(server, request, error)


def _ask_login(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, step: Step, login: CurrentLoginSession | None
) -> Interaction:
    """Send the person to log in and come back to this request.

    The request is stored, with the current login session, if any login might not be sufficient. So is a request from
    elsewhere than the URL, as it may expire there meanwhile.
    """
    if not request.asked.may_want_another_login and not request.is_from_client:
        return Interaction(step, request, login, None)
    transaction = keep_request(server, request, browser.id, former_login=name_of_login(login))
    return Interaction(step, request, login, transaction)


def _turn_back(
    server: AuthorizationServer,
    browser: Browser,
    request: OAuth2Request,
    login: CurrentLoginSession,
    *,
    is_informed: bool = False,
) -> Response | Interaction:
    """Tell somebody that they may not use the client; once they know it, tell the client. Raises ``OAuth2Error``."""
    if is_informed:
        raise AccessDeniedError(NO_ACCESS)
    server.audit.record("client_access_refused", REFUSED, subject=login.subject, client=request.client.id)
    return _ask(server, browser, request, login, Step.TURN_BACK)


def _ask_step_up(
    server: AuthorizationServer,
    browser: Browser,
    request: OAuth2Request,
    login: CurrentLoginSession,
    transaction: str | None,
) -> Interaction:
    """Send the person to show another factor in this login session, and come back to this request.

    A stored request stays what it is: the login for which it was stored may be the one that goes on.
    """
    if transaction is None and request.is_from_client:
        transaction = keep_request(server, request, browser.id)
    return Interaction(Step.STEP_UP, request, login, transaction)


def _ask_consent(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, login: CurrentLoginSession
) -> Interaction:
    """Ask for consent to exactly this request, which the decision is then bound to."""
    return _ask(server, browser, request, login, Step.CONSENT)


def _ask(
    server: AuthorizationServer, browser: Browser, request: OAuth2Request, login: CurrentLoginSession, step: Step
) -> Interaction:
    """Return the page for a step in which this login session answers, and store the request for the answer."""
    # If the person logs in as somebody else instead, that is the new login that prompt=login asks for.
    former_login = name_of_login(login) if request.asked.may_want_another_login else None
    transaction = keep_request(server, request, browser.id, session=login.session, former_login=former_login)
    return Interaction(step, request, login, transaction)


def _carry_out(
    server: AuthorizationServer, request: OAuth2Request, login: CurrentLoginSession, is_allowed: bool
) -> Response:
    """Store a decision, and respond to the client."""
    decision = None
    if not is_allowed:
        server.grants.consents.refuse(login.subject, request.client.id, detail_of(request))
    else:
        consent = remember_consent(server, request, login)
        decision, request.login = Decision(login, consent, was_asked=True), login
    return answer_authorization_request(server, request, decision)


def _refuse(server: AuthorizationServer, request: OAuth2Request, error: OAuth2Error) -> Response:
    """Send an error to the client if its redirect URI is verified, otherwise raise it."""
    if not request.redirect_uri:
        raise error
    return server.authorization_responses.build_error(request, error)


def _expire(server: AuthorizationServer, browser: Browser, pairs: Pairs) -> Response | Expired:
    answer = answer_expired_request(server, browser.environ, pairs)
    return answer if isinstance(answer, Response) else Expired(answer)


def _first(pairs: Pairs, name: str) -> str | None:
    return next((value for parameter, value in pairs if parameter == name), None)
