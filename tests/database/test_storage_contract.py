"""The storage contract: the same promises on SQLite and on PostgreSQL (X13)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import select, text

from tests.support.commands import run
from tests.support.token_requests import Provider
from tests.support.waiting import ANSWER_SECONDS
from website import clock
from website.database import ReferenceGoneError
from website.grants import AccessToken, RefreshToken
from website.grants.pending_requests import PendingRequest
from website.grants.storage import NewGrant
from website.models.base import FORMER_COLUMNS, Base
from website.models.client import OAuth2Client
from website.models.grant import Grant
from website.oauth2.server import AuthorizationServer
from website.users.usernames import UsernameError

METADATA: dict[str, Any] = {
    "client_name": "Café \N{CAMERA WITH FLASH} 写真",
    "redirect_uris": ["https://client.example/cb"],
    "grant_types": ["password", "refresh_token"],
    "response_types": [],
    "scope": "profile",
    "token_endpoint_auth_method": "client_secret_basic",
    "a_field_that_we_do_not_know": {"deep": [1, None, "\N{GRINNING FACE}"]},
}


@pytest.fixture
def application(create_application: Callable[..., Flask], database_uri: str) -> Flask:
    return create_application(SQLALCHEMY_DATABASE_URI=database_uri)


@pytest.fixture
def server(application: Flask) -> AuthorizationServer:
    return application.extensions["grantwright"]


@pytest.fixture
def granted(server: AuthorizationServer) -> NewGrant:
    client, _secret = server.clients.create(METADATA, None)
    subject, _epoch = server.accounts.subjects.subject_for_user(server.users.find_or_create("alice").id)
    return NewGrant(client=client, subject=subject, grant_type="password", scope="profile")


def write(server: AuthorizationServer, granted: NewGrant) -> str:
    with server.database.write() as writer:
        return server.grants.write(writer, granted, with_refresh_token=True)


def test_the_migrations_make_what_the_models_say(server: AuthorizationServer) -> None:
    with server.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "oauth2_alembic_version"})
        differences = compare_metadata(context, Base.metadata)
    former = {
        (name, column) for name, table in Base.metadata.tables.items() for column in table.info.get(FORMER_COLUMNS, ())
    }
    assert {(kind, table, column.name) for kind, _schema, table, column in differences} == {
        ("remove_column", table, column) for table, column in former
    }


def test_flask_db_migrate_leaves_alone_what_the_former_release_still_names(application: Flask) -> None:
    run(Provider(application), "db", "check")  # fails where a migration would be written


@pytest.mark.parametrize("name", ["Zoë", "\N{GRINNING FACE}", "李四", "a" * 150, "O'Brien; DROP TABLE oauth2_user"])
def test_names_are_kept_whole_and_found_however_they_are_written(server: AuthorizationServer, name: str) -> None:
    made = server.users.create(name)
    assert server.users.find(made.id).username == name
    assert server.users.find_by_name(name.upper()).id == made.id
    assert server.users.find_by_name(f"  {name.lower()} ").id == made.id


@pytest.mark.parametrize(
    ("one", "other"), [("Alice", "ALICE"), ("ﬁne", "fine"), ("e\u0301", "é"), ("Straße", "STRASSE")]
)
def test_names_that_read_alike_are_one_account(server: AuthorizationServer, one: str, other: str) -> None:
    server.users.create(one)
    with pytest.raises(UsernameError):
        server.users.create(other)


def test_ids_are_never_given_again(server: AuthorizationServer) -> None:
    last = server.users.create("last")
    with server.database.writing() as session:
        session.execute(text("DELETE FROM oauth2_user"))
    assert int(server.users.create("next").id) > int(last.id)


def test_client_metadata_comes_back_as_it_went(server: AuthorizationServer) -> None:
    client, _secret = server.clients.create(METADATA, None)
    with server.database.reading() as session:
        assert session.get_one(OAuth2Client, client.id).client_metadata == METADATA
    server.clients.update(client.id, {**METADATA, "client_name": "Other"})
    assert server.clients.find(client.client_id).client_name == "Other"


@pytest.mark.parametrize("method", ["client_secret_jwt", "client_secret_basic", "none"])
@pytest.mark.parametrize("decided", [True, False, None])
def test_a_client_is_the_same_however_it_is_read(
    server: AuthorizationServer, method: str, decided: bool | None
) -> None:
    origins = None if decided is None else ["https://other.example"]
    columns = {"pkce_required": decided, "ends_with_login": decided, "extra_origins": origins}
    metadata = {**METADATA, "token_endpoint_auth_method": method}
    client, _secret = server.clients.create(metadata, None, is_first_party=bool(decided), **columns)
    if method != "none":
        server.clients.rotate_secret(client.id, 3600)
    [listed] = server.clients.list_all(10)  # by the model; one alone is read by a prepared statement
    assert repr(server.clients.find_any(client.client_id)) == repr(server.clients.find_row(client.id)) == repr(listed)


def test_a_client_id_may_be_as_long_as_an_address(server: AuthorizationServer) -> None:
    client, _secret = server.clients.create(METADATA, None)
    long = "https://client.example/" + "x" * 2025
    with server.database.writing() as session:
        session.get_one(OAuth2Client, client.id).client_id = long
    server.cache_invalidation.forget()
    assert server.clients.find(long).id == client.id
    assert server.clients.find(long + "x") is None
    assert server.clients.find(long.upper()) is None


def test_deleting_a_client_takes_its_grants_along(server: AuthorizationServer, granted: NewGrant) -> None:
    write(server, granted)
    server.clients.delete(granted.client.id)
    with server.database.reading() as session:
        assert session.scalars(select(Grant)).all() == []
    with pytest.raises(ReferenceGoneError):
        write(server, granted)


def test_a_refresh_token_is_taken_once_and_reuse_ends_the_grant(server: AuthorizationServer, granted: NewGrant) -> None:
    grant = write(server, granted)
    assert server.grants.rotate(RefreshToken(grant, 0), replace(granted.client, id="another client")) is None
    assert server.grants.rotate(RefreshToken(grant, 0), granted.client).generation == 1
    assert server.grants.rotate(RefreshToken(grant, 0), granted.client).generation == 1
    assert server.grants.rotate(RefreshToken(grant, 1), granted.client).generation == 2
    assert server.grants.find_refreshable_scope(RefreshToken(grant, 2), granted.client).scope == granted.scope
    assert server.grants.rotate(RefreshToken(grant, 0), granted.client) is None
    assert server.grants.find_refreshable_scope(RefreshToken(grant, 2), granted.client) is None
    assert server.grants.rotate(RefreshToken(grant, 2), granted.client) is None


def test_a_refresh_token_of_the_future_is_refused_without_harm(server: AuthorizationServer, granted: NewGrant) -> None:
    grant = write(server, granted)
    assert server.grants.rotate(RefreshToken(grant, 7), granted.client) is None
    assert server.grants.rotate(RefreshToken(grant, 0), granted.client) is not None


def test_grants_end_idle_and_at_last(server: AuthorizationServer, granted: NewGrant) -> None:
    settings = server.settings
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        idle, used = write(server, granted), write(server, granted)
        generation, step = 0, settings.refresh_token_idle_seconds - 1
        for _month in range(settings.refresh_token_seconds // step):
            traveller.shift(step)
            assert server.grants.rotate(RefreshToken(used, generation), granted.client) is not None
            generation += 1
        assert server.grants.rotate(RefreshToken(idle, 0), granted.client) is None
        traveller.shift(settings.refresh_token_seconds % step + 1)
        assert server.grants.rotate(RefreshToken(used, generation), granted.client) is None


def test_a_token_is_revoked_by_its_id_twice_alike(server: AuthorizationServer, granted: NewGrant) -> None:
    client, states = granted.client, server.grants.token_states
    token = AccessToken("jti", client.id, write(server, granted), granted.subject, "", (), 0, 4_000_000_000, 0, 0)
    assert states.find(token, client)
    for _time in range(2):
        server.grants.revoke_access_token(token)
    assert not states.find(token, client)
    assert states.find(token._replace(jti="other"), client)
    assert not states.find(token._replace(jti="other", grant="gone"), client)
    assert not states.find(token._replace(jti="other", subject_epoch=1), client)


def test_a_decision_is_taken_once_by_the_login_that_was_asked(server: AuthorizationServer) -> None:
    pairs = [("state", "\N{GRINNING FACE}"), ("scope", "profile"), ("resource", "a"), ("resource", "b")]
    requests = server.grants.pending_requests
    transaction = requests.store(PendingRequest(pairs), "session", "browser")
    assert requests.find(transaction, "session", "browser").pairs == pairs
    assert requests.find(transaction, "other", "browser") is None
    assert requests.find(transaction, "session", "another") is None
    assert not requests.claim(transaction, "other")
    assert requests.claim(transaction, "session")
    assert not requests.claim(transaction, "session")
    assert requests.find(transaction, "session", "browser") is None
    assert requests.is_kept(transaction)
    assert not requests.is_kept("never made")


def test_a_request_belongs_to_the_browser_that_it_began_in(
    server: AuthorizationServer,
) -> None:
    requests, pairs = server.grants.pending_requests, [("scope", "profile")]
    begun = requests.store(PendingRequest(pairs, former_login=""), None, "browser")
    assert requests.open(begun, "another") is None
    opened = requests.open(begun, "browser")
    assert opened is not None
    assert (opened.former_login, opened.pairs) == ("", pairs)
    assert abs(opened.asked_at - clock.now()) < 60
    posted = requests.store(PendingRequest(pairs), None)
    assert requests.open(posted, "first") is not None
    assert requests.open(posted, "second") is None
    assert requests.open(posted, "first") is not None
    # What a node of the former release wrote names no browser: a decision on it is still this login's alone.
    shown = requests.store(PendingRequest(pairs), "session")
    assert requests.open(shown, "browser") is None
    assert requests.find(shown, "session", "browser") is not None


def test_a_login_ends_by_hand_idle_and_at_last(server: AuthorizationServer) -> None:
    user = server.users.find_or_create("alice")
    settings = server.settings
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        first, second = (server.sessions.begin(user, "::1", "Browser") for _ in range(2))
        assert server.sessions.find(first).user_id == user.id
        server.sessions.end(first)
        assert server.sessions.find(first) is None
        step = settings.session_idle_seconds - 1
        for _day in range(settings.session_seconds // step):
            traveller.shift(step)
            assert server.sessions.find(second) is not None
        traveller.shift(step)
        assert server.sessions.find(second) is None
        third = server.sessions.begin(user, None, None)
        traveller.shift(settings.session_idle_seconds)
        assert server.sessions.find(third) is None


def test_a_consent_grows_and_expires(server: AuthorizationServer, granted: NewGrant) -> None:
    who = granted.subject, granted.client.id
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        server.grants.consents.remember(*who, "profile")
        assert server.grants.consents.find_covering(*who, "profile photos") is None
        consent = server.grants.consents.remember(*who, "photos")
        assert server.grants.consents.find_covering(*who, "photos profile") == consent
        traveller.shift(server.settings.consent_seconds)
        assert server.grants.consents.find_covering(*who, "profile") is None
        server.grants.consents.remember(*who, "photos")
        assert server.grants.consents.find_covering(*who, "profile") is None


def test_revoking_an_app_ends_its_grants_and_no_others(server: AuthorizationServer, granted: NewGrant) -> None:
    other, _secret = server.clients.create(METADATA, None)
    mine, others = write(server, granted), write(server, NewGrant(other, granted.subject, "password", "profile"))
    server.grants.consents.remember(granted.subject, granted.client.id, "profile")
    assert {app.client for app in server.grants.consents.list_connected_apps(granted.subject)} == {
        granted.client.id,
        other.id,
    }
    server.grants.consents.revoke(granted.subject, granted.client.id)
    assert [app.client for app in server.grants.consents.list_connected_apps(granted.subject)] == [other.id]
    assert server.grants.find_refreshable_scope(RefreshToken(mine, 0), granted.client) is None
    assert server.grants.find_refreshable_scope(RefreshToken(others, 0), other).scope == "profile"


def test_a_reader_is_not_held_up_by_a_writer_and_sees_nothing_unfinished(
    server: AuthorizationServer, granted: NewGrant
) -> None:
    written, read = threading.Event(), threading.Event()

    def begin_and_wait() -> None:
        with server.database.write() as writer:
            server.grants.write(writer, granted, with_refresh_token=True, grant_id="unfinished")
            written.set()
            assert read.wait(ANSWER_SECONDS)

    thread = threading.Thread(target=begin_and_wait)
    thread.start()
    assert written.wait(ANSWER_SECONDS)
    assert server.grants.find_refreshable_scope(RefreshToken("unfinished", 0), granted.client) is None
    read.set()
    thread.join()
    assert server.grants.find_refreshable_scope(RefreshToken("unfinished", 0), granted.client)


def test_what_fails_leaves_nothing_behind(server: AuthorizationServer, granted: NewGrant) -> None:
    with pytest.raises(ZeroDivisionError), server.database.write() as writer:
        server.grants.write(writer, granted, with_refresh_token=True, grant_id="undone")
        _ = 1 / 0
    assert server.grants.find_refreshable_scope(RefreshToken("undone", 0), granted.client) is None
    with pytest.raises(ZeroDivisionError), server.database.writing() as session:
        session.execute(text("DELETE FROM oauth2_client"))
        _ = 1 / 0
    assert server.clients.find_by_id(granted.client.id) is not None


def test_every_change_of_a_client_is_counted(server: AuthorizationServer) -> None:
    client, _secret = server.clients.create(METADATA, None)
    counters = []
    for change in (
        lambda: server.clients.update(client.id, METADATA),
        lambda: server.clients.rotate_secret(client.id, 0),
        lambda: server.clients.set_may_introspect(client.id, True),
        lambda: server.clients.delete(client.id),
    ):
        change()
        with server.database.reading() as session:
            counters.append(session.scalar(text("SELECT counter FROM oauth2_change WHERE kind = 'clients'")))
    assert counters == [1, 2, 3, 4]  # a new one is in no cache


def test_clients_from_before_the_origins_were_kept_get_theirs_by_the_migration(
    application: Flask, server: AuthorizationServer
) -> None:
    uris = [
        "https://Client.example:443/cb", "https://client.example/other", "https://client.example:8443/cb",
        "http://127.0.0.1:8000/cb", "http://[::1]/cb", "http://localhost:80/cb", "com.example.app:/cb",
    ]  # fmt: skip
    for number in range(3):
        server.clients.create({**METADATA, "redirect_uris": uris[number:]}, None)
    server.clients.create({name: value for name, value in METADATA.items() if name != "redirect_uris"}, None)
    before = read_origins(server)
    assert len({origin for origin, _client in before}) == 5
    run(Provider(application), "db", "downgrade", "0002")
    run(Provider(application), "db", "upgrade")
    assert read_origins(server) == before


def test_clients_that_came_by_an_initial_access_token_are_marked_by_the_migration(
    application: Flask, server: AuthorizationServer
) -> None:
    """A client registered itself if it has a registration access token: before or after the migration."""
    by_token, _secret = server.clients.create(METADATA, None, registration_token_hash="0" * 64)
    made_here, _secret = server.clients.create(METADATA, None)
    with application.app_context():
        before = {client.id: client.is_self_registered for client in server.clients.list_all(10)}
    run(Provider(application), "db", "downgrade", "0008")
    run(Provider(application), "db", "upgrade")
    read = {client.id: client.is_self_registered for client in server.clients.list_all(10)}
    assert before == read == {by_token.id: True, made_here.id: False}
    with server.database.reading() as session:
        marked = session.scalars(text("SELECT id FROM oauth2_client WHERE is_self_registered")).all()
    assert marked == [by_token.id]


def test_a_node_of_the_former_release_makes_and_deletes_clients_on_these_tables(server: AuthorizationServer) -> None:
    made, _secret = server.clients.create(METADATA, None)
    columns = (
        "client_name, client_metadata, owner_subject, is_first_party, pkce_required, access_token_format, token_epoch,"
        " created_at, disabled_at"
    )
    with server.database.writing() as session:
        session.execute(
            text(f"INSERT INTO oauth2_client (id, client_id, {columns})"
                 f" SELECT 'former', 'former', {columns} FROM oauth2_client")
        )  # fmt: skip
        session.execute(text("DELETE FROM oauth2_client WHERE id = :id"), {"id": made.id})
    assert server.clients.find("former").may_introspect is False
    assert read_origins(server) == []
    server.clients.update("former", METADATA)
    assert read_origins(server) == [("https://client.example", "former")]


def read_origins(server: AuthorizationServer) -> list[tuple[str, str]]:
    with server.database.reading() as session:
        found = session.execute(text("SELECT origin, client FROM oauth2_client_origin"))
        return sorted((row[0], row[1]) for row in found)
