"""Accounts by the commands: created, found, changed, exported, deleted; names and email addresses that read alike."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json, stop_client
from tests.support.person import Pkce
from tests.support.residents import (
    ADDRESS,
    COOKIES,
    EVERY_CLAIM,
    FIREFOX,
    PASSWORD,
    Resident,
    add_client,
    add_user,
    draw_code,
    open_nodes,
    redeem,
    rows,
)
from tests.support.token_requests import Provider
from website.standard_claims import ClaimsError
from website.users.usernames import UsernameError


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """One node; each test finds no accounts but its own."""
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_login_throttle"):
            connection.execute(text(f"DELETE FROM {table}"))


# --- creating and showing


def test_an_account_made_by_the_command_logs_in_with_its_password(node: Provider) -> None:
    printed = run(node, "users", "create", "Ada  Lovelace", feed=f"{PASSWORD}\n{PASSWORD}\n").stdout
    assert printed.endswith("User Ada Lovelace created\n")
    assert PASSWORD not in printed
    assert Resident(node.application).log_in("ada lovelace").status == 303
    assert Resident(node.application).log_in("ada lovelace", password="another " + PASSWORD).status == 422


def test_an_account_is_created_with_its_roles(node: Provider) -> None:
    roles = ("--role", "auditor", "--role", "helpdesk", "--role", "operator")
    run(node, "users", "create", "ada", "--password", PASSWORD, *roles)
    assert run_for_json(node, "users", "show", "ada", "--json")["roles"] == ["operator", "auditor", "helpdesk"]
    assert run(node, "users", "create", "bob", "--password", PASSWORD, "--role", "king", exit_code=2)
    assert [row["username"] for row in run_for_json(node, "users", "list", "--json")] == ["ada"]


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        ("ada", "short", "at least 8 characters"),
        ("ada", "x" * 1025 + "yz", "at most 1024 bytes"),
        ("ada", "aaaaaaaaaaaa", "too easy to guess"),
        ("ada lovelace", "Ada Lovelace", "must not be your username"),
        ("a\u200bda", PASSWORD, "control and invisible characters"),
        (" ", PASSWORD, "Enter a username"),
        ("x" * 151, PASSWORD, "at most 150 characters"),
    ],
)
def test_what_cannot_be_an_account_is_refused_with_the_reason(
    node: Provider, username: str, password: str, reason: str
) -> None:
    result = run(node, "users", "create", username, "--password", password, exit_code=1)
    assert reason in result.output
    assert result.output.startswith("Error: ")
    assert run_for_json(node, "users", "list", "--json") == []


def test_passwords_that_differ_are_asked_for_again(node: Provider) -> None:
    result = run(node, "users", "create", "ada", feed=f"{PASSWORD}\nother {PASSWORD}\n", exit_code=2)
    assert "do not match" in result.output
    assert node.server.users.find_row("ada") is None


def test_accounts_are_listed_by_name_as_table_and_json(node: Provider) -> None:
    for name in ("zoe", "Ada", "bob"):
        node.server.users.create(name)
    run(node, "users", "disable", "bob")
    run(node, "users", "set", "Ada", "--email", "ada@example.org", "--name", "Ada Lovelace")

    lines = run(node, "users", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "USERNAME", "NAME", "EMAIL", "ROLES", "CREATED", "LAST", "LOGIN", "DISABLED"]
    assert [line.split()[1] for line in lines[1:]] == ["Ada", "bob", "zoe"]
    assert "ada@example.org" in lines[1]
    assert len(lines[2].split()) == len(lines[3].split()) + 1  # the moment at which bob was disabled

    listed = run_for_json(node, "users", "list", "--json")
    assert [row["username"] for row in listed] == ["Ada", "bob", "zoe"]
    assert listed[0]["name"] == "Ada Lovelace"
    assert listed[0]["email_verified"] is False
    assert [row["disabled_at"] is not None for row in listed] == [False, True, False]
    assert not any("hash" in name for name in listed[0])


def test_a_list_can_be_searched_and_cut_and_says_so(node: Provider) -> None:
    for name in ("Zoë", "a%b", "zoo"):
        node.server.users.create(name)
    assert [row["username"] for row in run_for_json(node, "users", "list", "--find", "ZO", "--json")] == ["zoo", "Zoë"]
    assert [row["username"] for row in run_for_json(node, "users", "list", "--find", "%", "--json")] == ["a%b"]
    assert run(node, "users", "list", "--limit", "1").stdout.splitlines()[-1] == "1 of 3"
    assert "of" not in run(node, "users", "list").stdout.splitlines()[-1].split()


def test_what_would_move_the_cursor_is_shown_as_a_question_mark(node: Provider) -> None:
    client = add_client(node)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_client SET client_name = :name"), {"name": "Printer\x1b[2J"})
    listed = run(node, "clients", "list").stdout
    assert client.client_id in listed
    assert "\x1b" not in listed


def test_one_account_is_shown_with_its_sessions_and_apps(node: Provider) -> None:
    add_user(node)
    assert run_for_json(node, "users", "show", "alice", "--json")["subject"]
    person, client = Resident(node.application), add_client(node)
    assert person.log_in().status == 303
    draw_code(person, client, Pkce())

    shown = run_for_json(node, "users", "show", "ALICE", "--json")
    assert (shown["username"], shown["sessions"], shown["connected_apps"]) == ("alice", 1, 1)
    assert shown["subject"] == node.server.accounts.subjects.find(str(shown["id"]))
    table = dict(line.split(maxsplit=1) for line in run(node, "users", "show", "alice").stdout.splitlines())
    assert (table["username"], table["sessions"]) == ("alice", "1")


# --- one person, one name, one email address (U9)

ALIKE = [
    ("Zoë", "Zoe\u0308"),
    ("alice", "ＡＬＩＣＥ"),
    ("Ada Lovelace", "  ada \u00a0 LOVELACE "),
    ("straße", "STRASSE"),
    ("ﬁsh", "Fish"),
    ("\u212bngström", "a\u030angstro\u0308m"),
]


@pytest.mark.parametrize(("name", "alike"), ALIKE)
def test_a_name_that_reads_like_another_is_taken(node: Provider, name: str, alike: str) -> None:
    run(node, "users", "create", name, "--password", PASSWORD)
    assert "taken" in run(node, "users", "create", alike, "--password", PASSWORD, exit_code=1).output
    assert run_for_json(node, "users", "show", alike, "--json")["username"] == name


@pytest.mark.parametrize(
    ("mail", "alike"),
    [
        ("ada@example.org", "ADA@Example.ORG"),
        ("zoë@example.org", "zoe\u0308@example.org"),
        ("ada@example.org", "ａｄａ@example.org"),
        ("ada@example.org", " ada@example.org "),
        ("strasse@example.org", "straße@example.org"),
    ],
)
def test_a_mail_address_that_reads_like_another_is_taken(node: Provider, mail: str, alike: str) -> None:
    node.server.users.create("ada")
    node.server.users.create("bob")
    run(node, "users", "set", "ada", "--email", mail)
    refused = run(node, "users", "set", "bob", "--email", alike, exit_code=1).output
    assert refused == "Error: --email: Another account has this email address.\n"
    assert run_for_json(node, "users", "show", "bob", "--json")["email"] is None
    run(node, "users", "set", "ada", "--email", alike)  # one's own, written otherwise
    run(node, "users", "set", "ada", "--email", "")
    run(node, "users", "set", "bob", "--email", alike)


def test_of_many_who_take_one_name_at_once_one_gets_it(node: Provider, nodes: list[Provider]) -> None:
    spellings = ["Zoë", "Zoe\u0308", "ZOË", "Ｚoë"] * 2

    def create(index: int) -> bool:
        try:
            nodes[index % 2].server.users.create(spellings[index])
        except UsernameError:
            return False
        return True

    assert sorted(at_once(8, create)) == [False] * 7 + [True]
    assert len(run_for_json(node, "users", "list", "--json")) == 1


def test_of_many_who_take_one_mail_address_at_once_one_gets_it(node: Provider, nodes: list[Provider]) -> None:
    ids = [int(node.server.users.create(f"user {number}").id) for number in range(8)]

    def take(index: int) -> bool:
        spelling = ("ada@example.org", "ADA@example.org")[index // 4]
        try:
            nodes[index % 2].server.users.set_claims(ids[index], {"email": spelling})
        except ClaimsError:
            return False
        return True

    assert sorted(at_once(8, take)) == [False] * 7 + [True]


def test_the_database_itself_refuses_what_reads_alike(node: Provider) -> None:
    assert {row[0] for row in _unique_columns(node)} >= {"username_key", "email_key"}


def _unique_columns(node: Provider) -> list[tuple[str]]:
    from sqlalchemy import inspect

    inspector = inspect(node.server.database.engine)
    indexes = [index["column_names"] for index in inspector.get_indexes("oauth2_user") if index["unique"]]
    constraints = [found["column_names"] for found in inspector.get_unique_constraints("oauth2_user")]
    return [tuple(columns) for columns in (*indexes, *constraints) if len(columns) == 1]


# --- claims


def option(name: str) -> str:
    return "--" + name.replace("_", "-")


def test_every_claim_can_be_set_and_taken_away(node: Provider) -> None:
    node.server.users.create("ada")
    run(node, "users", "set", "ada", *(part for name, value in EVERY_CLAIM.items() for part in (option(name), value)))
    shown = run_for_json(node, "users", "show", "ada", "--json")
    assert {name: shown[name] for name in EVERY_CLAIM} == EVERY_CLAIM
    assert shown["updated_at"]
    run(node, "users", "set", "ada", *(part for name in EVERY_CLAIM for part in (option(name), "")))
    shown = run_for_json(node, "users", "show", "ada", "--json")
    assert {shown[name] for name in EVERY_CLAIM} == {None}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("email", "ada", "Enter an email address"),
        ("email", "ada@example.org, eve@example.org", "Enter an email address"),
        ("email", "ada@exam\nple.org", "invisible characters"),
        ("email", "a" * 250 + "@example.org", "at most 254 characters"),
        ("phone_number", "020 7946 0000", "country code"),
        ("profile", "javascript:alert(1)", "Enter a URL"),
        ("picture", "https://example.org/a b", "Enter a URL"),
        ("website", "https://" + "x" * 2000, "at most 2000 characters"),
        ("birthdate", "10.12.1815", "Enter a date"),
        ("birthdate", "1815-13-10", "Enter a date"),
        ("zoneinfo", "London", "Enter a time zone"),
        ("locale", "en_GB", "Enter a language tag"),
        ("name", "A\u202eda", "invisible characters"),
        ("nickname", "x" * 256, "at most 255 characters"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_with_the_reason_and_nothing_changes(
    node: Provider, name: str, value: str, reason: str
) -> None:
    node.server.users.create("ada")
    result = run(node, "users", "set", "ada", option(name), value, "--family-name", "Lovelace", exit_code=1)
    assert result.output.startswith(f"Error: {option(name)}: ")
    assert reason in result.output
    shown = run_for_json(node, "users", "show", "ada", "--json")
    assert (shown[name], shown["family_name"]) == (None, None)


def test_a_mail_address_that_is_long_once_written_out_is_refused_not_failed_at(node: Provider) -> None:
    """One character may stand for eighteen: what is compared must fit its column too."""
    node.server.users.create("ada")
    result = run(node, "users", "set", "ada", "--email", "\ufdfa" * 100 + "@example.org", exit_code=1)
    assert result.output.startswith("Error: --email: ")


def test_all_that_is_wrong_is_told_at_once(node: Provider) -> None:
    node.server.users.create("ada")
    output = run(node, "users", "set", "ada", "--email", "ada", "--locale", "?", exit_code=1).output
    assert "--email: " in output
    assert "--locale: " in output


def test_setting_nothing_is_a_mistake_in_the_command(node: Provider) -> None:
    node.server.users.create("ada")
    assert "at least one claim" in run(node, "users", "set", "ada", exit_code=2).output


def test_a_new_mail_address_or_number_is_unverified_until_a_command_says_otherwise(node: Provider) -> None:
    node.server.users.create("ada")

    def verified() -> tuple[bool, bool]:
        shown = run_for_json(node, "users", "show", "ada", "--json")
        return shown["email_verified"], shown["phone_number_verified"]

    both = ("--email", "ada@example.org", "--phone-number", "+44 20 7946 0000")
    run(node, "users", "set", "ada", *both, "--email-verified", "--phone-number-verified")
    assert verified() == (True, True)
    run(node, "users", "set", "ada", *both, "--nickname", "Countess")
    assert verified() == (True, True)  # neither changed
    run(node, "users", "set", "ada", "--email", "countess@example.org")
    assert verified() == (False, True)
    run(node, "users", "set", "ada", "--phone-number", "", "--email-verified")
    assert verified() == (True, False)
    run(node, "users", "set", "ada", "--no-email-verified")
    assert verified() == (False, False)


# --- clear errors


@pytest.mark.parametrize(
    "command",
    [
        ("show",), ("disable",), ("enable",), ("passwd", "--password", PASSWORD), ("delete", "--yes"),
        ("set", "--name", "x"), ("export",),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_name_that_nobody_has_is_told(node: Provider, command: tuple[str, ...]) -> None:
    assert run(node, "users", command[0], "nobody", *command[1:], exit_code=1).output == (
        "Error: There is no user named 'nobody'.\n"
    )


@pytest.mark.parametrize("command", [("disable",), ("enable",), ("delete", "--yes")], ids=lambda command: command[0])
def test_a_client_id_that_no_client_has_is_told(node: Provider, command: tuple[str, ...]) -> None:
    assert run(node, "clients", command[0], "nobody", *command[1:], exit_code=1).output == (
        "Error: There is no client with the client_id 'nobody'.\n"
    )


def test_deleting_asks_first(node: Provider) -> None:
    add_user(node)
    client = add_client(node)
    assert "Aborted" in run(node, "users", "delete", "alice", feed="n\n", exit_code=1).output
    assert "Aborted" in stop_client(node, "delete", client, feed="\n", exit_code=1).output
    assert node.server.users.find_row("alice") is not None
    assert node.ask_token(client).status == 200
    assert run(node, "users", "delete", "alice", feed="y\n").stdout.endswith("User alice deleted\n")
    assert "deleted" in stop_client(node, "delete", client, feed="y\n").stdout
    assert node.server.users.find_row("alice") is None
    assert node.ask_token(client).status == 401


def test_a_new_password_that_is_none_is_refused_and_the_old_one_stays(node: Provider) -> None:
    add_user(node)
    assert "at least 8" in run(node, "users", "passwd", "alice", "--password", "short", exit_code=1).output
    assert Resident(node.application).log_in().status == 303


# --- clients


def test_clients_are_listed_as_table_and_json_and_stopped(node: Provider) -> None:
    client = add_client(node)
    assert node.ask_token(client).status == 200
    assert stop_client(node, "disable", client).stdout.startswith("Client Photo Printer disabled")
    assert node.ask_token(client).error == "invalid_client"

    lines = run(node, "clients", "list").stdout.splitlines()
    assert lines[0].split() == ["CLIENT_ID", "NAME", "OWNER", "GRANT", "TYPES", "CREATED", "DISABLED"]
    assert lines[1].startswith(client.client_id)
    listed = run_for_json(node, "clients", "list", "--json")
    assert [row["client_id"] for row in listed] == [client.client_id]
    assert listed[0]["disabled_at"]
    assert client.secret not in json.dumps(listed)

    stop_client(node, "enable", client)
    assert run_for_json(node, "clients", "list", "--json")[0]["disabled_at"] is None
    assert node.ask_token(client).status == 200


def test_a_client_id_that_begins_with_a_hyphen_is_one_too(node: Provider) -> None:
    """One in 64 that we draw does, and is pasted as it stands in the list."""
    add_client(node)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_client SET client_id = '-Kg_nuFo6W0MXIempYp5pw'"))
    for command in (("disable",), ("enable",), ("delete", "--yes")):
        run(node, "clients", command[0], "-Kg_nuFo6W0MXIempYp5pw", *command[1:])
    assert run_for_json(node, "clients", "list", "--json") == []


# --- events


def test_every_command_that_changes_something_is_an_event_by_whoever_ran_it(node: Provider) -> None:
    client = add_client(node)
    changed = f"changed {PASSWORD}"
    run(node, "users", "create", "alice", "--password", PASSWORD)
    Resident(node.application).log_in()
    subject = node.server.accounts.subjects.find(str(node.server.users.find_row("alice").id))
    for arguments, event in (
        (("users", "set", "alice", "--name", "Alice"), "profile_changed"),
        (("users", "export", "alice"), "account_exported"),
        (("users", "passwd", "alice", "--password", changed), "password_changed"),
        (("users", "disable", "alice"), "user_disabled"),
        (("users", "enable", "alice"), "user_enabled"),
        (("users", "delete", "alice", "--yes"), "user_deleted"),
        (("clients", "disable", "--", client.client_id), "client_disabled"),
        (("clients", "enable", "--", client.client_id), "client_enabled"),
        (("clients", "delete", "--yes", "--", client.client_id), "client_deleted"),
    ):
        run(node, *arguments)
        written = latest_event(node, event)
        assert (written.actor, written.outcome) == (f"command:{getpass.getuser()}", "success")
        assert (written.address, written.request_id) == (None, None)
        assert (written.subject, written.client) == ((None, client.row) if "client" in event else (subject, None))
    assert latest_event(node, "user_created").actor == f"command:{getpass.getuser()}"
    assert latest_event(node, "profile_changed").detail == {"claims": ["name"]}


def test_a_command_that_fails_or_changes_nothing_is_no_event(node: Provider) -> None:
    add_user(node)
    run(node, "users", "set", "alice", "--name", "Alice")
    before = len(node.server.audit.list())
    run(node, "users", "set", "alice", "--name", "Alice")
    run(node, "users", "set", "alice", "--email", "alice", exit_code=1)
    run(node, "users", "passwd", "alice", "--password", "short", exit_code=1)
    run(node, "users", "create", "Alice", "--password", PASSWORD, exit_code=1)
    assert len(node.server.audit.list()) == before


# --- passwords (U8)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("ﬁne ﬁddle", "fine fiddle"),
        ("Zoë's violin", "Zoe\u0308's violin"),
        ("ｌｏｏｎｇ ｗｏｏｒｄ", "loong woord"),
    ],
)
def test_one_password_is_one_however_the_keyboard_writes_it(node: Provider, chosen: str, typed: str) -> None:
    run(node, "users", "create", "ada", "--password", chosen)
    assert Resident(node.application).log_in("ada", password=typed).status == 303
    assert Resident(node.application).log_in("ada", password=typed.upper()).status == 422


def test_a_password_takes_1024_bytes_and_no_more(node: Provider) -> None:
    longest = ("an odd one " * 100)[:1024]
    run(node, "users", "create", "ada", "--password", longest)
    assert Resident(node.application).log_in("ada", password=longest).status == 303
    assert Resident(node.application).log_in("ada", password=longest + "x").status == 422
    assert Resident(node.application).log_in("ada", password="x" * 30_000).status == 422
    accented = "é" * 512 + "ab"  # 514 characters, 1,026 bytes
    assert "at most 1024 bytes" in run(node, "users", "create", "b", "--password", accented, exit_code=1).output


def test_a_hash_of_former_parameters_is_renewed_at_the_login(node: Provider) -> None:
    user_id = add_user(node, "ada")
    today = node.server.users.find_row("ada").password_hash
    weaker = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=2).hash(PASSWORD)
    with node.server.database.engine.begin() as connection:
        connection.execute(
            text("UPDATE oauth2_user SET password_hash = :hash WHERE id = :id"), {"hash": weaker, "id": user_id}
        )
    assert Resident(node.application).log_in("ada", password="not it at all").status == 422
    assert node.server.users.find_row("ada").password_hash == weaker

    assert Resident(node.application).log_in("ada").status == 303

    renewed = node.server.users.find_row("ada").password_hash
    assert renewed != weaker
    assert renewed.split("$")[:4] == today.split("$")[:4]  # the kind, its version, its parameters
    assert Resident(node.application).log_in("ada").status == 303
    assert node.server.users.find_row("ada").password_hash == renewed


def test_a_stored_hash_that_is_damaged_lets_nobody_in_and_fails_nowhere(node: Provider) -> None:
    add_user(node, "ada")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET password_hash = '$argon2id$v=19$broken'"))
    assert Resident(node.application).log_in("ada").status == 422


# --- export and deletion (P9)


def test_an_export_has_all_that_is_the_persons_and_no_secret(node: Provider) -> None:
    user_id = add_user(node, is_operator=True)
    run(node, "users", "set", "alice", "--name", "Alice Liddell", "--email", "alice@example.org", "--email-verified")
    person, client = Resident(node.application), add_client(node)
    person.log_in()
    own = person.create_client(client_name="Alice's Printer")
    pkce = Pkce()
    tokens = redeem(node, client, draw_code(person, client, pkce), pkce).json
    waiting = draw_code(person, client, Pkce())

    printed = run(node, "users", "export", "alice").stdout
    exported = json.loads(printed)

    assert exported["user"]["id"] == user_id
    assert exported["user"]["name"] == "Alice Liddell"
    assert exported["user"]["email_verified"] is True
    assert set(exported["user"]) >= {*EVERY_CLAIM, "phone_number_verified", "username", "created_at", "updated_at"}
    assert exported["subject"] == node.server.accounts.subjects.find(str(user_id))
    assert [(row["address"], row["user_agent"]) for row in exported["sessions"]] == [(ADDRESS, FIREFOX)]
    assert [(row["client"], row["scope"]) for row in exported["consents"]] == [(client.client_id, "profile")]
    assert [row["grant_type"] for row in exported["grants"]] == ["authorization_code"]
    assert [row["client_id"] for row in exported["clients"]] == [own.client_id]
    assert (exported["pairwise_subjects"], exported["known_at_clients"]) == ([], [])
    happened = [row["event"] for row in exported["events"]]
    assert [event for event in happened if event not in ("user_created", "operator_appointed", "profile_changed")] == [
        "login", "client_created", "consent_granted",
    ]  # fmt: skip
    cookie = person.door.get_cookie(COOKIES[0], domain="id.example").value  # type: ignore[union-attr]
    secrets = (tokens["access_token"], tokens["refresh_token"], waiting, own.secret, cookie, PASSWORD)
    for secret in (*secrets, "argon2", "_hash", "_epoch"):
        assert secret not in printed


@pytest.mark.parametrize("has_subject", [True, False])
def test_an_export_of_somebody_who_never_logged_in_has_nothing_of_others(node: Provider, has_subject: bool) -> None:
    """Nobody's clients and events are not theirs, not even while neither has a subject."""
    add_user(node, "newcomer")
    if not has_subject:
        with node.server.database.engine.begin() as connection:
            connection.execute(text("DELETE FROM oauth2_subject"))
    add_client(node)  # made by a command: without an owner
    assert Resident(node.application).log_in("a stranger", password="wrong " + PASSWORD).status == 422

    exported = run_for_json(node, "users", "export", "newcomer")

    assert exported["user"]["username"] == "newcomer"
    for name in ("sessions", "consents", "grants", "clients"):
        assert exported[name] == []
    assert {row["event"] for row in exported["events"]} <= {"user_created"}


def test_an_export_has_nothing_of_another_person(node: Provider) -> None:
    for name in ("alice", "mallory"):
        add_user(node, name, is_operator=True)
        person = Resident(node.application, agent=f"{FIREFOX} {name}")
        person.log_in(name)
        person.create_client(client_name=f"{name}'s Printer")
    assert "mallory" not in run(node, "users", "export", "alice").stdout


def test_neither_id_nor_subject_of_a_deleted_account_is_given_again(node: Provider) -> None:
    given = []
    for _ in range(3):
        user_id = add_user(node)
        assert Resident(node.application).log_in().status == 303
        given.append((user_id, node.server.accounts.subjects.find(str(user_id))))
        run(node, "users", "delete", "alice", "--yes")
    assert len({user_id for user_id, _subject in given}) == 3
    assert len({subject for _user_id, subject in given}) == 3
    assert None not in {subject for _user_id, subject in given}


def test_nothing_of_a_deleted_account_is_left_but_its_events(node: Provider) -> None:
    user_id = add_user(node, is_operator=True)
    run(node, "users", "set", "alice", "--email", "alice@example.org")
    person, client = Resident(node.application), add_client(node)
    person.log_in()
    own = person.create_client()
    pkce = Pkce()
    redeem(node, client, draw_code(person, client, pkce), pkce)
    draw_code(person, client, Pkce())
    subject = node.server.accounts.subjects.find(str(user_id))

    run(node, "users", "delete", "alice", "--yes", "--end-clients", "--last-operator")

    for table in ("subject", "session", "consent", "grant", "authorization_code"):
        assert rows(node, f"SELECT * FROM oauth2_{table} WHERE subject = :subject", subject=subject) == []
    assert rows(node, "SELECT * FROM oauth2_user") == []
    assert rows(node, "SELECT owner_subject FROM oauth2_client WHERE client_id = :id", id=own.client_id) == [(None,)]
    assert latest_event(node, "user_deleted").subject == subject
    assert "alice@example.org" not in node.read_everything()


@pytest.mark.parametrize(
    "name", ["\N{CYRILLIC SMALL LETTER A}lice", "аррӏе", "ѕех", "ivan иванов", "\N{GREEK SMALL LETTER OMICRON}scar"]
)
def test_a_name_in_letters_that_only_look_like_ours_is_refused(node: Provider, name: str) -> None:
    add_user(node, "alice")
    outcome = node.application.test_cli_runner().invoke(args=["users", "create", name, "--password", PASSWORD])
    assert outcome.exit_code == 1
    assert "scripts" in outcome.output
    assert node.server.users.find_row(name) is None


@pytest.mark.parametrize("name", ["Иван", "Ольга", "λόγος", "写真かな", "김철수 Kim", "José O'Brien", "李明", "محمد"])
def test_a_name_of_any_script_can_be_an_account(node: Provider, name: str) -> None:
    outcome = node.application.test_cli_runner().invoke(args=["users", "create", name, "--password", PASSWORD])
    assert outcome.exit_code == 0, outcome.output
