"""Logout by a client's own server: it proves who it is, and its ID token says whose login ends.

No specification has it. Without a browser only client authentication shows that the request comes from the client: an
ID token alone may be anybody's by now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749 import InvalidRequestError

from .client_authentication import BASIC, POST
from .end_session_request import PROBLEMS, read_end_session_request
from .errors import Response
from .requests import OAuth2Request

if TYPE_CHECKING:
    from .server import AuthorizationServer

#: Not ``none``: a client_id is no proof.
AUTH_METHODS = [BASIC, POST]


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
