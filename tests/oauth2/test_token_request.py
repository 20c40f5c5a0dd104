"""The order of a token request: what refuses it before anything is taken costs nothing; afterwards nothing refuses."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2.rfc6749 import grants
from flask import Flask
from sqlalchemy import event

from tests.support.embedding_host import PASSWORD, Host, Visitor, open_hosts
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, RegisteredClient, code_of
from tests.support.token_requests import Provider
from tests.support.waiting import wait_until
from website.database import connection
from website.oauth2.requests import OAuth2Request
from website.oauth2.token_grant import Authorized, TokenGrant
from website.settings import SettingsError

ALL_GRANTS = ("authorization_code", "refresh_token", "password")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create:
        yield create(tells_claims=True)


class Tokens:
    """A person, a client of theirs, and what it sends to the token endpoint."""

    def __init__(self, person: Person, username: str = "alice", password: str = "valid") -> None:
        self.person = person
        self.client = person.create_client(
            grant_type=ALL_GRANTS, scope="openid profile", token_endpoint_auth_method="client_secret_basic"
        )
        self._credentials = {"username": username, "password": password}

    def fields_of(self, grant_type: str) -> dict[str, str]:
        """Return a valid request of a grant, made ready by a flow of its own."""
        if grant_type == "password":
            return {"grant_type": grant_type, "scope": "openid profile", **self._credentials}
        pkce = Pkce()
        allowed = self.person.allow(self.client, scope="openid profile", **pkce.parameters)
        by_code = {
            "grant_type": "authorization_code",
            "code": code_of(allowed),
            "redirect_uri": REDIRECT_URI,
            "code_verifier": pkce.verifier,
        }
        if grant_type == "authorization_code":
            return by_code
        answer = self.send(by_code)
        assert answer.status == 200, answer.text
        return {"grant_type": grant_type, "refresh_token": json.loads(answer.text)["refresh_token"]}

    def send(self, fields: dict[str, str], **headers: str) -> Answer:
        return self.person.post("/oauth/token", fields, **(headers or self.client.basic))


@pytest.fixture
def tokens(create_application: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> Tokens:
    monkeypatch.setattr(connection, "SQLITE_BUSY_SECONDS", 1)
    application = create_application(OAUTH2_SCOPES={"profile": "See your name", "openid": "Know you"})
    person = Person(application.test_client())
    person.log_in()
    return Tokens(person)


@pytest.mark.parametrize("grant_type", ALL_GRANTS)
def test_what_refuses_a_request_before_it_is_taken_leaves_code_and_refresh_token_usable(
    tokens: Tokens, grant_type: str, tmp_path: Path
) -> None:
    fields = tokens.fields_of(grant_type)
    wrong_secret = RegisteredClient(tokens.client.client_id, "wrong")

    assert tokens.send({**fields, "grant_type": "unknown"}).status == 400
    assert tokens.send(fields, **wrong_secret.basic).status == 401
    assert tokens.send({**fields, "client_secret": "a second method"}).status == 400
    assert tokens.person.post("/oauth/token?a=b", fields, **tokens.client.basic).status == 400
    with closing(sqlite3.connect(tmp_path / "db.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert tokens.send(fields).status == 503
        holder.execute("ROLLBACK")
    assert tokens.send(fields).status == 200


@pytest.mark.parametrize(
    "wrong", [{"code_verifier": Pkce().verifier}, {"redirect_uri": "https://client.example/other"}]
)
def test_what_only_the_code_itself_can_refuse_burns_it(tokens: Tokens, wrong: dict[str, str]) -> None:
    fields = tokens.fields_of("authorization_code")

    assert tokens.send({**fields, **wrong}).status == 400
    assert tokens.send(fields).status == 400


@pytest.mark.parametrize("grant_type", ALL_GRANTS)
def test_external_users_that_fail_at_any_one_question_cost_a_client_nothing(host: Host, grant_type: str) -> None:
    visitor = Visitor(host.app.test_client())
    visitor.log_in()
    tokens = Tokens(visitor.below(), "Ada", PASSWORD)
    failures = 0
    for number in range(1, 6):
        fields = tokens.fields_of(grant_type)
        host.finds, host.fails_at = 0, number
        answer = tokens.send(fields)
        host.fails_at = 0
        failures += answer.status == 503
        if answer.status != 200:
            assert answer.status == 503
            assert tokens.send(fields).status == 200
    assert failures, "no question was asked"
    assert "refresh_token_reused" not in host.command("events", "--json")
    assert "authorization_code_replayed" not in host.command("events", "--json")


@pytest.mark.parametrize("grant_type", ALL_GRANTS)
def test_external_users_are_asked_before_anything_is_taken(host: Host, grant_type: str) -> None:
    visitor = Visitor(host.app.test_client())
    visitor.log_in()
    tokens = Tokens(visitor.below(), "Ada", PASSWORD)
    fields = tokens.fields_of(grant_type)
    statements = trace(host.provider.pages)

    assert tokens.send(fields).status == 200
    after = after_last_commit(statements, "oauth2_grant")
    assert not [text for text in after if "member" in text]


@pytest.mark.parametrize("grant_type", ALL_GRANTS)
def test_after_the_commit_nothing_is_read_or_written(create_application: Callable[..., Flask], grant_type: str) -> None:
    application = create_application(OAUTH2_SCOPES={"profile": "See your name", "openid": "Know you"})
    person = Person(application.test_client())
    person.log_in()
    tokens = Tokens(person)
    fields = tokens.fields_of(grant_type)
    application.extensions["grantwright"].cache_invalidation.forget()  # as after a change of a client or key elsewhere
    statements = trace(application)

    answer = tokens.send(fields)
    assert "id_token" in json.loads(answer.text)
    assert after_last_commit(statements, "oauth2_grant") == []


def test_a_take_that_waits_long_reads_nothing_afterwards(
    create_application: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.database.cache_invalidation.CHECK_SECONDS", 0.0)  # as if each step took a second
    test_after_the_commit_nothing_is_read_or_written(create_application, "authorization_code")


def test_an_access_token_by_an_algorithm_that_was_retired_is_signed_by_the_usual_one(
    create_application: Callable[..., Flask],
) -> None:
    application = create_application(OAUTH2_SIGNING_ALGORITHMS=["RS256", "ES256"])
    policy = {"access_token_format": "jwt", "access_token_alg": "ES256"}
    client = Provider(application).create_client(policy=policy)
    after = Provider(create_application(initdb=False, OAUTH2_SIGNING_ALGORITHMS=["RS256"]))
    token = after.get_token(client)["access_token"]
    assert json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))["alg"] == "RS256"
    assert after.post("/oauth/introspect", {"token": token}, client).status == 200


def trace(application: Flask) -> list[str]:
    """Return a list that every statement on new connections to the provider's database is added to."""
    statements: list[str] = []
    engine = application.extensions["grantwright"].database.engine
    # SQLAlchemy takes no listener while the thread connects that looks for what a form gave rise to.
    for sender in application.extensions["grantwright"].outbox_senders():
        wait_until(lambda sender=sender: sender._thread is None or not sender._thread.is_alive())
    engine.dispose()
    event.listen(engine, "connect", lambda driver, _record: driver.set_trace_callback(statements.append))
    return statements


def after_last_commit(statements: list[str], table: str) -> list[str]:
    """Return the statements after the commit of the last transaction, or statement of its own, that wrote a table."""
    last = max(
        number
        for number, text in enumerate(statements)
        if table in text and text.lstrip().upper().startswith(("INSERT", "UPDATE"))
    )
    before = [text for text in statements[:last] if text.startswith(("BEGIN", "COMMIT"))]
    is_in_transaction = before != [] and before[-1] != "COMMIT"
    commit = statements.index("COMMIT", last) if is_in_transaction else last
    return statements[commit + 1 :]


# --- grants of one's own


class AuthlibGrant(grants.ClientCredentialsGrant):
    """A grant as Authlib's documentation shows it."""

    GRANT_TYPE = "urn:example:own"

    def validate_token_request(self) -> None:
        """Authenticate nobody."""


class OwnGrant(TokenGrant[str]):
    """A grant of the shape that is asked for, which thinks of nothing else."""

    GRANT_TYPE = "urn:example:own"

    def read(self, request: OAuth2Request) -> str:
        return "profile"

    def take(self, request: OAuth2Request, credential: str) -> Authorized:
        return Authorized(credential)


@pytest.mark.parametrize("grant", [AuthlibGrant, AuthlibGrant(None, None), OwnGrant])
def test_a_grant_of_another_shape_is_refused_with_the_page_that_says_how_to_convert_it(
    create_application: Callable[..., Flask], grant: Any
) -> None:
    server = create_application(initdb=False).extensions["grantwright"]
    with pytest.raises(SettingsError, match=r"OwnGrant is not an instance|docs/how-to/add-a-specification\.md"):
        server.registry.add_grant(grant)
    assert "urn:example:own" not in server.registry.grant_types


def test_two_grants_of_one_type_are_refused(create_application: Callable[..., Flask]) -> None:
    server = create_application(initdb=False).extensions["grantwright"]
    server.registry.add_grant(OwnGrant())

    class OtherGrant(OwnGrant):
        """The same once more."""

    with pytest.raises(SettingsError, match="urn:example:own"):
        server.registry.add_grant(OtherGrant())


def test_a_grant_that_thinks_of_no_client_gives_tokens_to_registered_ones_alone(
    create_application: Callable[..., Flask],
) -> None:
    application = create_application()
    server = application.extensions["grantwright"]
    server.registry.add_grant(OwnGrant())
    metadata = {"client_name": "c", "scope": "profile", "token_endpoint_auth_method": "client_secret_basic"}
    allowed, secret = server.clients.create({**metadata, "grant_types": [OwnGrant.GRANT_TYPE]}, None)
    other, other_secret = server.clients.create({**metadata, "grant_types": ["client_credentials"]}, None)
    fields = {"grant_type": OwnGrant.GRANT_TYPE}
    person = Person(application.test_client())

    assert person.post("/oauth/token", fields).status == 401
    assert (
        "unauthorized_client"
        in person.post("/oauth/token", fields, **RegisteredClient(other.client_id, other_secret).basic).text
    )
    answer = person.post("/oauth/token", fields, **RegisteredClient(allowed.client_id, secret).basic)
    assert "gwat_" in answer.text
