"""People are told by email what happened to their account: where, when, in which browser, and what to do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text

from tests.support.authenticator import LOGIN_PAGE, set_up
from tests.support.commands import run, run_for_json
from tests.support.embedding_host import Host
from tests.support.mail_server import MailServer, html_of, open_mail_server, plain_of
from tests.support.person import Person
from tests.support.residents import ISSUER, PASSWORD, Resident, add_user, rows
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.mail import QueuedMail
from website.mail.kinds import KINDS

TEMPLATES = Path(__file__).resolve().parents[2] / "website" / "templates" / "mail"


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with open_mail_server(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    settings = {**PRODUCTION, **mail.settings, "OAUTH2_SENDS_NOTICES": False}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


def add_person(node: Provider, name: str, **claims: str) -> Resident:
    user_id = add_user(node, name)
    node.server.users.set_claims(user_id, {"email": f"{name}@people.example", **claims}, {"email_verified": True})
    return Resident(node.application)


#: To an address that nobody has proven, or has no account: says nothing that its sender chose.
WITHOUT_NAME = ("test", "email_verification", "invitation", "sign_up")


def test_every_kind_has_a_template_and_every_template_a_kind() -> None:
    assert {file.stem for file in TEMPLATES.glob("*.jinja")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_written_as_text_and_html(node: Provider, mail: MailServer, kind: str) -> None:
    mail.take()
    name = f"<b>{kind}"
    user_id = int(node.server.users.create(name).id)
    facts = {
        "at": 1_700_000_000,
        "new_address": "<i>@new.example",
        "ip_address": "192.0.2.1",
        "link": "https://id.example/x?token=a&b",
        "expires_at": 1_800_000_000,
    }
    node.server.mail.register_preparation(kind, lambda _message: {})
    node.server.mail.deliver(QueuedMail("m" * 22, kind, user_id, "ada@people.example", None, facts, 1, 1, 2))
    [message] = mail.take()
    assert message["Subject"] == message["Subject"].strip() != ""
    if kind not in WITHOUT_NAME:
        assert name in plain_of(message)
        assert "&lt;b&gt;" in html_of(message)
    assert "<b>" not in html_of(message)
    assert "src=" not in html_of(message)
    assert "url(" not in html_of(message)


def test_a_login_from_a_browser_that_the_account_has_not_used_is_told(node: Provider, mail: MailServer) -> None:
    mail.take()
    person = add_person(node, "yves")
    person.log_in("yves")
    node.server.mail.sender.run_once()
    [message] = mail.take()
    assert message["To"] == "yves@people.example"
    assert "New login" in message["Subject"]
    said = plain_of(message)
    assert person.address in said
    assert "Firefox" in said
    person.log_out()
    person.log_in("yves")
    node.server.mail.sender.run_once()
    assert mail.take() == []


def test_the_browser_of_a_deleted_account_is_a_new_one_of_the_next_account_with_its_name(
    node: Provider, mail: MailServer
) -> None:
    former = add_person(node, "nick")
    former.log_in("nick")
    former.log_out()
    run(node, "users", "delete", "nick", "--yes")
    add_person(node, "nick")
    node.server.mail.sender.run_once()
    mail.take()
    former.log_in("nick")
    node.server.mail.sender.run_once()
    assert ["New login" in message["Subject"] for message in mail.take()] == [True]


def test_a_login_that_sets_up_its_second_factor_is_told(node: Provider, mail: MailServer) -> None:
    person = add_person(node, "olga")
    run(node, "users", "require-factor", "olga")
    person.log_in("olga")
    node.server.mail.sender.run_once()
    assert mail.take() == []  # nobody is logged in yet
    set_up(person, f"{LOGIN_PAGE}/set_up")
    assert person.is_logged_in()
    node.server.mail.sender.run_once()
    told = [str(message["Subject"]) for message in mail.take()]
    assert len(told) == 2
    assert sum("New login" in subject for subject in told) == 1


def test_a_login_whose_notice_can_not_be_written_does_not_begin(node: Provider) -> None:
    person = add_person(node, "otto")
    with node.server.database.engine.begin() as connection:
        refusal = "BEGIN SELECT RAISE(ABORT, 'full'); END"
        connection.execute(text(f"CREATE TRIGGER full BEFORE INSERT ON oauth2_mail_message {refusal}"))
    try:
        with suppress(Exception):
            person.log_in("otto")
    finally:
        with node.server.database.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER full"))
    assert not person.is_logged_in()
    subject, _epoch = node.server.accounts.subjects.subject_for_user(str(node.server.users.find_row("otto").id))
    assert rows(node, "SELECT count(*) FROM oauth2_session WHERE subject = :subject", subject=subject) == [(0,)]


def test_a_changed_password_is_told(node: Provider, mail: MailServer) -> None:
    person = add_person(node, "paul")
    person.log_in("paul")
    node.server.mail.sender.run_once()
    mail.take()
    fresh = "a quiet lake at dawn"
    fields = {"password": PASSWORD, "new_password": fresh, "new_password_again": fresh}
    assert person.submit("/account/password", **fields).status == 303
    run(node, "users", "passwd", "paul", "--password", "another quiet lake")
    node.server.mail.sender.run_once()
    by_person, by_operator = mail.take()
    assert by_person["Subject"] == by_operator["Subject"] == "Your password was changed"
    assert person.address in plain_of(by_person)
    assert "Address:" not in plain_of(by_operator)


def test_the_first_password_is_not_told_as_a_change(node: Provider, mail: MailServer) -> None:
    mail.take()
    created = node.server.users.create("newcomer")
    node.server.users.set_claims(int(created.id), {"email": "newcomer@people.example"}, {"email_verified": True})
    for expected in ("Your account has a password now", "Your password was changed"):
        link = run(node, "users", "reset-link", "newcomer").stdout.splitlines()[1]
        browser, new = Resident(node.application), f"{expected} {PASSWORD}"
        hidden = browser.get(link.removeprefix(ISSUER)).hidden_fields()
        answer = browser.post("/set_password", {**hidden, "new_password": new, "new_password_again": new})
        assert answer.status == 303
        node.server.mail.sender.run_once()
        [message] = mail.take()
        assert message["Subject"] == expected
        assert "newcomer" in plain_of(message)


def test_changed_factors_and_used_recovery_codes_are_told(node: Provider, mail: MailServer) -> None:
    add_person(node, "tina")
    factors, account = node.server.accounts.second_factors, node.server.users.authenticate("tina", PASSWORD)
    secret = bytes(range(20))
    codes = factors.add_totp(account, secret, pyotp.TOTP(base64.b32encode(secret).decode()).now())
    assert factors.use_recovery_code(account, codes[0], "")
    run(node, "users", "reset-factors", "tina", "--yes")
    node.server.mail.sender.run_once()
    told = sorted(str(message["Subject"]) for message in mail.take())
    assert told == ["A recovery code was used", "An authenticator app was added", "Your second factors were removed"]


def test_unsent_mail_is_listed_exported_and_sent_again(node: Provider, mail: MailServer) -> None:
    person = add_person(node, "rita")
    person.log_in("rita")
    mail.to_recipient = "550 no"
    run(node, "worker", "--once")
    [listed] = run_for_json(node, "mail", "list", "--json")
    assert (listed["kind"], listed["address"], listed["problem"]) == ("new_device", "rita@people.example", "550 no")
    assert "550 no" in run(node, "mail", "list").output
    [exported] = run_for_json(node, "users", "export", "rita")["mail_messages"]
    assert exported["kind"] == "new_device"
    mail.to_recipient = "250 OK"
    assert "1 email will be sent" in run(node, "mail", "retry").output
    run(node, "worker", "--once")
    assert len(mail.take()) == 1


def test_a_test_message_says_what_the_server_answers(node: Provider, mail: MailServer) -> None:
    mail.take()
    assert "accepted" in run(node, "mail", "test", "ops@people.example").output
    assert len(mail.take()) == 1
    mail.to_recipient = "554 go away"
    assert "554 go away" in run(node, "mail", "test", "ops@people.example", exit_code=1).output
    mail.to_recipient = "250 OK"
    assert "Not sent" in run(node, "mail", "test", "not an address", exit_code=1).output


def test_without_an_smtp_server_the_commands_say_what_to_set(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        assert "OAUTH2_SMTP_HOST" in run(node, "mail", "list", exit_code=1).output
        assert Resident(node.application).get("/dev/mail").status == 404
        assert Resident(node.application).get("/dev/mail/1700000000-" + "a" * 22).status == 404


def test_the_demo_shows_its_emails_on_a_page(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, OAUTH2_SENDS_NOTICES=False) as node:
        person = Person(node.application.test_client())
        assert "No emails yet" in person.get("/dev/mail").text
        person.log_in("alice")
        node.server.mail.sender.run_once()
        assert "No emails yet" in person.get("/dev/mail").text
        fields = {**person.get("/account/email").hidden_fields(), "email": "alice@people.example"}
        assert person.post("/account/email", fields).status == 303
        node.server.mail.sender.run_once()
        page = person.get("/dev/mail")
        assert "Confirm your email address" in page.text
        assert "Open the link" in page.text
        [(name, _message)] = node.server.mail.demo_folder.list_messages()
        html = person.get(f"/dev/mail/{name}")
        assert "sandbox" in html.headers["Content-Security-Policy"]
        assert "default-src 'none'" in html.headers["Content-Security-Policy"]
        assert person.get("/dev/mail/..%2Fsecret_key").status == 404
        assert "demo sends no emails" in run(node, "mail", "test", "ops@people.example").output


def test_an_application_that_embeds_the_provider_sends_its_own_emails(tmp_path: Path) -> None:
    host = Host(
        f"sqlite:///{tmp_path}/db.sqlite", tmp_path, OAUTH2_SMTP_HOST="127.0.0.1", OAUTH2_MAIL_FROM="a@b.example"
    )
    host.set_up()
    for command in (("mail", "list"), ("users", "email-link", "Ada")):
        result = host.app.test_cli_runner().invoke(args=["grantwright", *command])
        assert result.exit_code == 1
        assert "has its own users" in result.output
    browser = host.app.test_client()
    for page in ("/dev/mail", "/forgot_password", "/account/email", "/verify_email?token=x"):
        assert browser.get(f"/sso{page}").status_code == 404
