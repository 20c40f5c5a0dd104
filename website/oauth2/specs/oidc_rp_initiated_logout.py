"""RP-Initiated Logout 1.0: a client sends the browser here so that the person is logged out of this server too.

https://openid.net/specs/openid-connect-rpinitiated-1_0.html

The pages are ``routes/end_session.py``. Only an ID token of the login itself logs out without a question: anybody
else's link could log people out against their will. The browser goes back only to an address that the client
registered, and that client has to be named, by the ID token or by ``client_id``. What of a request cannot be used falls
away, and the person is asked.

A client's own server may log a person out too, which no specification has. Without a browser only client authentication
shows that the request comes from the client: an ID token alone may be anybody's by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from ... import redirect_uris, scopes
from ...clients import Client
from ...clients.field_checks import FieldCheck
from ...redirect_uris import with_query
from ...sessions import CurrentLoginSession
from ...settings import Settings
from ..client_authentication import BASIC, POST
from ..errors import Response
from ..id_token_hint import Hint, read_hint
from ..requests import OAuth2Request
from ..server import AuthorizationServer

END_SESSION_ENDPOINT = "/oauth/logout"
URIS_FIELD = "post_logout_redirect_uris"
MAX_URIS = 20
#: Of a client's own server; not ``none``: a client_id is no proof.
AUTH_METHODS = [BASIC, POST]
#: What may be wrong with a request, and what the page says of it.
UNREADABLE, EXPIRED = "unreadable", "expired"
HINT_UNUSABLE, HINT_OF_ANOTHER, HINT_MISSING = "hint_unusable", "hint_of_another", "hint_missing"
CLIENT_UNKNOWN, URI_UNREGISTERED = "client_unknown", "uri_unregistered"
PROBLEMS = {
    UNREADABLE: "The request is malformed, or has a parameter twice.",
    EXPIRED: "The request has expired.",
    HINT_UNUSABLE: (
        "id_token_hint isn't an ID token that this server issued to the client, signed by the algorithm that the "
        "client registered."
    ),
    HINT_OF_ANOTHER: "id_token_hint was issued to a different client than the one that client_id names.",
    HINT_MISSING: "post_logout_redirect_uri needs an id_token_hint or a client_id beside it.",
    CLIENT_UNKNOWN: "client_id isn't a client of this server.",
    URI_UNREGISTERED: "post_logout_redirect_uri isn't registered for this client. It must match exactly.",
}


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """A logout request as it was understood."""

    #: Where the browser goes afterwards; ``None`` where nothing was asked, or something was not accepted.
    address: str | None = None
    #: The login of the ID token that came along, and its subject, as the client knows them.
    session: str | None = None
    subject: str | None = None
    #: Whether that ID token was issued so short a time ago that its login can still last.
    is_recent: bool = False
    #: The client that asks, by its client_id.
    client_id: str | None = None
    #: Keys of :data:`PROBLEMS`.
    problems: tuple[str, ...] = ()

    def may_end_unasked(self, server: AuthorizationServer, login: CurrentLoginSession) -> bool:
        """Tell whether the request is about this very login, and all of it was accepted (section 2)."""
        client = server.clients.find(self.client_id) if self.client_id else None
        if self.problems or client is None or self.session != login.session:
            return False
        return self.subject == server.subject_for(client, login.subject)


def read_end_session_request(server: AuthorizationServer, fields: Mapping[str, str]) -> EndSessionRequest:
    """Return what a request's parameters come to. No parameter makes it fail."""
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
    if uri not in client.metadata.get(URIS_FIELD, ()):  # to the character, on loopback too
        problems.append(URI_UNREGISTERED)
        return None
    state = fields.get("state")
    return uri if state is None else with_query(uri, {"state": state})


def end_login_for_client(server: AuthorizationServer, request: OAuth2Request) -> Response:
    """End the login of the ``sid`` in the client's own ID token, on every node; other clients are told of it.

    Answers 204, also where that login has ended already. Raises ``InvalidRequestError`` and
    :class:`ClientAuthenticationError`.
    """
    client = server.authenticate_client(request, AUTH_METHODS, "end_session")
    if server.has_external_users:
        raise InvalidRequestError("People log in at another application here: send the browser, so that it hears.")
    asked = read_end_session_request(server, {"client_id": client.client_id, **request.payload.data})
    if asked.problems:
        raise InvalidRequestError(" ".join(PROBLEMS[problem] for problem in asked.problems))
    if asked.client_id != client.client_id or asked.session is None or asked.subject is None:
        raise InvalidRequestError("Send an id_token_hint that has a sid and was issued to this client.")
    if not asked.is_recent:
        raise InvalidRequestError("The id_token_hint is older than a login can be. Nothing was ended.")
    subject = server.login_sessions.find_subject(asked.session)
    if subject is not None and server.subject_for(client, subject) == asked.subject:
        server.login_sessions.end_for_client(asked.session, subject, client.id)
    return Response(204, ())


def _uris_check(rules: redirect_uris.RedirectRules) -> FieldCheck:
    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        if not isinstance(value, list) or len(value) > MAX_URIS or not all(isinstance(uri, str) for uri in value):
            return f"Write a list of at most {MAX_URIS} addresses."
        return next(filter(None, (redirect_uris.find_problem(uri, rules) for uri in value)), "")

    return check


def register(server: AuthorizationServer, settings: Settings) -> None:
    if scopes.OPENID not in server.scopes:
        return  # nobody logs in to a client by this server
    if server.has_external_users and not server.host_facts.ends_logins:
        return  # the login is another application's, which gave us no way to end it
    server.name_address("end_session_endpoint", END_SESSION_ENDPOINT)
    server.add_client_field(URIS_FIELD, _uris_check(server.redirect_rules))
