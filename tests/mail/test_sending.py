"""Emails leave by a real SMTP server, over TLS, once, whatever it answers; a failing one delays nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.commands import run
from tests.support.mail_server import FROM, MailServer, html_of, open_mail_server, plain_of
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from tests.support.waiting import wait_until
from website.mail.kinds import KINDS
from website.mail.mail_queue import PARKED_SECONDS, QueuedMail
from website.mail.message_headers import Content, Envelope
from website.outbox import UndeliverableError
from website.outbox.sender import MAX_TRIES

HOUR = 3600


@contextmanager
def open_node(folder: Path, uri: str, mail: MailServer, **settings: Any) -> Iterator[Provider]:
    given = {**PRODUCTION, **mail.settings, "OAUTH2_SENDS_NOTICES": False, **settings}
    with open_provider(folder, uri, **given) as opened:
        yield opened


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with open_mail_server(tmp_path / "mail") as opened:
        yield opened


@pytest.fixture
def node(tmp_path: Path, database_uri: str, mail: MailServer) -> Iterator[Provider]:
    with open_node(tmp_path, database_uri, mail) as opened:
        yield opened


def create_account(node: Provider, name: str = "alice", verified: bool = True, **claims: str) -> int:
    values = {"email": f"{name}@people.example", **claims}
    account = node.server.users.create(name, None, values, {"email_verified": verified})
    return int(account.id)


def add(node: Provider, user_id: int | None, kind: str = "test", **facts: Any) -> None:
    with node.server.database.writing() as session:
        node.server.mail.add(session, kind, user_id, **facts)


def send(node: Provider) -> None:
    node.server.mail.sender.run_once()


def unsent(node: Provider) -> list[Any]:
    return list(node.server.mail.messages.list_unsent(1000))


def make_due(node: Provider) -> None:
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_mail_message SET next_try_at = 0 WHERE next_try_at IS NOT NULL"))


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_an_email_leaves_over_tls_and_with_a_login(tmp_path: Path, sqlite_uri: str, security: str) -> None:
    with (
        open_mail_server(tmp_path / "mail", security, authenticates=True) as mail,
        open_node(tmp_path, sqlite_uri, mail) as node,
    ):
        add(node, create_account(node))
        send(node)
        [message] = mail.messages
        assert mail.logins == ["grantwright"]
        assert (message["From"], message["To"]) == (FROM, "alice@people.example")
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@example.org>")
        assert "This is a test" in plain_of(message)
        assert "This is a test" in html_of(message)
        assert unsent(node) == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_without_a_certificate_that_we_trust_gets_no_email(
    tmp_path: Path, sqlite_uri: str, security: str
) -> None:
    with (
        open_mail_server(tmp_path / "mail", security) as mail,
        open_node(tmp_path, sqlite_uri, mail, OAUTH2_OUTBOUND_CA="") as node,
    ):
        add(node, create_account(node))
        send(node)
        [waiting] = unsent(node)
        assert mail.messages == []
        assert "certificate" in waiting.problem.lower()


def test_a_server_that_offers_no_starttls_gets_no_email(tmp_path: Path, sqlite_uri: str, mail: MailServer) -> None:
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_SMTP_SECURITY="starttls") as node:
        add(node, create_account(node))
        send(node)
        assert mail.messages == []
        assert "STARTTLS" in unsent(node)[0].problem


def test_a_refusal_for_now_is_tried_again_later_and_then_leaves_once(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node))
    mail.to_recipient = "450 4.2.1 greylisted"
    send(node)
    [waiting] = unsent(node)
    assert waiting.next_try_at > time.time()
    assert waiting.tries == 1
    assert waiting.problem == "450 4.2.1 greylisted"
    send(node)
    assert unsent(node)[0].tries == 1  # not yet
    mail.to_recipient = "250 OK"
    make_due(node)
    send(node)
    assert len(mail.messages) == 1
    assert unsent(node) == []


@pytest.mark.parametrize("at", ["to_recipient", "to_message"])
def test_a_refusal_for_good_is_parked_and_shown_until_it_is_sent_again(
    node: Provider, mail: MailServer, at: str
) -> None:
    add(node, create_account(node))
    setattr(mail, at, "550 5.1.1 no such person")
    send(node)
    make_due(node)
    send(node)
    [parked] = unsent(node)
    assert parked.next_try_at is None
    assert parked.tries == 1
    assert parked.problem == "550 5.1.1 no such person"
    assert parked.expires_at == pytest.approx(time.time() + PARKED_SECONDS, abs=60)
    setattr(mail, at, "250 OK")
    node.server.mail.retry()
    send(node)
    assert len(mail.messages) == 1
    assert unsent(node) == []


def test_a_server_that_hangs_up_before_it_answers_gets_the_message_again_with_the_same_id(
    node: Provider, mail: MailServer
) -> None:
    add(node, create_account(node))
    mail.to_message = ""
    send(node)
    assert len(unsent(node)) == 1
    mail.to_message = "250 OK"
    make_due(node)
    send(node)
    first, second = mail.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert unsent(node) == []


def test_after_the_last_try_a_message_is_parked(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node))
    mail.to_message = "451 later"
    for _try in range(MAX_TRIES + 1):
        make_due(node)
        send(node)
    [parked] = unsent(node)
    assert (parked.tries, parked.next_try_at) == (MAX_TRIES, None)


def test_two_senders_send_each_message_once(tmp_path: Path, database_uri: str, mail: MailServer) -> None:
    with open_node(tmp_path, database_uri, mail) as first, open_node(tmp_path, database_uri, mail) as second:
        for number in range(20):
            add(first, create_account(first, f"user{number % 7}{number}"))
        threads = [threading.Thread(target=send, args=(node,)) for node in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        receivers = [str(message["To"]) for message in mail.messages]
        assert len(receivers) == len(set(receivers)) == 20


def test_a_server_that_hangs_is_left_in_time_and_the_claim_outlasts_it(
    tmp_path: Path, sqlite_uri: str, mail: MailServer
) -> None:
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_SMTP_SECONDS=1) as node:
        add(node, create_account(node))
        mail.hangs.set()
        send(node)
        [waiting] = unsent(node)
        assert mail.held == 1
        assert waiting.tries == 1


def test_a_hanging_mail_server_holds_back_no_request(tmp_path: Path, sqlite_uri: str, mail: MailServer) -> None:
    mail.hangs.set()
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_SENDS_NOTICES=True, OAUTH2_SMTP_SECONDS=60) as node:
        add_user(node)
        person = Resident(node.application)
        person.log_in()
        add(node, create_account(node, "bob"))
        person.log_out()
        wait_until(lambda: mail.held == 1)
        person.log_in()  # while it hangs
        assert mail.messages == []
        mail.hangs.clear()
        mail.wait_for(1)


def test_without_a_worker_a_servers_own_process_sends_after_a_form(
    tmp_path: Path, sqlite_uri: str, mail: MailServer
) -> None:
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_SENDS_NOTICES=True) as node:
        add_user(node)
        add(node, create_account(node, "bob"))
        Resident(node.application).log_in()
        [message] = mail.wait_for(1)
        assert message["To"] == "bob@people.example"


def test_the_worker_sends_emails_too(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node))
    run(node, "worker", "--once")
    assert len(mail.messages) == 1


def test_only_a_verified_address_of_an_enabled_account_gets_mail(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node, "unverified", verified=False))
    disabled = create_account(node, "disabled")
    node.server.users.disable(disabled)
    add(node, disabled)
    assert unsent(node) == []


def test_a_deleted_account_gets_no_mail(node: Provider, mail: MailServer) -> None:
    user_id = create_account(node)
    add(node, user_id)
    node.server.users.delete(user_id)
    assert unsent(node) == []


def test_a_message_that_waited_for_too_long_is_dropped(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node))
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_mail_message SET expires_at = 1"))
    send(node)
    assert mail.messages == []
    assert unsent(node) == []


def test_no_value_can_add_a_header(node: Provider, mail: MailServer) -> None:
    add(node, None, address="eve@people.example\r\nBcc: all@people.example")
    add(node, None, address="eve@people.example\nX: y\n\nbody")
    add(node, None, address="mal formed")
    send(node)
    assert mail.messages == []
    assert [row.next_try_at for row in unsent(node)] == [None] * 3


def test_no_encoded_word_can_add_a_header(node: Provider, mail: MailServer) -> None:
    word = "=?utf-8?q?x=40thief.example=0aSubject=3A_Your_bank=0a=0a=3Cb=3E?="
    add_user(node)
    person = Resident(node.application)
    person.log_in()
    for address in (
        f"{word}@thief.example",
        "x@=?utf-8?q?evil.com?=",
        "x@-a.example",
        "x@127.0.0.1",
        "x@a\u3002b",
        ".x@a.b",
        "x@stra\u00dfe.example",
    ):
        assert person.submit("/account/email", email=address).status == 422
    for address in (
        f"{word}@thief.example",
        "x@=?utf-8?q?evil.com?=",
        "=?utf-8?q?a=2Cb?=@thief.example",
        "x@stra\u00dfe.example",
    ):
        add(node, None, address=address)  # of a former release
    node.server.mail.sender.run_once()
    assert mail.messages == []
    assert [row.next_try_at for row in unsent(node)] == [None] * 4
    subject = Content("Hello =?utf-8?q?a=0aBcc=3A_b=40thief.example?=", "text", "<p>html</p>")
    message = QueuedMail("id", "test", None, "eve@people.example", None, {}, 0, 1, 0)
    with pytest.raises(UndeliverableError):
        Envelope(node.server.settings).write(message, subject)


def test_an_address_with_an_international_domain_gets_its_mail(node: Provider, mail: MailServer) -> None:
    add(node, create_account(node, email="ada@bücher.example"))
    send(node)
    [message] = mail.messages
    assert message["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_an_address_beyond_ascii_gets_its_mail_by_a_server_that_takes_it(
    tmp_path: Path, sqlite_uri: str, security: str
) -> None:
    """Without a login: what a server can do is asked for by none but us, and again after STARTTLS."""
    with (
        open_mail_server(tmp_path / "mail", security) as mail,
        open_node(tmp_path, sqlite_uri, mail) as node,
    ):
        add(node, create_account(node, email="jörg@people.example"))
        send(node)
        assert [message["To"] for message in mail.messages] == ["jörg@people.example"]
        assert unsent(node) == []


def test_a_server_that_takes_no_address_beyond_ascii_parks_the_mail(tmp_path: Path, sqlite_uri: str) -> None:
    with (
        open_mail_server(tmp_path / "mail", takes_all_addresses=False) as mail,
        open_node(tmp_path, sqlite_uri, mail) as node,
    ):
        add(node, create_account(node, email="jörg@people.example"))
        send(node)
        [parked] = unsent(node)
        assert (parked.next_try_at, mail.messages) == (None, [])
        assert "beyond ASCII" in parked.problem


def test_mail_off_writes_nothing(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        add(node, create_account(node))
        assert unsent(node) == []


def test_a_worker_with_nothing_to_send_says_so(tmp_path: Path, sqlite_uri: str) -> None:
    without_notices = {"OAUTH2_SPECS": {"oidc_back_channel_logout": False}}
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, **without_notices) as node:
        assert "turned off" in run(node, "worker", "--once", exit_code=1).output


def test_an_unknown_kind_is_an_error(node: Provider) -> None:
    with pytest.raises(ValueError, match="No such kind"):
        add(node, create_account(node), "surprise")
    assert "surprise" not in KINDS


def test_the_demo_keeps_its_emails_in_files(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, OAUTH2_SENDS_NOTICES=False) as node:
        node.create_user("Alice B")
        add(node, int(node.server.users.find_row("alice b").id), "password_changed")
        send(node)
        [(_name, message)] = node.server.mail.demo_folder.list_messages()
        assert "Alice B" in plain_of(message)
        assert unsent(node) == []
