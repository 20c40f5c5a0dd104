"""Owns a request to be logged out: whether it holds, where the browser goes afterwards, which login it is about.

OpenID Connect RP-Initiated Logout 1.0, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import InvalidRequestError

from ..client import Client
from .id_token_hint import Hint, read_hint

if TYPE_CHECKING:
    from .server import AuthorizationServer

END_SESSION_ENDPOINT = "/oauth/logout"
URIS_FIELD = "post_logout_redirect_uris"


@dataclass(frozen=True, slots=True)
class EndSessionRequest:
    """A request that was checked: where the browser goes afterwards, and which login it is about."""

    address: str | None = None
    #: The login of the ID token that came along.
    session: str | None = None


def read_end_session_request(server: AuthorizationServer, fields: Mapping[str, str]) -> EndSessionRequest:
    """Check a request (section 2). Raises ``InvalidRequestError``: then nothing is done, and nobody is redirected."""
    hint = _read_hint(server, fields)
    uri = fields.get("post_logout_redirect_uri")
    session = hint.session if hint else None
    if uri is None:
        return EndSessionRequest(None, session)
    client = hint.client if hint else _find_client(server, fields)
    if client is None:
        raise InvalidRequestError("A post_logout_redirect_uri needs an id_token_hint or a client_id: whose is it?")
    # To the character, on loopback too: the free port is for the answer to an authorization request.
    if uri not in client.metadata.get(URIS_FIELD, ()):
        raise InvalidRequestError("The post_logout_redirect_uri is not one that the application registered.")
    state = fields.get("state")
    more = "" if state is None else ("&" if "?" in uri else "?") + urlencode({"state": state})
    return EndSessionRequest(uri + more, session)


def _read_hint(server: AuthorizationServer, fields: Mapping[str, str]) -> Hint | None:
    text = fields.get("id_token_hint")
    if text is None:
        return None
    hint = read_hint(server, text)
    if hint is None:
        raise InvalidRequestError("The id_token_hint is no ID token of this server.")
    if fields.get("client_id", hint.client.client_id) != hint.client.client_id:
        raise InvalidRequestError("The id_token_hint was made for another client than client_id names.")
    return hint


def _find_client(server: AuthorizationServer, fields: Mapping[str, str]) -> Client | None:
    client_id = fields.get("client_id")
    if client_id is None:
        return None
    client = server.clients.find(client_id)
    if client is None:
        raise InvalidRequestError("There is no client with this client_id.")
    return client
