"""A forgotten password is replaced by a link in an email: once, within an hour, never telling who has an account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import time_machine

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run
from tests.support.mail_server import MailServer, link_of, open_mail_server, plain_of
from tests.support.residents import Resident, add_user, open_nodes, rows
from tests.support.token_requests import PRODUCTION, Provider, open_provider

NEW_PASSWORD = "a new staple for the battery"
ADDRESS_TRIES = 60
PAGE = "/forgot_password"


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with open_mail_server(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mail: MailServer
) -> Iterator[list[Provider]]:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ADDRESS": ADDRESS_TRIES, "OAUTH2_SENDS_NOTICES": False, **mail.settings}
    limits["OAUTH2_LOGIN_TRIES_PER_ACCOUNT"] = 3
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **limits) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider], mail: MailServer) -> Provider:
    nodes[0].server.mail.sender.run_once()  # what the last test left
    mail.take()
    return nodes[0]


def add_person(node: Provider, name: str, verified: bool = True) -> Resident:
    user_id = add_user(node, name)
    node.server.users.set_claims(user_id, {"email": f"{name}@people.example"}, {"email_verified": verified})
    return Resident(node.application, agent="")


def ask(node: Provider, typed: str, address: str = "203.0.113.77") -> str:
    browser = Resident(node.application, address)
    answer = browser.submit(PAGE, username=typed)
    assert answer.status == 303, answer.text
    return str(answer.headers["Location"])


def receive(node: Provider, mail: MailServer) -> str:
    """Send what waits; return path and query of the link in the one email."""
    node.server.mail.sender.run_once()
    [message] = mail.take()
    parts = urlsplit(link_of(message))
    assert f"{parts.scheme}://{parts.netloc}" == node.server.settings.issuer
    return f"{parts.path}?{parts.query}"


def set_password(browser: Resident, link: str, new: str = NEW_PASSWORD) -> int:
    page = browser.get(link)
    fields = {**page.hidden_fields(), "new_password": new, "new_password_again": new}
    return browser.post("/set_password", fields).status


def test_the_login_page_leads_to_it_and_the_link_sets_a_password_once(node: Provider, mail: MailServer) -> None:
    person = add_person(node, "anna")
    person.log_in("anna")
    node.server.mail.sender.run_once()
    mail.take()
    assert f'href="{PAGE}"' in Resident(node.application).get("/").text
    ask(node, "anna@people.example")
    link = receive(node, mail)
    elsewhere = Resident(node.application)
    assert elsewhere.get(link).headers["Referrer-Policy"] == "strict-origin"
    assert elsewhere.get(link).status == 200  # looking, as mail scanners do, uses nothing up
    assert set_password(elsewhere, link) == 303
    assert not person.is_logged_in()
    assert elsewhere.get(link).status == 410
    assert Resident(node.application).log_in("anna", password=NEW_PASSWORD).status == 303
    node.server.mail.sender.run_once()
    assert "Your password was changed" in [str(message["Subject"]) for message in mail.take()]
    assert latest_event(node, "password_recovery_requested").outcome == "success"
    assert latest_event(node, "password_link_created").actor == "mail"  # neither a person nor a command


def test_no_row_holds_the_links_token(node: Provider, mail: MailServer) -> None:
    add_person(node, "beth")
    ask(node, "beth")
    assert "token" not in str(rows(node, "SELECT facts FROM oauth2_mail_message"))
    token = receive(node, mail).partition("token=")[2]
    assert token not in node.read_everything()


@pytest.mark.parametrize("typed", ["nobody", "nobody@people.example", "carl", "carl@people.example"])
def test_without_a_verified_address_nothing_is_sent_and_the_answer_is_the_same(
    node: Provider, mail: MailServer, typed: str
) -> None:
    if not node.server.users.find_row("carl"):
        add_person(node, "carl", verified=False)
    other = f"dora{len(typed)}{typed[0]}"
    add_person(node, other)
    assert ask(node, typed) == ask(node, other)
    node.server.mail.sender.run_once()
    assert [str(message["To"]) for message in mail.take()] == [f"{other}@people.example"]


def test_answers_are_equal_byte_for_byte(node: Provider, mail: MailServer) -> None:
    add_person(node, "emma")
    answers = []
    for name in ("emma", "egon"):
        browser = Resident(node.application, "198.51.100.9")
        answer = browser.post(PAGE, {**browser.get(PAGE).hidden_fields(), "username": name})
        shown = browser.get(answer.headers["Location"])
        page = shown.text
        for token in shown.hidden_fields().values():  # each browser's own, of one length
            page = page.replace(token, len(token) * "x") if token else page
        answers.append((answer.status, answer.headers["Location"], answer.text, shown.status, page))
    assert answers[0] == answers[1]


def test_the_account_gets_few_emails_and_the_requester_is_not_told(node: Provider, mail: MailServer) -> None:
    add_person(node, "fred")
    with time_machine.travel(time.time(), tick=False):  # a slow machine would be past a wait
        for number in range(9):
            ask(node, "fred", f"192.0.2.{number}")
    node.server.mail.sender.run_once()
    to_fred = [message for message in mail.take() if message["To"] == "fred@people.example"]
    assert 1 <= len(to_fred) < 9
    assert latest_event(node, "password_recovery_requested").outcome == "refused"


@pytest.mark.usefixtures("stopped_clock")
def test_one_network_asks_only_so_often(node: Provider) -> None:
    statuses = []
    for number in range(ADDRESS_TRIES + 2):
        browser = Resident(node.application, "192.0.2.200")
        statuses.append(browser.submit(PAGE, username=f"name{number}").status)
        if statuses[-1] == 429:
            break
    assert statuses[-1] == 429


def test_a_link_ends_with_its_hour_with_the_address_and_with_the_next_password(
    node: Provider, mail: MailServer
) -> None:
    add_person(node, "gina")
    ask(node, "gina")
    first = receive(node, mail)
    with time_machine.travel(time.time() + 3700, tick=True):
        assert Resident(node.application).get(first).status == 410
    ask(node, "gina")
    second = receive(node, mail)
    user_id = node.server.users.find_row("gina").id
    node.server.users.set_claims(user_id, {"email": "gina@new.example"}, {"email_verified": True})
    assert Resident(node.application).get(second).status == 410
    node.server.mail.sender.run_once()
    [told] = mail.take()
    assert told["To"] == "gina@people.example"
    assert "no longer the email address" in plain_of(told)
    ask(node, "gina")
    third = receive(node, mail)
    node.server.users.set_password(user_id, "yet another password")
    assert Resident(node.application).get(third).status == 410


def test_a_link_ends_when_its_address_is_no_longer_verified(node: Provider, mail: MailServer) -> None:
    add_person(node, "lena")
    ask(node, "lena")
    link = receive(node, mail)
    ask(node, "lena")  # the email that waits ends with it
    run(node, "users", "set", "lena", "--no-email-verified")
    node.server.mail.sender.run_once()
    assert mail.take() == []  # the address is still theirs, and was told nothing
    assert Resident(node.application).get(link).status == 410


@pytest.mark.parametrize(
    ("former", "new", "is_same"),
    [
        ("strauss@p.example", "strau\u00df@p.example", False),
        ("ma\uff11@p.example", "ma1@p.example", False),
        ("Mia@people.example", "mia@people.example", False),
        ("noa@people.example", "noa@PEOPLE.example", True),
        ("ole@b\u00fccher.example", "ole@xn--bcher-kva.example", True),
    ],
)
def test_an_address_of_another_mailbox_with_the_same_key_is_another_address(
    node: Provider, mail: MailServer, former: str, new: str, is_same: bool
) -> None:
    """Which local parts are one mailbox, only its mail server knows."""
    name = f"owner of {former}"
    user_id = add_user(node, name)
    node.server.users.set_claims(user_id, {"email": former}, {"email_verified": True})
    token = node.server.accounts.password_links.create(user_id)
    node.server.users.set_claims(user_id, {"email": new}, {"email_verified": True})
    assert (node.server.accounts.password_links.find(token) is not None) == is_same
    node.server.mail.sender.run_once()
    assert [message["To"] for message in mail.take()] == ([] if is_same else [former])


def test_a_link_that_is_used_while_its_address_is_unverified_ends_and_neither_waits_for_the_other(
    nodes: list[Provider],
) -> None:
    user_id = add_user(nodes[0], "pia")
    for number in range(12):
        address = {"email": f"pia{number}@people.example"}
        nodes[0].server.users.set_claims(user_id, address, {"email_verified": True})
        links = nodes[0].server.accounts.password_links
        token = links.create(user_id)

        def act(index: int, token: str = token) -> None:
            server = nodes[index].server
            if index:
                server.users.set_claims(user_id, {}, {"email_verified": False})
            else:
                server.accounts.password_links.use(token, NEW_PASSWORD)

        at_once(2, act)
        assert links.find(token) is None


def test_a_request_before_the_address_changed_sends_nothing_to_the_former_one(node: Provider, mail: MailServer) -> None:
    add_person(node, "hugo")
    ask(node, "hugo")
    user_id = node.server.users.find_row("hugo").id
    node.server.users.set_claims(user_id, {"email": "hugo@new.example"}, {"email_verified": True})
    node.server.mail.sender.run_once()
    told = [(message["To"], message["Subject"]) for message in mail.take()]
    assert told == [("hugo@people.example", "Your email address was changed")]


def test_a_stranger_who_asks_ends_no_link_that_the_operator_handed_over(node: Provider, mail: MailServer) -> None:
    add_person(node, "iris")
    token = node.server.accounts.password_links.create(node.server.users.find_row("iris").id)
    ask(node, "iris")
    receive(node, mail)
    assert Resident(node.application).get(f"/set_password?token={token}").status == 200


def test_two_nodes_use_a_link_once(nodes: list[Provider], node: Provider, mail: MailServer) -> None:
    assert node is nodes[0]
    add_person(nodes[0], "jane")
    ask(nodes[0], "jane")
    link = receive(nodes[0], mail)
    browsers = [Resident(node.application) for node in nodes]
    statuses = at_once(2, lambda index: set_password(browsers[index], link))
    assert sorted(statuses) == [303, 410]


def test_where_no_email_can_be_sent_there_is_no_such_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plain")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION) as node:
        browser = Resident(node.application)
        assert browser.get(PAGE).status == 404
        assert "Forgot" not in browser.get("/").text
    folder = tmp_path_factory.mktemp("demo")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite") as node:
        assert node.get(PAGE).status == 404
