"""What a person has to do next at the authorization endpoint: the states of a request in order."""

from __future__ import annotations

from enum import Enum

from authlib.oauth2.rfc6749 import AccessDeniedError
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError

from ..sessions import CurrentLoginSession
from .authentication_request import FormerLogin
from .consent_rules import find_consent
from .requests import OAuth2Request
from .required_acr import find_missing_class
from .server import AuthorizationServer
from .token_grant import NO_ACCESS


class Step(Enum):
    """The next step."""

    LOG_IN = "log in"
    CHOOSE_ACCOUNT = "choose an account"
    #: The person may not use the client: they can go back to it, or use another account.
    TURN_BACK = "turn back"
    STEP_UP = "step up"
    CONSENT = "consent"
    RESPOND = "respond"


def next_step(
    server: AuthorizationServer,
    login: CurrentLoginSession | None,
    request: OAuth2Request,
    former: FormerLogin | None,
    *,
    knows_auth_time: bool,
) -> tuple[Step, str | None]:
    """Return the next step, and the consent that covers the request, if any. Changes nothing.

    ``former`` is the login session when the request arrived, if the person was sent to log in for it;
    ``knows_auth_time`` is false if an embedding application doesn't provide the time of authentication.

    Raises ``LoginRequiredError`` or ``ConsentRequiredError`` if a page is needed but the client wants none, a different
    user than expected logged in, or the required time of authentication is unknown; ``AccessDeniedError`` if the client
    wants no page for somebody who may not use it; and ``UnmetAuthenticationRequirementsError`` if no login here can
    meet the client's requirements.
    """
    asked = request.asked
    # 1. Log in, again or as somebody else if required.
    if login is None or not _is_login_as_asked(server, login, request, former, knows_auth_time):
        if asked.allows_no_page:
            raise LoginRequiredError("The user has to log in first.")
        chooses = login is not None and "select_account" in asked.prompts
        return (Step.CHOOSE_ACCOUNT if chooses else Step.LOG_IN), None
    # 2. May they use the client? Told only to somebody who has logged in.
    if not server.access.rules.decide(login.user_id, request.client).is_allowed:
        if asked.allows_no_page:
            raise AccessDeniedError(NO_ACCESS)
        return Step.TURN_BACK, None
    # 3. Step up (RFC 9470), if the client wants more than this login is.
    if find_missing_class(server, request, login) is not None:
        if asked.allows_no_page:
            raise LoginRequiredError("The user has to authenticate with another factor first.")
        return Step.STEP_UP, None
    # 4. Consent.
    needs_no_question, consent = find_consent(server, request, login)
    if needs_no_question:
        return Step.RESPOND, consent
    if asked.allows_no_page:
        raise ConsentRequiredError("The user has to give consent first.")
    return Step.CONSENT, None


def _is_login_as_asked(
    server: AuthorizationServer,
    login: CurrentLoginSession,
    request: OAuth2Request,
    former: FormerLogin | None,
    knows_auth_time: bool,
) -> bool:
    """Tell whether a login is sufficient. Raises ``LoginRequiredError`` if logging in again wouldn't help."""
    asked = request.asked
    if asked.looks_at_auth_time and not knows_auth_time:
        raise LoginRequiredError("This server doesn't know when the user logged in.")
    subject = server.subject_for(request.client, login.subject) if asked.subject is not None else ""
    if asked.is_met_by(login, subject, former):
        return True
    if former is not None:
        is_somebody_else = former.is_followed_by(login) and not asked.expects(subject)
        # A host that doesn't re-authenticate the user would redirect back and forth forever.
        if is_somebody_else or server.accounts.are_external:
            raise LoginRequiredError("The user has to log in first.")
    return False
