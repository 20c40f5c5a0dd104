"""The token request (:rfc:`6749#section-3.2`): all steps from the form to the tokens, in one order for every grant.

Whatever can be checked or looked up without using the credential comes before step 9. Step 9 takes the code or refresh
token, and judges in the same transaction what only its row tells: its expiry, PKCE, the redirect URI. After that,
nothing can refuse the request, so that no credential is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError

from ..clients import Client
from ..request_context import GRANT_TYPE
from .client_authentication import NONE, refuse_client
from .errors import Response, json_response
from .rate_limits import TOKEN
from .requests import OAuth2Request
from .server import AuthorizationServer
from .token_grant import TokenGrant
from .token_issuance import ISSUED_AT_TOKEN_ENDPOINT, issue_tokens, prepare_id_token


def answer_token_request(server: AuthorizationServer, request: OAuth2Request) -> Response:
    """Return the token response (:rfc:`6749#section-5.1`). Raises ``OAuth2Error``.

    1. The form has been read: see ``requests.py``.
    """
    grant = find_grant(server, request)  # 2.
    client = authenticate_client(server, request, grant)  # 3.
    check_grant_type(client, grant)  # 4.
    read_resources(server, request)  # 5.
    # 6. Proof of possession (RFC 9449, section 5; RFC 8705, section 3): the key that the tokens are bound to.
    credential = grant.read(request)  # 7. Checked, but not used up.
    claims = ask_users(server, request, grant, credential)  # 8. A 503 up to here has no consequences.
    server.keys.load()
    with server.cache_invalidation.paused:  # Issuing reads nothing that could be out of reach then.
        outcome = grant.take(request, credential)  # 9. One transaction or statement.
        if isinstance(outcome, OAuth2Error):
            raise outcome  # the only error after using up the credential, raised after the commit
        tokens = issue_tokens(server, request, grant.GRANT_TYPE, outcome, ISSUED_AT_TOKEN_ENDPOINT, claims)  # 10.
        return respond(server, request, tokens)  # 11.


def find_grant(server: AuthorizationServer, request: OAuth2Request) -> TokenGrant[Any]:
    """Return the grant of a request. Raises ``InvalidRequestError`` or ``unsupported_grant_type``."""
    grant_type = request.payload.grant_type
    if grant_type is None:
        raise InvalidRequestError("Missing 'grant_type' in request.")
    grant = server.registry.grant_types.get(grant_type)
    if grant is None:
        # Authlib's class would repeat the client's input in its text.
        raise OAuth2Error(error="unsupported_grant_type", description="This server does not support that grant type.")
    request.environ[GRANT_TYPE] = grant_type
    return grant


def authenticate_client(server: AuthorizationServer, request: OAuth2Request, grant: TokenGrant[Any]) -> Client:
    """Authenticate the client with a method that the grant accepts. Raises :class:`ClientAuthenticationError`.

    An authenticated client is counted against its own limit instead of its address.
    """
    for source in server.registry.client_sources:
        source.before_authentication(request)
    client = server.authenticate_client(request, grant.AUTH_METHODS)
    if not server.lets_owner(client):
        refuse_client("its owner may not log in to the embedding application", client)
    if request.auth_method != NONE:
        charge_holder(server, request, client.id)
    return client


def charge_holder(server: AuthorizationServer, request: OAuth2Request, holder: str) -> None:
    """Count a token request against the limit of its sender, once that is proven by a credential.

    Its address isn't charged if the request succeeds. Raises :class:`TooManyRequestsError` before anything is used up.
    """
    if not request.is_charged_to_holder:
        server.charge(TOKEN, holder)
        request.is_charged_to_holder = True


def check_grant_type(client: Client, grant: TokenGrant[Any]) -> None:
    """Raise ``UnauthorizedClientError`` unless the client registered the grant (:rfc:`6749#section-5.2`)."""
    if grant.GRANT_TYPE not in client.grant_types:
        raise UnauthorizedClientError("The client did not register this grant type.")


def read_resources(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Read which APIs the access token is for (:rfc:`8707#section-2.2`). Raises :class:`InvalidTargetError`.

    Whether they were granted is checked with the credential.
    """
    if server.registry.resource_reader is not None:
        server.registry.resource_reader(request)


def ask_users(
    server: AuthorizationServer, request: OAuth2Request, grant: TokenGrant[Any], credential: Any
) -> Mapping[str, Any] | None:
    """Look up the user of a credential; return the claims for an ID token, if one is due.

    Raises ``DatabaseUnavailableError`` if that fails: after the credential is taken, this would cost the client its
    credential, and its next attempt would look like theft. Our own users are checked in the transaction that takes it;
    external users are looked up here, and if the user doesn't exist, the credential ends.
    """
    if not server.accounts.are_external and not server.may_write_id_token(request.client):
        return None
    user = grant.find_user(request, credential)
    if user is None:
        return None  # no user: rejected when it is taken
    if server.accounts.are_external and server.users.find(user.user_id) is None:
        raise grant.discard(request, credential)
    return prepare_id_token(server, request, user, request.client.claims_in_id_token)


def respond(server: AuthorizationServer, request: OAuth2Request, tokens: Mapping[str, Any]) -> Response:
    """Build the response; after a success, the address isn't charged if a client or grant was."""
    if request.is_charged_to_holder:
        server.rate_limits.spare_address(request.environ)
    return json_response(200, tokens)
