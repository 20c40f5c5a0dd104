"""Passkeys in the store: what is verified, what is used up, what is refused; on both databases, on two nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import run
from tests.support.passkeys import HANDLE, account_of, add, id_of, log_in, new_challenge, party_of, remove, store
from tests.support.residents import add_user, open_nodes, rows
from tests.support.software_authenticator import EDDSA, ES256, RS256, SoftwareAuthenticator
from tests.support.token_requests import Provider
from website import base64url
from website.database import StaleLoginError
from website.models.passkey import Passkey
from website.settings import SettingsError
from website.users.factor_changes import FactorExistsError
from website.users.passkey_options import creation_options, request_options
from website.users.passkey_verification import PasskeyError
from website.users.passkeys import MAX_PASSKEYS, new_passkey


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    add_user(nodes[0], "alice")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_used_challenge"):
            connection.execute(text(f"DELETE FROM {table}"))


def refusal_of(node: Provider, authenticator: SoftwareAuthenticator, **changed: Any) -> str:
    with pytest.raises(PasskeyError) as refused:
        log_in(node, authenticator, **changed)
    return refused.value.reason


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_a_passkey_of_every_algorithm_logs_its_account_in(node: Provider, algorithm: int) -> None:
    authenticator = SoftwareAuthenticator(algorithm=algorithm)
    added = add(node, authenticator)
    proved = log_in(node, authenticator)
    assert (proved.account.username, proved.is_user_verified, proved.is_backup_eligible) == ("alice", True, False)
    kept = node.server.accounts.passkeys.find(id_of(node), added.id)
    assert (kept.sign_count, kept.transports, kept.rp_id) == (1, ["internal", "hybrid"], "id.example")
    assert kept.last_used_at is not None


def test_the_options_ask_for_a_discoverable_credential_that_verifies_the_person(node: Provider) -> None:
    authenticator = SoftwareAuthenticator()
    passkey = add(node, authenticator)
    options = creation_options(party_of(node), b"c" * 32, HANDLE, "alice", [passkey])
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [EDDSA, ES256, RS256]
    assert options["attestation"] == "none"
    assert [each["id"] for each in options["excludeCredentials"]] == [passkey.credential_id]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"origin": "https://id.example.evil"}, "wrong_origin"),
        ({"origin": "https://id.example:8443"}, "wrong_origin"),
        ({"origin": "http://id.example"}, "wrong_origin"),
        ({"rp_id": "example"}, "wrong_rp_id"),
        ({"challenge": base64url.encode(b"x" * 32)}, "wrong_challenge"),
        ({"type": "webauthn.create"}, "malformed"),
        ({"signature": b"x" * 70}, "wrong_signature"),
        ({"user_handle": base64url.encode(b"y" * 32)}, "wrong_user_handle"),
        ({"user_handle": None}, "wrong_user_handle"),
    ],
)
def test_what_is_signed_has_to_be_right_to_the_character(node: Provider, changed: dict[str, Any], reason: str) -> None:
    authenticator = SoftwareAuthenticator()
    add(node, authenticator)
    assert refusal_of(node, authenticator, **changed) == reason
    event = node.server.audit.list(limit=1)[0]
    assert (event.event, event.outcome, event.detail) == ("login", "failure", {"method": "passkey", "reason": reason})


def test_an_answer_from_a_frame_of_another_site_is_refused(node: Provider) -> None:
    authenticator = SoftwareAuthenticator()
    add(node, authenticator)
    authenticator.client_data = {"crossOrigin": True}
    assert refusal_of(node, authenticator) == "cross_origin"


def test_a_passkey_that_does_not_verify_the_person_is_no_login_and_is_not_added(node: Provider) -> None:
    authenticator = SoftwareAuthenticator()
    add(node, authenticator)
    authenticator.verifies_user = False
    assert refusal_of(node, authenticator) == "user_not_verified"
    with pytest.raises(PasskeyError, match="user_not_verified"):
        add(node, SoftwareAuthenticator(verifies_user=False))
    # As a second factor it will do.
    assert not log_in(node, authenticator, user_id=id_of(node), uv=False).is_user_verified


def test_the_second_factor_takes_no_other_accounts_passkey(node: Provider) -> None:
    bob = add_user(node, "bob")
    authenticator = SoftwareAuthenticator()
    add(node, authenticator)
    assert refusal_of(node, authenticator, user_id=bob) == "unknown_passkey"


def test_one_credential_belongs_to_one_account(node: Provider) -> None:
    add_user(node, "bob")
    authenticator, party, challenge = SoftwareAuthenticator(), party_of(node), new_challenge()
    options = creation_options(party, challenge, HANDLE, "alice", [])
    answer = authenticator.create(options)
    store(node, answer, challenge)
    again = json.loads(answer)
    other_challenge = new_challenge()
    again["response"]["clientDataJSON"] = authenticator._client_data(
        "webauthn.create", base64url.encode(other_challenge), {}
    )
    with pytest.raises(PasskeyError, match="already_registered"):
        store(node, json.dumps(again), other_challenge, "bob")


def test_a_disabled_accounts_passkey_is_as_unknown_as_a_removed_one(node: Provider) -> None:
    authenticator = SoftwareAuthenticator()
    passkey = add(node, authenticator)
    node.server.users.disable(id_of(node))
    assert refusal_of(node, authenticator) == "unknown_passkey"
    node.server.users.enable(id_of(node))
    assert log_in(node, authenticator).account.username == "alice"
    assert remove(node, passkey)
    assert refusal_of(node, authenticator) == "unknown_passkey"


def test_a_sign_count_that_does_not_rise_is_refused_with_an_alarm(node: Provider) -> None:
    authenticator = SoftwareAuthenticator()
    passkey = add(node, authenticator)
    log_in(node, authenticator, sign_count=7)
    for sign_count in (7, 3, 0):
        assert refusal_of(node, authenticator, sign_count=sign_count) == "sign_count_regressed"
    alarm = next(event for event in node.server.audit.list() if event.event == "passkey_count_regressed")
    assert (alarm.outcome, alarm.detail) == ("refused", {"passkey": passkey.id, "name": "Laptop", "sign_count": 0})
    assert node.server.accounts.passkeys.find(id_of(node), passkey.id).sign_count == 7
    assert log_in(node, authenticator, sign_count=8).account.username == "alice"


def test_an_authenticator_that_does_not_count_is_accepted_each_time(node: Provider) -> None:
    authenticator = SoftwareAuthenticator(counts=False)
    add(node, authenticator)
    assert [log_in(node, authenticator).account.username for _ in range(3)] == ["alice"] * 3


def test_a_synchronized_passkeys_count_says_nothing_and_it_stays_synchronized(node: Provider) -> None:
    authenticator = SoftwareAuthenticator(is_synchronized=True)
    add(node, authenticator)
    log_in(node, authenticator, sign_count=7)
    assert log_in(node, authenticator, sign_count=3).is_backup_eligible
    authenticator.is_synchronized = False
    assert refusal_of(node, authenticator, sign_count=9) == "changed_backup_eligibility"


def test_an_account_has_at_most_twenty_passkeys(node: Provider) -> None:
    first = add(node, SoftwareAuthenticator())
    with node.server.database.writing() as session:
        columns = {name: getattr(first, name) for name in first.__table__.columns.keys()}  # noqa: SIM118
        for number in range(MAX_PASSKEYS - 1):
            session.add(Passkey(**{**columns, "id": f"p{number}", "credential_id": f"c{number}"}))
    with pytest.raises(PasskeyError, match="too_many_passkeys"):
        add(node, SoftwareAuthenticator())


def test_what_has_ended_since_the_page_was_opened_gets_no_passkey(node: Provider) -> None:
    user_id, party, challenge = id_of(node), party_of(node), new_challenge()
    account = account_of(node)
    answer = SoftwareAuthenticator().create(creation_options(party, challenge, HANDLE, "alice", []))
    node.server.users.set_password(user_id, "a new staple for the battery")
    passkey = new_passkey(user_id, answer, challenge, HANDLE, party, "Laptop")
    with pytest.raises(StaleLoginError):
        node.server.accounts.second_factors.add_passkey(account, passkey, challenge)
    assert node.server.accounts.passkeys.list_of(user_id) == []


def test_of_many_who_answer_one_challenge_on_two_nodes_one_logs_in(nodes: list[Provider], node: Provider) -> None:
    authenticator, party, challenge = SoftwareAuthenticator(), party_of(node), new_challenge()
    add(node, authenticator)
    answer = authenticator.get(request_options(party, challenge))

    def use(index: int) -> str:
        try:
            login = nodes[index % 2].server.accounts.passkey_login
            return login.authenticate(answer, challenge, party).account.username
        except PasskeyError as error:
            return error.reason

    outcomes = at_once(8, use)
    assert sorted(outcomes) == ["alice", *["used_challenge"] * 7]


def test_of_many_who_create_by_one_challenge_on_two_nodes_one_adds_a_passkey(
    nodes: list[Provider], node: Provider
) -> None:
    user_id, party, challenge = id_of(node), party_of(node), new_challenge()
    options = creation_options(party, challenge, HANDLE, "alice", [])
    answers = [SoftwareAuthenticator().create(options) for _ in range(6)]

    def use(index: int) -> str:
        try:
            return store(nodes[index % 2], answers[index], challenge).name
        except PasskeyError as error:
            return error.reason

    assert sorted(at_once(6, use)) == ["Laptop", *["used_challenge"] * 5]
    assert len(node.server.accounts.passkeys.list_of(user_id)) == 1


def test_of_many_who_add_a_first_factor_in_the_middle_of_a_login_on_two_nodes_one_does(
    nodes: list[Provider], node: Provider
) -> None:
    """Who knows the password alone can't add a factor to an account that has one by then."""
    user_id, party, account = id_of(node), party_of(node), account_of(node)
    challenges = [new_challenge() for _ in range(6)]
    answers = [
        SoftwareAuthenticator().create(creation_options(party, challenge, HANDLE, "alice", []))
        for challenge in challenges
    ]

    def use(index: int) -> str:
        passkey = new_passkey(user_id, answers[index], challenges[index], HANDLE, party, "Laptop")
        try:
            factors = nodes[index % 2].server.accounts.second_factors
            return f"{len(factors.add_passkey(account, passkey, challenges[index]))} codes"
        except FactorExistsError:
            return "exists"

    assert sorted(at_once(6, use)) == ["10 codes", *["exists"] * 5]
    assert len(node.server.accounts.passkeys.list_of(user_id)) == 1
    assert rows(node, "SELECT count(*) FROM oauth2_recovery_code") == [(10,)]


@pytest.mark.parametrize(
    "broken",
    ["", "null", "[]", "{}", '{"id": "AAAA"}', '{"id": 7, "response": {}}', '{"id": "AAAA", "response": []}',
     "[" * 20_000, '{"id": "\\ud800", "response": {}}', '{"id": "AAAA", "response": {}, "x": "' + "x" * 40_000 + '"}'],
)  # fmt: skip
def test_what_no_browser_sends_is_refused_without_a_fault(node: Provider, broken: str) -> None:
    party, challenge = party_of(node), new_challenge()
    with pytest.raises(PasskeyError):
        node.server.accounts.passkey_login.authenticate(broken, challenge, party)
    with pytest.raises(PasskeyError):
        new_passkey(id_of(node), broken, challenge, HANDLE, party, "Laptop")


def test_every_member_of_an_answer_may_be_of_any_kind(node: Provider) -> None:
    authenticator, party, challenge = SoftwareAuthenticator(), party_of(node), new_challenge()
    add(node, authenticator)
    answer = json.loads(authenticator.get(request_options(party, challenge)))
    for name in answer["response"]:
        for value in (None, 7, [], {}, "", "%", "x" * 5, base64url.encode(b"\xff" * 40)):
            broken = {**answer, "response": {**answer["response"], name: value}}
            if name == "userHandle" or value == answer["response"][name]:
                continue
            with pytest.raises(PasskeyError):
                node.server.accounts.passkey_login.authenticate(json.dumps(broken), challenge, party)
    assert node.server.accounts.passkey_login.authenticate(json.dumps(answer), challenge, party)


def test_an_account_takes_its_passkeys_along_and_no_secret_of_them(node: Provider) -> None:
    passkey = add(node, SoftwareAuthenticator())
    node.server.accounts.passkeys.rename(id_of(node), passkey.id, "Old laptop")
    node.server.users.delete(id_of(node))
    assert rows(node, "SELECT id FROM oauth2_passkey") == []
    events = [event.event for event in node.server.audit.list()]
    assert {"passkey_added", "passkey_renamed"} <= set(events)


def test_changing_the_domain_is_refused_while_passkeys_are_bound_to_the_former_one(node: Provider) -> None:
    add(node, SoftwareAuthenticator())
    passkeys, settings = node.server.accounts.passkeys, node.server.settings
    passkeys.check_rp_id(settings)
    changed = replace(settings, issuer="https://id.example.org", passkey_rp_id="example.org")
    with pytest.raises(SettingsError, match=r"there are passkeys for id\.example, .* remove-old-passkeys"):
        passkeys.check_rp_id(changed)
    passkeys.check_rp_id(replace(changed, passkeys=False))
    assert passkeys.remove_of_other_rp_ids("example.org") == 1
    passkeys.check_rp_id(changed)
    removed = node.server.audit.list(limit=1)[0]
    assert (removed.event, removed.detail) == ("passkey_removed", {"passkeys": 1, "reason": "rp_id_changed"})


def test_the_command_leaves_the_passkeys_of_the_present_domain(node: Provider) -> None:
    add(node, SoftwareAuthenticator())
    assert run(node, "users", "remove-old-passkeys", "--yes").output == "Passkeys removed: 0\n"
    with node.server.database.writing() as session:
        session.execute(text("UPDATE oauth2_passkey SET rp_id = 'former.example'"))
    assert run(node, "users", "remove-old-passkeys", "--yes").output == "Passkeys removed: 1\n"
