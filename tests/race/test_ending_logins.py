"""Ends of logins meet what goes on in them at the same moment: PostgreSQL, whose readers do not wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import Answer, Provider, open_provider


@pytest.fixture
def provider(database_uri: str, tmp_path: Path) -> Iterator[Provider]:
    with open_provider(tmp_path, database_uri) as opened:
        yield opened


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_code_that_is_redeemed_while_its_login_is_being_ended_gives_nothing(provider: Provider) -> None:
    chosen = {"scope": "profile", "redirect_uris": [REDIRECT_URI], "response_types": ["code"]}
    client = provider.create_client("authorization_code", "refresh_token", **chosen)
    person, pkce = Person(provider.application.test_client()), Pkce()
    person.log_in("alice")
    code = code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    answers: list[Answer] = []
    redeem = threading.Thread(target=lambda: answers.append(provider.ask_token(client, "authorization_code", **fields)))
    with provider.server.database.engine.connect() as ending, provider.server.database.engine.connect() as watching:
        ending.execute(text("DELETE FROM oauth2_session"))
        redeem.start()
        while redeem.is_alive() and not _waits(watching):
            redeem.join(0.02)
        ending.commit()
    redeem.join()
    assert answers[0].status == 400, answers[0].body
    assert answers[0].error == "invalid_grant"


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_an_operator_is_dismissed_while_their_login_writes_an_email(provider: Provider) -> None:
    """Both have the account and its subject locked: in one order, or a row of the email's would end in a deadlock."""
    users, ended = provider.server.users, []
    for name in ("ada", "bob"):
        users.set_operator(int(users.create(name).id), True)
    user_id = int(users.find_row("ada").id)
    subject = provider.server.accounts.subjects.subject_for_user(str(user_id))[0]
    dismissal = threading.Thread(target=lambda: ended.append(users.set_operator(user_id, False)))
    mail = provider.server.mail
    with provider.server.database.engine.connect() as watching, provider.server.database.writing() as login:
        login.execute(text("SELECT 1 FROM oauth2_subject WHERE subject = :subject FOR UPDATE"), {"subject": subject})
        dismissal.start()
        while dismissal.is_alive() and not _waits(watching):
            dismissal.join(0.02)
        mail.add(login, "new_device", user_id)
    dismissal.join()
    assert ended == [True]


def _waits(connection: Connection) -> bool:
    """Tell whether somebody waits for a lock, as the server sees it now: a transaction would keep what it saw first."""
    found = connection.execute(
        text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    ).scalar_one()
    connection.rollback()
    return bool(found)
