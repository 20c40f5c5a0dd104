"""RP-Initiated Logout 1.0: a client sends the browser here to log the person out of this server too.

https://openid.net/specs/openid-connect-rpinitiated-1_0.html

The pages are in ``routes/login/end_session.py``. Only an ID token from the same login session logs out without asking;
otherwise anybody's link could log people out against their will. The browser only goes back to a registered URL of the
client, which must be identified by the ID token or ``client_id``. Unusable parameters are ignored, and the person is
asked.

As an extension, a client's own server can log a person out too. Without a browser, it must authenticate to prove that
the request comes from the client, as an ID token may have leaked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from ... import redirect_uris
from ...clients import Client
from ...clients.field_checks import FieldCheck
from ...redirect_uris import with_query
from ...sessions import CurrentLoginSession
from ...settings import Settings
from ...translatable import N_
from ..client_authentication import BASIC, POST
from ..errors import Response
from ..id_token_hint import Hint, read_hint
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_scopes",)

END_SESSION_ENDPOINT = "/oauth/logout"
URIS_FIELD = "post_logout_redirect_uris"
MAX_URIS = 20
#: For a client's own server; not ``none``, as a client_id proves nothing.
AUTH_METHODS = [BASIC, POST]
#: The problems of a request, with the texts for the page.
UNREADABLE, EXPIRED = "unreadable", "expired"
HINT_UNUSABLE, HINT_OF_ANOTHER, HINT_MISSING = "hint_unusable", "hint_of_another", "hint_missing"
CLIENT_UNKNOWN, URI_UNREGISTERED = "client_unknown", "uri_unregistered"
PROBLEMS = {
    UNREADABLE: N_("The request is malformed, or repeats a parameter."),
    EXPIRED: N_("The request has expired."),
    HINT_UNUSABLE: N_(
        "id_token_hint isn't an ID token that this server issued to the client, signed with the algorithm that the "
        "client registered."
    ),
    HINT_OF_ANOTHER: N_("id_token_hint was issued to a different client than the one that client_id names."),
    HINT_MISSING: N_("post_logout_redirect_uri requires an id_token_hint or a client_id."),
    CLIENT_UNKNOWN: N_("client_id isn't a client of this server."),
    URI_UNREGISTERED: N_("post_logout_redirect_uri isn't registered for this client. It must match exactly."),
}


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """A parsed logout request."""

    #: Where the browser goes afterwards; ``None`` if that wasn't requested, or something wasn't accepted.
    address: str | None = None
    #: The login session and subject in the ID token hint, as known to the client.
    session: str | None = None
    subject: str | None = None
    #: Whether that ID token is recent enough for its login session to still be active.
    is_recent: bool = False
    #: The requesting client's client_id.
    client_id: str | None = None
    #: Keys of :data:`PROBLEMS`.
    problems: tuple[str, ...] = ()

    def may_end_unasked(self, server: AuthorizationServer, login: CurrentLoginSession) -> bool:
        """Tell whether the request is about this login session, and everything in it was accepted (section 2)."""
        client = server.clients.find(self.client_id) if self.client_id else None
        if self.problems or client is None or self.session != login.session:
            return False
        return self.subject == server.subject_for(client, login.subject)


def read_end_session_request(server: AuthorizationServer, fields: Mapping[str, str]) -> EndSessionRequest:
    """Parse a request's parameters. Never fails."""
    problems: list[str] = []
    hint = _read_hint(server, fields, problems)
    client = hint.client if hint else _find_client(server, fields, problems)
    address = _read_address(client, fields, problems)
    return EndSessionRequest(
        address=None if problems else address,
        session=hint.session if hint else None,
        subject=hint.subject if hint else None,
        is_recent=hint is not None and hint.is_recent,
        client_id=client.client_id if client else None,
        problems=tuple(problems),
    )


def _read_hint(server: AuthorizationServer, fields: Mapping[str, str], problems: list[str]) -> Hint | None:
    text = fields.get("id_token_hint")
    if text is None:
        return None
    hint = read_hint(server, text)
    if hint is None:
        problems.append(HINT_UNUSABLE)
    elif fields.get("client_id", hint.client.client_id) != hint.client.client_id:
        problems.append(HINT_OF_ANOTHER)
        return None
    return hint


def _find_client(server: AuthorizationServer, fields: Mapping[str, str], problems: list[str]) -> Client | None:
    client_id = fields.get("client_id")
    if client_id is None:
        return None
    client = server.clients.find(client_id)
    if client is None:
        problems.append(CLIENT_UNKNOWN)
    return client


def _read_address(client: Client | None, fields: Mapping[str, str], problems: list[str]) -> str | None:
    uri = fields.get("post_logout_redirect_uri")
    if uri is None:
        return None
    if client is None:
        if not problems:
            problems.append(HINT_MISSING)
        return None
    if uri not in client.metadata.get(URIS_FIELD, ()):  # exact match, on loopback too
        problems.append(URI_UNREGISTERED)
        return None
    state = fields.get("state")
    return uri if state is None else with_query(uri, {"state": state})


def end_login_for_client(server: AuthorizationServer, request: OAuth2Request) -> Response:
    """End the login session in the ``sid`` of the client's ID token, on every node; other clients are notified.

    Returns 204, even if that session has already ended. Raises ``InvalidRequestError`` and
    :class:`ClientAuthenticationError`.
    """
    client = server.authenticate_client(request, AUTH_METHODS, "end_session")
    if server.accounts.are_external:
        raise InvalidRequestError(
            "People log in through another application: send the browser here instead, so that it can log them out."
        )
    end_session = read_end_session_request(server, {"client_id": client.client_id, **request.payload.data})
    if end_session.problems:
        raise InvalidRequestError(" ".join(PROBLEMS[problem] for problem in end_session.problems))
    if end_session.client_id != client.client_id or end_session.session is None or end_session.subject is None:
        raise InvalidRequestError("Send an id_token_hint with a sid that was issued to this client.")
    if not end_session.is_recent:
        raise InvalidRequestError("The id_token_hint is older than any active login. Nobody was logged out.")
    subject = server.sessions.find_subject(end_session.session)
    if subject is not None and server.subject_for(client, subject) == end_session.subject:
        server.sessions.end_for_client(end_session.session, subject, client.id)
    return Response(204, ())


def _uris_check(rules: redirect_uris.RedirectRules) -> FieldCheck:
    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        if not isinstance(value, list) or len(value) > MAX_URIS or not all(isinstance(uri, str) for uri in value):
            return f"Enter a list of at most {MAX_URIS} URLs."
        return next(filter(None, (redirect_uris.find_problem(uri, rules) for uri in value)), "")

    return check


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.accounts.are_external and not server.accounts.host.ends_logins:
        return  # the login belongs to another application, which provides no way to end it
    server.registry.add_page(END_SESSION_ENDPOINT, "end_session", metadata="end_session_endpoint")
    server.registry.add_client_field(URIS_FIELD, _uris_check(settings.redirect_rules))
