"""The canary search itself: a whole life of secrets leaves none in clear, and the search can fail (P1)."""

from __future__ import annotations

import secrets as random_texts
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy.engine import make_url

from tests.support import canary
from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.waiting import ANSWER_SECONDS


def live_a_whole_life(server: LiveServer) -> list[str]:
    """Use every grant, right and wrong; return secrets that passed."""
    person, pkce = Person(server.url), Pkce()
    person.log_in("alice")
    client = person.create_client(grant_type="authorization_code\nrefresh_token\npassword\nclient_credentials")
    code = code_of(person.allow(client, state="the-state", **pkce.parameters))

    def ask(path: str = "/oauth/token", **fields: str) -> dict[str, Any]:
        answer = requests.post(f"{server.url}{path}", data=fields, headers=client.basic, timeout=ANSWER_SECONDS)
        assert answer.status_code < 500
        return dict(answer.json())

    redeem = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    token = ask(grant_type="authorization_code", **redeem)
    ask(grant_type="refresh_token", refresh_token=token["refresh_token"])
    ask(grant_type="refresh_token", refresh_token=token["refresh_token"])
    ask(grant_type="authorization_code", **redeem)
    by_password = ask(grant_type="password", username="alice", password="valid")
    ask(grant_type="password", username="alice", password="my-own-secret-password")
    own = ask(grant_type="client_credentials")
    ask("/oauth/introspect", token=by_password["access_token"])
    ask("/oauth/introspect", token=by_password["refresh_token"], token_type_hint="nonsense")
    ask("/oauth/revoke", token=own["access_token"])
    for value in (by_password["access_token"], "gwat_forged-forged-forged-forged-forged"):
        requests.get(f"{server.url}/api/me", headers={"Authorization": f"Bearer {value}"}, timeout=ANSWER_SECONDS)
    requests.get(f"{server.url}/oauth/authorize?code={code}&client_secret={client.secret}", timeout=ANSWER_SECONDS)
    person.log_out()
    return [code, client.secret or "", pkce.verifier, token["access_token"], by_password["refresh_token"]]


@pytest.mark.parametrize("kind", ["flask", "granian"])
def test_no_secret_of_a_whole_life_stands_in_log_or_database(
    live_server: Callable[..., LiveServer], database_uri: str, kind: str, tmp_path: Path
) -> None:
    since = canary.mark()
    server = live_server(kind, {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_LOG_LEVEL": "DEBUG"})
    secrets = live_a_whole_life(server)
    assert len(server.log.splitlines()) > 15
    noted = {value for value, _kind in canary._in_order[since:]}
    assert set(secrets) <= noted, "the search would not know what to look for"
    canary.check(since, database_uri=database_uri, log=server.log_path, instance=tmp_path)


def test_the_search_finds_what_is_there(
    live_server: Callable[..., LiveServer], sqlite_uri: str, tmp_path: Path
) -> None:
    since = canary.mark()
    server = live_server("flask")
    code, secret, verifier, access_token, _refresh_token = live_a_whole_life(server)
    server.end()
    log = tmp_path / "planted.log"
    log.write_text(f"harmless\nGET /cb?code={code} and again {verifier}\n")
    with pytest.raises(AssertionError, match=r"planted\.log, line 2"):
        canary.check(since, log=log)
    path = make_url(sqlite_uri).database
    assert path
    for planted in (secret, access_token):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE scratch (note TEXT)")
            connection.execute("INSERT INTO scratch VALUES (?)", (f"see {planted}",))
            connection.commit()
        with pytest.raises(AssertionError, match=r"scratch\.note"):
            canary.check(since, database_uri=sqlite_uri)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("DROP TABLE scratch")
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
    canary.check(since, database_uri=sqlite_uri)


def test_among_many_a_secret_is_found_wherever_it_stands_in_a_long_word() -> None:
    since = canary.mark()
    values = [random_texts.token_urlsafe(21) for _ in range(canary.FEW + 1)]
    for value in values:
        canary.note("made up", value)
    for length in range(canary.WINDOW + canary.STEP):
        for word in ("a" * length + values[7], values[7] + "a" * length, f"{'a' * length}{values[7]}bc"):
            assert canary.find_leaks([canary.Place("text", f"see {word}!".encode())], since) == ["made up in text"]
            missing = word.replace(values[7], values[7][:-1] + "~")
            assert canary.find_leaks([canary.Place("text", missing.encode())], since) == []


def test_a_prefix_within_a_longer_word_is_no_secret_of_ours() -> None:
    secret = b"gwrt_" + b"a1B2c3D4e5" * 4
    assert canary.find_leaks([canary.Place("column", b"see " + secret)], canary.mark()) == ["gwrt in column"]
    assert canary.find_leaks([canary.Place("modulus", b"0vx7" + secret)], canary.mark()) == []
    assert canary.find_leaks([canary.Place("file", b"\x00" + secret, is_raw=True)], canary.mark()) == []
