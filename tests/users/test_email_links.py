"""An address is verified by a link sent to it; nothing changes before, and the former address is told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import time_machine

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.mail_server import MailServer, link_of, open_mail_server, plain_of
from tests.support.residents import Resident, add_user, logged_in, open_nodes
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.users.login_throttle import RECEIVER_MAX_WAIT_SECONDS, RECEIVER_TRIES

PAGE = "/account/email"


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with open_mail_server(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mail: MailServer
) -> Iterator[list[Provider]]:
    settings = {"OAUTH2_SENDS_NOTICES": False, "OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 3, **mail.settings}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **settings) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider], mail: MailServer) -> Provider:
    nodes[0].server.mail.sender.run_once()  # what the last test left
    mail.take()
    return nodes[0]


def add_person(node: Provider, mail: MailServer, name: str) -> Resident:
    add_user(node, name)
    person = logged_in(node, name)
    node.server.mail.sender.run_once()
    mail.take()
    return person


def receive(node: Provider, mail: MailServer, receiver: str) -> str:
    node.server.mail.sender.run_once()
    [message] = [message for message in mail.take() if message["To"] == receiver]
    parts = urlsplit(link_of(message))
    assert f"{parts.scheme}://{parts.netloc}" == node.server.settings.issuer
    return f"{parts.path}?{parts.query}"


def confirm(browser: Resident, link: str) -> int:
    return browser.post("/verify_email", browser.get(link).hidden_fields()).status


def email_of(node: Provider, name: str) -> tuple[str | None, bool]:
    row = node.server.users.find_row(name)
    return row.email, bool(row.email_verified)


def test_a_link_verifies_an_address_once_and_without_a_login(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "anna")
    assert person.submit(PAGE, email="anna@people.example").status == 303
    link = receive(node, mail, "anna@people.example")
    assert email_of(node, "anna") == (None, False)
    phone = Resident(node.application)
    page = phone.get(link)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert "anna@people.example" in page.text
    assert email_of(node, "anna") == (None, False)  # a mail scanner looks too
    assert confirm(phone, link) == 303
    assert email_of(node, "anna") == ("anna@people.example", True)
    assert phone.get(link).status == 410
    assert person.is_logged_in()
    assert Resident(node.application).log_in("anna@people.example").status == 303


def test_an_email_to_an_address_that_nobody_has_proven_says_nothing_that_its_sender_chose(
    node: Provider, mail: MailServer
) -> None:
    person = add_person(node, mail, "Prize https://evil.example/win")
    person.submit(PAGE, email="anybody@people.example")
    node.server.mail.sender.run_once()
    [message] = mail.take()
    assert "evil.example" not in message.as_string()
    assert "evil.example" not in plain_of(message)
    assert latest_event(node, "email_link_created").actor == "mail"
    assert person.get(urlsplit(link_of(message))._replace(scheme="", netloc="").geturl()).text.count("evil.example")


def test_a_change_tells_the_former_address_and_changes_nothing_before(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "beth")
    person.submit(PAGE, email="beth@old.example")
    confirm(person, receive(node, mail, "beth@old.example"))
    person.submit(PAGE, email="beth@new.example")
    link = receive(node, mail, "beth@new.example")
    assert email_of(node, "beth") == ("beth@old.example", True)
    assert confirm(person, link) == 303
    assert email_of(node, "beth") == ("beth@new.example", True)
    node.server.mail.sender.run_once()
    [told] = mail.take()
    assert told["To"] == "beth@old.example"
    assert "no longer the email address" in plain_of(told)
    assert "beth@new.example" not in plain_of(told)


def test_only_the_latest_link_works_and_for_an_hour(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "carl")
    person.submit(PAGE, email="carl@one.example")
    first = receive(node, mail, "carl@one.example")
    person.submit(PAGE, email="carl@two.example")
    second = receive(node, mail, "carl@two.example")
    assert person.get(first).status == 410
    with time_machine.travel(time.time() + 3700, tick=True):
        assert person.get(second).status == 410
    assert person.get(second).status == 200


def test_nobody_verifies_another_accounts_name_or_address(node: Provider, mail: MailServer) -> None:
    add_user(node, "boss@people.example")
    person = add_person(node, mail, "dora")
    person.submit(PAGE, email="boss@people.example")
    link = receive(node, mail, "boss@people.example")
    assert confirm(person, link) == 422
    assert email_of(node, "dora") == (None, False)
    other = add_user(node, "egon")
    node.server.users.set_claims(other, {"email": "egon@people.example"}, {"email_verified": True})
    person.submit(PAGE, email="egon@people.example")
    assert confirm(person, receive(node, mail, "egon@people.example")) == 422
    assert email_of(node, "egon") == ("egon@people.example", True)


def test_two_nodes_use_a_link_once(nodes: list[Provider], node: Provider, mail: MailServer) -> None:
    assert node is nodes[0]
    person = add_person(nodes[0], mail, "fred")
    person.submit(PAGE, email="fred@people.example")
    link = receive(nodes[0], mail, "fred@people.example")
    browsers = [Resident(node.application) for node in nodes]
    statuses = at_once(2, lambda index: confirm(browsers[index], link))
    assert sorted(statuses) == [303, 410]


def test_no_link_outlives_a_logout_everywhere_or_a_new_password(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "ivan")
    person.submit(PAGE, email="thief@evil.example")
    link = receive(node, mail, "thief@evil.example")
    person.submit("/account/sessions/sign_out_everywhere")
    assert person.get(link).status == 410
    person.log_in("ivan")
    person.submit(PAGE, email="thief@evil.example")
    person.submit("/account/sessions/sign_out_everywhere")  # before the email has left
    person.log_in("ivan")
    person.submit(PAGE, email="thief@evil.example")
    claimed = node.server.mail.messages.claim("thief@evil.example")
    node.server.users.set_password(int(node.server.users.find_row("ivan").id), "another staple for a horse")
    node.server.mail.deliver(claimed)  # which was about to leave
    node.server.mail.sender.run_once()
    assert [message for message in mail.take() if message["To"] == "thief@evil.example"] == []


def test_no_link_outlives_the_login_that_had_it_sent(node: Provider, mail: MailServer) -> None:
    owner, links = add_person(node, mail, "olga"), []
    for path in (r'"(/account/sessions/[\w-]+/end)"', r'"(/account/sessions/end_others)"'):
        logged_in(node, "olga").submit(PAGE, email="thief@evil.example")
        links.append(receive(node, mail, "thief@evil.example"))
        page = owner.get("/account/sessions")
        assert owner.post(re.findall(path, page.text)[-1], page.hidden_fields()).status == 303
    logged_in(node, "olga").submit(PAGE, email="thief@evil.example")
    links.append(receive(node, mail, "thief@evil.example"))
    user_id = int(node.server.users.find_row("olga").id)
    node.server.accounts.second_factors.set_required(user_id, True)
    assert [Resident(node.application).get(link).status for link in links] == [410, 410, 410]


def test_an_email_with_a_link_is_not_retried_after_its_hour(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "judy")
    mail.to_recipient = "550 5.1.1 not now"
    person.submit(PAGE, email="judy@people.example")
    node.server.mail.sender.run_once()
    mail.to_recipient = "250 OK"
    with time_machine.travel(time.time() + 3700, tick=True):
        node.server.mail.retry()
        node.server.mail.sender.run_once()
    assert mail.take() == []


@pytest.mark.usefixtures("stopped_clock")
def test_many_emails_have_to_wait(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "gina")
    statuses = [person.submit(PAGE, email=f"gina{number}@people.example").status for number in range(9)]
    assert statuses[0] == 303
    assert 429 in statuses


def test_an_address_gets_few_emails_whoever_asks_for_them(node: Provider, mail: MailServer) -> None:
    links, victim = node.server.accounts.email_links, "victim@people.example"
    with time_machine.travel(time.time(), tick=False) as clock:
        person = add_person(node, mail, "kurt")
        owner = add_user(node, "lena")
        node.server.users.set_claims(owner, {"email": victim}, {"email_verified": True})
        for number in range(RECEIVER_TRIES):
            links.send(add_user(node, f"bot{number}"), victim)
        answer = person.submit(PAGE, email=victim.upper())
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert "Too many emails. Wait 1 second" in answer.text
        node.server.mail.sender.run_once()
        assert len(mail.take()) == RECEIVER_TRIES
        # Whoever has these emails sent can't keep the owner from a new password.
        assert Resident(node.application).submit("/forgot_password", username="lena").status == 303
        assert "/set_password?" in receive(node, mail, victim)
        clock.shift(RECEIVER_MAX_WAIT_SECONDS)
        assert person.submit(PAGE, email=victim).status == 303


def test_link_of_another_account_than_this_browsers_confirms_nothing(node: Provider, mail: MailServer) -> None:
    thief, owner = add_person(node, mail, "mara"), add_person(node, mail, "nils")
    thief.submit(PAGE, email="nils@people.example")
    link = receive(node, mail, "nils@people.example")
    page = owner.get(link)
    assert page.status == 403
    assert "nils</strong>. The link confirms an address for the account <strong>mara</strong>" in page.text
    fields = {**owner.get("/account/password").hidden_fields(), "token": link.partition("token=")[2]}
    assert owner.post("/verify_email", fields).status == 403
    assert email_of(node, "mara") == (None, False)
    owner.log_out()
    assert confirm(owner, link) == 303  # by somebody who means it


def test_a_login_of_a_while_ago_is_asked_for_again(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "hugo")
    with time_machine.travel(time.time() + 3600, tick=True):
        assert person.get(PAGE).status == 303
        assert person.post(PAGE, {"email": "thief@evil.example"}).status in (303, 400)
    node.server.mail.sender.run_once()
    assert mail.take() == []


def test_the_account_form_changes_no_address(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "iris")
    person.post("/account", {**person.get("/account").hidden_fields(), "email": "iris@people.example"})
    assert email_of(node, "iris") == (None, False)


def test_a_text_that_is_no_address_is_refused(node: Provider, mail: MailServer) -> None:
    person = add_person(node, mail, "jane")
    for text in ("nonsense", "a@b\r\nBcc: c@d", "", "x" * 300 + "@example.org"):
        assert person.submit(PAGE, email=text).status == 422, text
    node.server.mail.sender.run_once()
    assert mail.take() == []


def test_without_mail_an_operator_hands_a_link_over(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plain")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION) as node:
        add_user(node, "alice")
        assert "no email address" in run(node, "users", "email-link", "alice", exit_code=1).output
        made = run_for_json(node, "users", "email-link", "alice", "--email", "alice@people.example", "--json")
        parts = urlsplit(made["link"])
        person = Resident(node.application)
        assert confirm(person, f"{parts.path}?{parts.query}") == 303
        assert email_of(node, "alice") == ("alice@people.example", True)
        assert logged_in(node, "alice").get(PAGE).status == 404
