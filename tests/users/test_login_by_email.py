"""Logging in by a verified email address: one name space with user names, and a count of wrong passwords for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import create_engine, text

from tests.support.at_once import at_once
from tests.support.commands import run
from tests.support.live_server import run_command, server_environment
from tests.support.residents import PASSWORD, Resident, add_client, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from website.domains import encoded_form, is_read_in_two_ways
from website.mail.message_headers import address_of
from website.standard_claims import ClaimsError
from website.users.usernames import UsernameError

WRONG = "wrong " + PASSWORD
TRIES = 3
ADDRESS = "alice@example.org"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": TRIES}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **limits) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with alice and bob; alice has an address that was verified."""
    for name in ("alice", "bob"):
        add_user(nodes[0], name)
    run(nodes[0], "users", "set", "alice", "--email", "Alice@Example.org", "--email-verified")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_login_throttle"):
            connection.execute(text(f"DELETE FROM {table}"))


def log_in(node: Provider, username: str, password: str = PASSWORD, address: str = "203.0.113.77") -> int:
    return Resident(node.application, address).log_in(username, password=password).status


def set_claims(node: Provider, username: str, **values: str) -> None:
    user = node.server.users.find_row(username)
    node.server.users.set_claims(user.id, values, {"email_verified": True} if "email" in values else None)


# Which address logs in


@pytest.mark.parametrize("typed", ["alice@example.org", "ALICE@EXAMPLE.ORG", " alice@example.org "])
def test_a_verified_address_logs_in(node: Provider, typed: str) -> None:
    browser = Resident(node.application)
    assert browser.log_in(typed).status == 303
    assert ">alice<" in browser.get("/account").text


def test_both_forms_of_a_domain_are_one_address(node: Provider) -> None:
    """An address with ``xn--`` is read by mail servers as the one with other letters."""
    set_claims(node, "bob", email="bob@xn--bcher-kva.example")
    assert {log_in(node, typed) for typed in ("bob@b\u00fccher.example", "Bob@XN--BCHER-KVA.example")} == {303}
    with pytest.raises(ClaimsError):
        set_claims(node, "alice", email="bob@b\u00fccher.example")
    with node.server.database.engine.begin() as connection:  # as a former release has stored it
        connection.execute(
            text("UPDATE oauth2_user SET email_key = 'bob@xn--bcher-kva.example' WHERE username_key = 'bob'")
        )
    assert log_in(node, "bob@xn--bcher-kva.example") == 303


@pytest.mark.parametrize("domain", ["stra\u00dfe.example", "STRA\u1e9eE.example", "ko\u03c3mo\u03c2.example"])
def test_a_domain_that_is_read_in_two_ways_is_refused_and_gets_no_mail(node: Provider, domain: str) -> None:
    """Python's IDNA, and older servers, send mail for straße to strasse, which is somebody else's."""
    assert (is_read_in_two_ways(domain), encoded_form("stra\u00dfe.de")) == (True, "xn--strae-oqa.de")
    with pytest.raises(ClaimsError, match=f"Write it as {encoded_form(domain)}"):
        set_claims(node, "bob", email=f"bob@{domain}")
    set_claims(node, "bob", email=f"bob@{encoded_form(domain)}")
    assert log_in(node, f"bob@{encoded_form(domain)}") == 303
    with node.server.database.engine.begin() as connection:  # as a former release has stored it
        connection.execute(
            text("UPDATE oauth2_user SET email = :email WHERE username_key = 'bob'"), {"email": f"bob@{domain}"}
        )
    assert f"bob@{domain} of bob gets no email" in run(node, "check-config").output
    with pytest.raises(ValueError, match="not an email address"):
        address_of(f"bob@{domain}")


def test_what_is_verified_is_the_address_that_gets_the_mail(node: Provider) -> None:
    set_claims(node, "bob", email="Bob@\u24d2orp.B\u00dccher.example")
    assert node.server.users.find_row("bob").email == "Bob@corp.b\u00fccher.example"
    set_claims(node, "bob", email="Bob@Corp.example")  # plain letters stay as they were typed
    assert node.server.users.find_row("bob").email == "Bob@Corp.example"


def test_a_verified_address_may_be_longer_than_any_user_name(node: Provider) -> None:
    address = f"{'b' * 64}@{'x' * 60}.{'y' * 60}.{'z' * 60}.org"
    set_claims(node, "bob", email=address)
    assert log_in(node, address) == 303


@pytest.mark.parametrize("typed", ["bob@example.org", "BOB@example.org", "Bob@Example.org"])
def test_an_address_that_was_not_verified_does_not(node: Provider, typed: str) -> None:
    run(node, "users", "set", "bob", "--email", "bob@example.org")
    assert log_in(node, typed) == 422
    assert log_in(node, "bob") == 303


def test_an_address_that_its_owner_changed_no_longer_logs_in(node: Provider) -> None:
    browser = Resident(node.application)
    assert browser.log_in().status == 303
    assert browser.submit("/account", email="other@example.org").status == 303
    assert [log_in(node, typed) for typed in (ADDRESS, "other@example.org", "alice")] == [422, 422, 303]
    node.server.users.create(ADDRESS)  # and is free for somebody else


def test_a_former_address_that_became_unverified_or_empty_is_free(node: Provider) -> None:
    run(node, "users", "set", "alice", "--no-email-verified")
    set_claims(node, "bob", email="bob@example.org")
    run(node, "users", "set", "bob", "--email", "")
    for name in (ADDRESS, "bob@example.org"):
        assert log_in(node, name) == 422
        node.server.users.create(name)


def test_the_password_grant_takes_a_verified_address(node: Provider) -> None:
    client = add_client(node)
    answers = [node.ask_token(client, "password", username=name, password=PASSWORD) for name in (ADDRESS, "alice")]
    assert [answer.status for answer in answers] == [200, 200]
    subjects = {node.introspect(client, answer.json["access_token"])["sub"] for answer in answers}
    assert len(subjects) == 1


# One name space


@pytest.mark.parametrize("name", ["alice@example.org", "ALICE@example.ORG", "ａlice@example.org"])
def test_nobody_gets_a_name_that_is_the_address_of_another(node: Provider, name: str) -> None:
    with pytest.raises(UsernameError):
        node.server.users.create(name)
    assert run(node, "users", "create", name, "--password", PASSWORD, exit_code=1).output.startswith("Error: ")


@pytest.mark.parametrize("address", ["carol@example.org", "Carol@Example.ORG"])
def test_no_address_is_verified_that_is_the_name_of_another(node: Provider, address: str) -> None:
    node.server.users.create("carol@example.org")
    with pytest.raises(ClaimsError):
        set_claims(node, "bob", email=address)
    run(node, "users", "set", "bob", "--email", address)  # said of oneself, it opens nothing
    output = run(node, "users", "set", "bob", "--email-verified", exit_code=1).output
    assert "username" in output
    assert node.server.users.find_row("bob").email_verified is False


def test_a_name_may_be_the_address_of_the_same_account(node: Provider) -> None:
    add_user(node, "dora@example.org")
    set_claims(node, "dora@example.org", email="Dora@example.org")
    assert log_in(node, "dora@example.org") == 303
    set_claims(node, "dora@example.org", email="")
    assert log_in(node, "dora@example.org") == 303
    with pytest.raises(UsernameError):
        node.server.users.create("dora@example.org")


def test_a_name_and_an_address_taken_at_once_are_one_persons(node: Provider) -> None:
    """Half of the threads make an account of that name, half give it to bob as his address."""

    def take(index: int) -> str:
        try:
            if index % 2:
                node.server.users.create("eve@example.org")
                return "name"
            set_claims(node, "bob", email="eve@example.org")
            return "address"
        except (UsernameError, ClaimsError):
            return ""

    outcomes = at_once(8, take)
    assert len(set(outcomes) - {""}) == 1, outcomes
    assert rows(node, "SELECT count(*) FROM oauth2_login_name WHERE login_key = 'eve@example.org'") == [(1,)]


def test_where_name_and_address_were_the_same_before_the_name_wins(node: Provider) -> None:
    """The version before knew no such rule, and may run beside this one during an update."""
    add_user(node, "fay@example.org")
    with node.server.database.engine.begin() as connection:
        wanted = "UPDATE oauth2_user SET email = :it, email_key = :it, email_verified = true WHERE username = 'bob'"
        connection.execute(text(wanted), {"it": "fay@example.org"})
        connection.execute(text("DELETE FROM oauth2_login_name WHERE login_key = 'fay@example.org'"))
    browser = Resident(node.application)
    assert browser.log_in("fay@example.org").status == 303
    assert "fay@example.org</h1>" in browser.get("/account").text
    set_claims(node, "bob", nickname="Bobby")  # what does not touch the address is not refused for it


def test_what_the_version_before_wrote_is_looked_at(node: Provider) -> None:
    """It writes users without rows of login names."""
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_login_name"))
    with pytest.raises(UsernameError):
        node.server.users.create(ADDRESS)
    with pytest.raises(ClaimsError):
        set_claims(node, "bob", email="alice@example.org")
    assert log_in(node, ADDRESS) == 303


# A count of wrong passwords for each name


@pytest.fixture
def clock() -> Iterator[None]:
    """A clock that stands still: a wait of a second does not end while the test is looking."""
    with time_machine.travel(1_800_000_000, tick=False):
        yield


def by_form(node: Provider, typed: str, index: int) -> int:
    return log_in(node, typed, WRONG, f"198.51.100.{index}")


def by_password_grant(node: Provider, typed: str, _index: int) -> int:
    return int(node.ask_token(add_client(node), "password", username=typed, password=WRONG).status)


#: Whose turn it is, of two names: one after the other in both orders, and alternating.
ORDERS = ("0" * (TRIES + 1) + "11", "1" * (TRIES + 1) + "00", "01" * (TRIES + 1), "10" * (TRIES + 1))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("attempt", [by_form, by_password_grant])
@pytest.mark.parametrize("order", ORDERS)
def test_nothing_tells_whether_a_name_and_an_address_are_one_accounts(
    node: Provider, order: str, attempt: Callable[[Provider, str, int], int]
) -> None:
    run(node, "users", "set", "bob", "--email", "bob@example.org")  # which nobody has verified
    pairs = (("alice", ADDRESS), ("nobody", "nobody@example.org"), ("bob", "bob@example.org"))
    answers = [[attempt(node, pair[int(turn)], index) for index, turn in enumerate(order)] for pair in pairs]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].count(429) == sum(max(0, order.count(turn) - TRIES) for turn in "01")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "forms", [("alice", " ALICE"), (ADDRESS, ADDRESS.upper()), ("bob@b\u00fccher.example", "bob@xn--bcher-kva.example")]
)
def test_wrong_passwords_count_for_a_name_in_all_its_forms(node: Provider, forms: tuple[str, str]) -> None:
    set_claims(node, "bob", email="bob@b\u00fccher.example")
    for index in range(TRIES):
        assert log_in(node, forms[index % 2], WRONG, f"198.51.100.{index}") == 422
    assert [log_in(node, form) for form in forms] == [429, 429]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("right", ["alice", ADDRESS])
def test_the_right_password_forgives_the_wrong_ones_for_both_names(node: Provider, right: str) -> None:
    for _ in range(2):
        for index in range(TRIES - 1):
            assert {log_in(node, typed, WRONG, f"198.51.100.{index}") for typed in ("alice", ADDRESS)} == {422}
        assert log_in(node, right) == 303


@pytest.mark.usefixtures("clock")
def test_a_known_browser_is_known_by_either_name(node: Provider) -> None:
    browser = Resident(node.application)
    assert browser.log_in(ADDRESS).status == 303
    browser.submit("/logout")
    for index in range(TRIES):
        assert {log_in(node, typed, WRONG, f"198.51.100.{index}") for typed in ("alice", ADDRESS)} == {422}
    assert [log_in(node, typed) for typed in ("alice", ADDRESS)] == [429, 429]
    assert browser.log_in("alice").status == 303
    browser.submit("/logout")
    wrong = [browser.log_in(typed, password=WRONG).status for typed in ("alice", ADDRESS) * TRIES]
    assert wrong == [422] * TRIES + [429] * TRIES  # it has one count


def test_a_failed_login_by_address_is_noted_with_the_account(node: Provider) -> None:
    log_in(node, ADDRESS, WRONG)
    latest = node.server.audit.list(events=["login"])[0]
    alice = node.server.users.find_row("alice")
    assert (latest.outcome, latest.subject) == ("failure", node.server.accounts.subjects.find(str(alice.id)))


# The demo, and a database that is there already


def test_in_the_demo_a_verified_address_logs_in_as_its_account(application: Flask) -> None:
    provider = Provider(application)
    account = provider.server.users.find_or_create("hedy")
    provider.server.users.set_claims(int(account.id), {"email": "hedy@example.com"}, {"email_verified": True})
    assert provider.server.users.find_or_create("Hedy@example.com").id == account.id


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_an_update_gives_a_name_to_its_account_before_an_address_of_another(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str
) -> None:
    cluster = request.getfixturevalue("postgres_cluster") if database_kind == "postgresql" else None
    uri = cluster.url(cluster.create_database()) if cluster else f"sqlite:///{tmp_path}/db.sqlite"
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)})
    run_command("db", "upgrade", "0007", environment=environment)
    engine = create_engine(uri)
    add = text(
        "INSERT INTO oauth2_user (username, username_key, email, email_key, email_verified, phone_number_verified,"
        " created_at) VALUES (:name, :name, :email, :email, :verified, :no, 1)"
    )
    people = (("ada", "grace@example.org", True), ("grace@example.org", None, False), ("ida", "ida@example.org", True),
              ("eve", "eve@example.org", False))  # fmt: skip
    with engine.begin() as connection:
        for name, email, verified in people:
            connection.execute(add, {"name": name, "email": email, "verified": verified, "no": False})
    run_command("db", "upgrade", environment=environment)
    with engine.connect() as connection:
        named = text(
            "SELECT login_key, username FROM oauth2_login_name JOIN oauth2_user ON oauth2_user.id = user_id"
            " ORDER BY login_key"
        )
        held = [tuple(row) for row in connection.execute(named)]
    assert held == [
        ("ada", "ada"),
        ("eve", "eve"),
        ("grace@example.org", "grace@example.org"),
        ("ida", "ida"),
        ("ida@example.org", "ida"),
    ]
    engine.dispose()


# An address that somebody else merely claims


def test_who_claims_an_address_first_does_not_keep_it_from_its_owner(node: Provider) -> None:
    add_user(node, "eve")
    run(node, "users", "set", "bob", "--email", "eve@example.org")
    run(node, "users", "set", "eve", "--email", "eve@example.org", "--email-verified")
    bob, eve = (node.server.users.find_row(name) for name in ("bob", "eve"))
    assert (bob.email, bob.email_key, eve.email, eve.email_verified) == (None, None, "eve@example.org", True)
    assert node.server.users.find_by_login("EVE@example.org").username == "eve"


def test_a_verified_address_is_nobody_elses_whatever_they_say(node: Provider) -> None:
    add_user(node, "eve")
    set_claims(node, "bob", email="both@example.org")
    for more in ((), ("--email-verified",)):
        output = run(node, "users", "set", "eve", "--email", "both@example.org", *more, exit_code=1).output
        assert "Another account has this email address." in output
    assert node.server.users.find_row("bob").email == "both@example.org"


def test_a_new_account_gets_its_verified_address_too(node: Provider) -> None:
    run(node, "users", "set", "bob", "--email", "new@example.org")
    node.server.users.create("newcomer", None, {"email": "new@example.org"}, {"email_verified": True})
    assert node.server.users.find_row("bob").email is None
    assert node.server.users.find_by_login("new@example.org").username == "newcomer"
