"""A server in production, at the level DEBUG, that has seen every grant and every failure, has kept no secret (P1)."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.support import canary
from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Answer, Fields, Person, Pkce, RegisteredClient, code_of
from tests.support.postgres import Cluster

PASSWORD = "correct horse battery staple"
ISSUER = "https://provider.example"
ALL_GRANTS = "authorization_code\nrefresh_token\nclient_credentials\npassword"


class Visitor(Person):
    """A person whose browser comes through the proxy with https in front of a server in production."""

    def __init__(self, door: str) -> None:
        super().__init__(door)
        host = ISSUER.removeprefix("https://")
        self.session.headers.update(
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": host, "Origin": ISSUER, "Referer": f"{ISSUER}/"}
        )

    def _send(self, method: str, path: str, fields: Fields | None, headers: dict[str, str]) -> Answer:
        # Secure cookies: requests would not send them to this plain address, as it knows of no proxy.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.session.cookies)
        return super()._send(method, path, fields, {**headers, "Cookie": cookies})

    def log_in(self, username: str = "alice", next_page: str = "", password: str = PASSWORD) -> Answer:
        return self.post("/", {**self.get("/").hidden_fields(), "username": username, "password": password})


@pytest.fixture
def production(live_server: Callable[..., LiveServer], database_uri: str) -> LiveServer:
    """A server in production with one account."""
    server = live_server(
        "granian",
        {
            "SQLALCHEMY_DATABASE_URI": database_uri,
            "OAUTH2_DEMO": "0",
            "OAUTH2_ISSUER": ISSUER,
            "OAUTH2_LOG_LEVEL": "DEBUG",
            "OAUTH2_TRUSTED_PROXIES": "1",
            "OAUTH2_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "AUTHLIB_INSECURE_TRANSPORT": None,
        },
    )
    server.run_command("users", "create", "alice", feed=f"{PASSWORD}\n{PASSWORD}\n")
    server.run_command("users", "set", "alice", "--operator")
    return server


def use_every_grant(person: Visitor, client: RegisteredClient) -> list[str]:
    """Get tokens in every way there is, use them and give them back; return the access tokens."""

    def ask(path: str, fields: dict[str, str]) -> dict[str, Any]:
        answer = person.post(path, fields, **client.basic)
        assert answer.status == 200, answer.text
        return dict(json.loads(answer.text))

    pkce = Pkce()
    code = code_of(person.allow(client, scope="profile", state="a state", **pkce.parameters))
    redemption = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    tokens = [ask("/oauth/token", {**redemption, "redirect_uri": REDIRECT_URI})]
    taken = {"grant_type": "refresh_token", "refresh_token": tokens[0]["refresh_token"]}
    tokens.append(ask("/oauth/token", taken))
    tokens.append(ask("/oauth/token", {"grant_type": "password", "username": "alice", "password": PASSWORD}))
    tokens.append(ask("/oauth/token", {"grant_type": "client_credentials"}))
    for given in tokens:
        assert ask("/oauth/introspect", {"token": given["access_token"]})["active"]
    assert person.get("/api/me", Authorization=f"Bearer {tokens[1]['access_token']}").status == 200
    # Replay of a code, reuse of a refresh token: if anything is worth a line in the log, these are.
    for again in ({**redemption, "redirect_uri": REDIRECT_URI}, taken):
        assert person.post("/oauth/token", again, **client.basic).status == 400
    for given in tokens:
        ask("/oauth/revoke", {"token": given["access_token"]})
    return [given["access_token"] for given in tokens]


def fail_in_every_way(person: Visitor, client: RegisteredClient) -> None:
    """Bring what is secret to where it does not belong, or in a form that does not hold."""

    def made_up(prefix: str) -> str:
        return prefix + secrets.token_urlsafe(48)

    code = code_of(person.allow(client, scope="profile", **Pkce().parameters))
    stranger = RegisteredClient(client.client_id, made_up("gwcs_"))
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": Pkce().verifier}
    password = {"grant_type": "password", "username": "alice", "password": "not " + PASSWORD}
    for path, sent, headers in (
        ("/oauth/token", fields, client.basic),
        ("/oauth/token", {**fields, "code": made_up("gwac_")}, stranger.basic),
        ("/oauth/token", {**fields, "client_secret": stranger.secret or ""}, client.basic),
        ("/oauth/token", password, client.basic),
        ("/oauth/token", {"grant_type": made_up("gwat_")}, client.basic),
        (f"/oauth/token?client_secret={client.secret}", {"grant_type": "client_credentials"}, {}),
        ("/oauth/introspect", {"token": made_up("gwat_")}, stranger.basic),
    ):
        assert 400 <= person.post(path, sent, **headers).status <= 401
    assert person.post("/oauth/revoke", {"token": made_up("gwrt_")}, **client.basic).status == 200
    assert Visitor(str(person.door)).log_in(password="wrong " + PASSWORD).status == 422
    assert person.get("/api/me", Authorization=f"Bearer {made_up('gwat_')}").status == 401
    assert person.get(f"/oauth/authorize?client_id={client.client_id}&code={code}&x={made_up('gwat_')}").status == 302
    # A client that misunderstands the protocol sends its secret along with the browser: the request is kept, not that.
    new = person.create_client()
    misplaced = {"client_secret": new.secret, "code_verifier": Pkce().verifier, **Pkce().parameters}
    assert person.ask(new, **misplaced).status == 200
    asked = {"response_type": "code", "client_id": new.client_id, "redirect_uri": REDIRECT_URI}
    assert person.post("/oauth/authorize", {**asked, **misplaced}).status == 303
    # A decision on nothing leads to its request, which nobody knows.
    decided = person.post("/oauth/authorize", {"confirm": "yes", "transaction": made_up("")})
    assert decided.status == 303
    assert person.get(decided.location).status == 400


def break_client(database_uri: str, client: RegisteredClient) -> None:
    """Leave a row that no code of ours writes: whatever meets it fails unexpectedly."""
    engine = create_engine(database_uri)
    with engine.begin() as connection:
        statement = "UPDATE oauth2_client SET client_metadata = '{}' WHERE client_id = :id"
        connection.execute(text(statement), {"id": client.client_id})
    engine.dispose()


def test_a_server_that_has_seen_everything_has_kept_no_secret(
    production: LiveServer, request: pytest.FixtureRequest
) -> None:
    database_uri = production.environment["SQLALCHEMY_DATABASE_URI"]
    person = Visitor(production.url)
    assert person.log_in().status == 303
    use_every_grant(person, person.create_client(grant_type=ALL_GRANTS))
    client = person.create_client(grant_type=ALL_GRANTS, access_token_format="jwt")
    assert all(token.startswith("eyJ") for token in use_every_grant(person, client))
    fail_in_every_way(person, client)

    broken = person.create_client(grant_type=ALL_GRANTS)
    break_client(database_uri, broken)
    fields = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    assert person.post("/oauth/token", fields, **broken.basic).status == 500
    assert person.ask(broken, **Pkce().parameters).status == 500
    assert production.log.count("Traceback") == 2
    assert person.log_out().status == 303

    canary.check_test()
    if database_uri.startswith("postgresql"):
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        log = Path(cluster.folder, "log")
        assert canary.find_leaks(canary.read_log(log.name, log.read_bytes())) == []


def test_every_kind_of_secret_is_noted(create_application: Callable[..., Flask]) -> None:
    begun = canary.mark()
    person = Person(create_application().test_client())
    person.log_in()
    client, pkce = person.create_client(), Pkce()
    redirect = person.allow(client, **pkce.parameters)
    fields = {"grant_type": "authorization_code", "code": code_of(redirect), "code_verifier": pkce.verifier}
    person.post("/oauth/token", {**fields, "redirect_uri": REDIRECT_URI}, **client.basic)
    person.post("/oauth/token", {"grant_type": "password", "password": PASSWORD + " of old"}, **client.basic)

    assert canary.kinds_noted_since(begun) >= {
        *("gwac", "gwat", "gwrt", "gwcs", "code_verifier", "password", "Basic credentials"),
        *("transaction", "cookie", "cookie's login", "cookie's csrf_token"),
    }
