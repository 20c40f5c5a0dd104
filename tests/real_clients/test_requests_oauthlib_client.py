"""A client written with requests-oauthlib: the code flow with PKCE, a call to the API, a refresh.

Reads as such a client is written; ``tests/support/person.py`` plays the person, who logs in and says yes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from requests_oauthlib import OAuth2Session

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person


def test_requests_oauthlib_completes_the_code_flow_and_refreshes(
    live_server: Callable[..., LiveServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    server = live_server("granian")
    person = Person(server.url)
    person.log_in("alice")
    registered = person.create_client()

    session = OAuth2Session(registered.client_id, redirect_uri=REDIRECT_URI, scope=["profile"], pkce="S256")
    session.trust_env = False
    address, _state = session.authorization_url(f"{server.url}/oauth/authorize")

    answer = person.decide(person.get(address))

    token = session.fetch_token(
        f"{server.url}/oauth/token",
        authorization_response=answer.location,
        client_secret=registered.secret,
    )
    assert session.get(f"{server.url}/api/me").json()["username"] == "alice"

    refreshed = session.refresh_token(f"{server.url}/oauth/token", auth=(registered.client_id, registered.secret or ""))
    assert refreshed["access_token"] != token["access_token"]
    assert session.get(f"{server.url}/api/me").json()["username"] == "alice"
