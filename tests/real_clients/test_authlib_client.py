"""A client written with Authlib's OAuth2Session: the code flow with PKCE, a call to the API, a refresh.

Reads as such a client is written; ``tests/support/person.py`` plays the person, who logs in and says yes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlibs_session_completes_the_code_flow_and_refreshes(
    live_server: Callable[..., LiveServer], method: str
) -> None:
    server = live_server("flask")
    person = Person(server.url)
    person.log_in("alice")
    registered = person.create_client(token_endpoint_auth_method=method)

    session = OAuth2Session(
        registered.client_id,
        registered.secret,
        token_endpoint_auth_method=method,
        redirect_uri=REDIRECT_URI,
        scope="profile",
        code_challenge_method="S256",
    )
    session.trust_env = False
    verifier = generate_token(48)
    address, state = session.create_authorization_url(f"{server.url}/oauth/authorize", code_verifier=verifier)

    answer = person.decide(person.get(address))
    # What the client's own server receives: a browser keeps the fragment to itself.
    callback = answer.location.partition("#")[0]

    token = session.fetch_token(
        f"{server.url}/oauth/token", authorization_response=callback, state=state, code_verifier=verifier
    )
    assert session.get(f"{server.url}/api/me").json()["username"] == "alice"

    refreshed = session.refresh_token(f"{server.url}/oauth/token", refresh_token=token["refresh_token"])
    assert refreshed["access_token"] != token["access_token"]
    assert session.get(f"{server.url}/api/me").json()["username"] == "alice"

    again = session.refresh_token(f"{server.url}/oauth/token", refresh_token=refreshed["refresh_token"])
    # Of two generations ago: no lost answer explains it.
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token(f"{server.url}/oauth/token", refresh_token=token["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token(f"{server.url}/oauth/token", refresh_token=again["refresh_token"])
