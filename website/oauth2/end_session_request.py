"""Logout requests: which login one is about, where the browser goes afterwards, and what of it was not accepted.

OpenID Connect RP-Initiated Logout 1.0, sections 2 and 4. What cannot be used falls away: the person is asked, and no
client is gone to. So nobody is left logged in without having been asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ..clients import Client
from ..sessions import CurrentLoginSession
from .id_token_hint import Hint, read_hint

if TYPE_CHECKING:
    from .server import AuthorizationServer

END_SESSION_ENDPOINT = "/oauth/logout"
URIS_FIELD = "post_logout_redirect_uris"
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
    return uri + ("" if state is None else ("&" if "?" in uri else "?") + urlencode({"state": state}))
