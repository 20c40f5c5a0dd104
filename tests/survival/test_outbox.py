"""A worker killed while it sends: whoever logged out is told of to every client, by the next worker (X10)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jwcrypto import jwt
from sqlalchemy import text

from tests.support.listening_client import open_listening_client
from tests.support.live_server import REPOSITORY, server_environment
from tests.support.mail_server import open_mail_server
from tests.support.openid_client import OpenIDClient
from tests.support.token_requests import PRODUCTION, open_provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.outbox.turns import MAX_UNPROVED

LOGINS = 9


@contextmanager
def start_worker(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "flask", "--app", "app", "worker"]
    with log.open("ab") as written:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def sid_of(token: str) -> str:
    return str(json.loads(jwt.JWT(jwt=token).token.objects["payload"])["sid"])


def test_what_a_killed_worker_had_not_sent_the_next_one_sends(database_uri: str, tmp_path: Path) -> None:
    shared = {"OAUTH2_OUTBOUND_LOOPBACK": True, "OAUTH2_SENDS_NOTICES": False}
    environment = server_environment(
        {
            "SQLALCHEMY_DATABASE_URI": database_uri,
            "OAUTH2_INSTANCE_PATH": str(tmp_path),
            "OAUTH2_OUTBOUND_LOOPBACK": "1",
        }
    )
    log = tmp_path / "worker.log"
    with open_listening_client() as listener, open_provider(tmp_path, database_uri, **shared) as provider:
        listener.wait_seconds = 0.2
        site = OpenIDClient.create(provider, backchannel_logout_uri=listener.url)
        ended = set()
        for number in range(LOGINS):
            site.person.log_in(f"user {number}")
            ended.add(site.judge(site.get_tokens()["id_token"])["sid"])
            site.person.log_out()
        with start_worker(environment, log) as first:
            listener.wait_for(3)
            first.kill()
            first.wait()
        heard = len(listener.heard)
        assert heard < LOGINS
        with provider.server.database.engine.begin() as connection:  # the dead worker's claims run out
            connection.execute(text("UPDATE oauth2_client_session SET next_try_at = 0 WHERE next_try_at IS NOT NULL"))
        with start_worker(environment, log) as second:
            listener.wait_for(LOGINS)
            wait_until(lambda: provider.server.sessions.logout_queue.find_next() is None)
            second.send_signal(signal.SIGTERM)
            assert second.wait(ANSWER_SECONDS) == 0
        assert provider.server.sessions.logout_queue.find_next() is None
        assert {sid_of(token) for token in listener.tokens} == ended
        # At least once: what was under way at the kill may have come twice, and no more than that.
        assert len(listener.heard) <= LOGINS + 1


#: Emails wait for their turn as notices of a logout do, which are sent from both databases.
@pytest.mark.parametrize("database_uri", ["postgresql", pytest.param("sqlite", marks=pytest.mark.soak)], indirect=True)
def test_what_a_killed_worker_had_not_mailed_the_next_one_mails(database_uri: str, tmp_path: Path) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        mail.wait_seconds = 0.2
        shared = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
        shared |= {**PRODUCTION, **mail.settings}
        environment = server_environment({name: _as_text(value) for name, value in shared.items()})
        with open_provider(tmp_path, database_uri, **{**shared, "OAUTH2_SENDS_NOTICES": False}) as provider:
            addresses = {f"user{number}@people.example" for number in range(LOGINS)}
            for address in addresses:
                with provider.server.database.writing() as session:
                    provider.server.mail.add(session, "test", None, address=address)
            log = tmp_path / "worker.log"
            with start_worker(environment, log) as first:
                mail.wait_for(3)
                first.kill()
                first.wait()
            assert len(mail.messages) < LOGINS
            with provider.server.database.engine.begin() as connection:  # the dead worker's claims run out
                connection.execute(text("UPDATE oauth2_mail_message SET next_try_at = 0"))
            with start_worker(environment, log) as second:
                wait_until(lambda: provider.server.mail.messages.find_next() is None)
                second.send_signal(signal.SIGTERM)
                assert second.wait(ANSWER_SECONDS) == 0
            assert {str(message["To"]) for message in mail.messages} == addresses
            # What was under way at the kill may have come twice, with the same Message-ID, and never more often.
            times = Counter(str(message["Message-ID"]) for message in mail.messages)
            assert len(times) == LOGINS
            assert max(times.values()) <= 2
            assert sum(times.values()) <= LOGINS + MAX_UNPROVED


def _as_text(value: object) -> str:
    return {True: "1", False: "0"}.get(value, str(value)) if isinstance(value, bool) else str(value)
