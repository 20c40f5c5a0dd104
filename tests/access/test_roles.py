"""Roles of this server: given and taken by commands, of accounts and groups; nobody raises their own rights (U16)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import open_hosts
from tests.support.passkeys import give_passkey
from tests.support.residents import Resident, add_user, logged_in, open_nodes, rows
from tests.support.token_requests import Provider
from website.access.roles import RoleError
from website.cli.console import moment
from website.users.last_operator import LastOperatorError


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with an operator, ada, and two accounts without a role."""
    add_user(nodes[0], "ada", is_operator=True)
    for name in ("bob", "carol"):
        add_user(nodes[0], name)
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_group", "oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def roles_of(node: Provider, username: str) -> set[str]:
    row = node.server.users.find_row(username)
    return set(node.server.access.roles.of(row.id, is_operator=row.is_operator))


def subject_of(node: Provider, username: str) -> str:
    return str(node.server.users.subject_of_name(username))


def id_of(node: Provider, username: str) -> int:
    return int(node.server.users.find_row(username).id)


def test_a_new_role_ends_links_and_the_command_says_whose(node: Provider, tmp_path: Path) -> None:
    run(node, "groups", "create", "desk")
    for name in ("bob", "carol"):
        run(node, "users", "reset-link", name)
    said = run(node, "roles", "grant", "auditor", "bob").stdout
    assert said.splitlines()[1:] == [
        "The one-time link of bob no longer works. `flask users reset-link bob` makes another"
    ]
    assert run(node, "groups", "add", "desk", "carol").stdout == "1 account added to desk\n"
    assert "link of carol" in run(node, "roles", "grant", "helpdesk", "desk", "--group").stdout
    assert run_for_json(node, "users", "show", "carol", "--json")["roles_by_groups"] == ["helpdesk"]
    file, links = tmp_path / "people.csv", tmp_path / "links.csv"
    file.write_text("username,email,groups\ndora,dora@example.org,desk\nemil,+e@example.org,\n")
    run(node, "users", "import", str(file), "--links", str(links))
    with links.open(newline="") as opened:
        told = [*csv.DictReader(opened)]
    assert [(row["username"], row["email"], row["expires_at"] > "2") for row in told] == [
        ("dora", "dora@example.org", True),
        ("emil", "", True),  # a spreadsheet would run it
    ]
    path = told[0]["link"].removeprefix(node.server.settings.issuer)
    assert Resident(node.application).get(path).status == 200  # though the group gives a role


def test_a_role_is_of_an_account_or_of_everybody_in_a_group(node: Provider) -> None:
    run(node, "groups", "create", "desk")
    run(node, "groups", "add", "desk", "bob")
    assert run(node, "roles", "grant", "auditor", "bob").stdout == "bob is now an auditor\n"
    assert run(node, "roles", "grant", "auditor", "bob").stdout == "bob already is an auditor\n"
    said = run(node, "roles", "grant", "helpdesk", "desk", "--group").stdout.splitlines()
    assert (said[0], len(said)) == ("Everybody in desk is now on the helpdesk", 2)
    assert roles_of(node, "bob") == {"auditor", "helpdesk"}
    assert roles_of(node, "carol") == set()
    assert run_for_json(node, "users", "show", "bob", "--json")["roles"] == ["auditor"]
    assert run_for_json(node, "users", "export", "bob")["roles"] == ["auditor"]
    assert run_for_json(node, "roles", "list", "--json") == [
        {"role": "operator", "username": "ada"},
        {"role": "auditor", "username": "bob"},
        {"role": "helpdesk", "group": "desk"},
    ]
    assert latest_event(node, "role_granted").detail == {"role": "helpdesk", "group": "desk"}
    run(node, "roles", "revoke", "auditor", "bob")
    run(node, "groups", "remove", "desk", "bob")
    assert roles_of(node, "bob") == set()
    assert "does not have" in run(node, "roles", "revoke", "auditor", "bob").stdout
    run(node, "roles", "revoke", "helpdesk", "desk", "--group")
    assert [line.split() for line in run(node, "roles", "list").stdout.splitlines()][1:] == [["operator", "ada"]]


def test_the_operator_role_is_what_the_option_of_accounts_gives(node: Provider) -> None:
    run(node, "roles", "grant", "operator", "bob")
    assert run_for_json(node, "users", "show", "bob", "--json")["is_operator"] is True
    assert latest_event(node, "operator_appointed").subject == node.server.accounts.subjects.find(
        str(id_of(node, "bob"))
    )
    run(node, "users", "set", "bob", "--no-operator")
    assert roles_of(node, "bob") == set()


@pytest.mark.parametrize("arguments", [("roles", "grant", "auditor", "bob"), ("users", "set", "bob", "--operator")])
def test_a_command_that_gives_a_role_says_what_goes_on_logging_the_person_in(
    node: Provider, arguments: tuple[str, ...]
) -> None:
    assert "logging" not in run(node, *arguments).stdout
    node.server.access.roles.create_link(id_of(node, "bob"), frozenset(("operator",)), by=subject_of(node, "ada"))
    run(node, "users", "set", "bob", "--email", "bob@example.org", "--email-verified")
    give_passkey(node.application, "bob")
    made = latest_event(node, "password_link_created").occurred_at
    lines = [line.split("  ") for line in run(node, *arguments).stdout.splitlines() if "  " in line]
    assert [[cell.strip() for cell in line if cell] for line in lines] == [
        ["WAY", "WHICH", "MADE"],
        ["verified email", "bob@example.org"],
        ["passkey", "Firefox on Linux", "1970-01-01T00:00:00Z"],
        ["last link", "by ada", moment(made)],
    ]


def test_a_group_appoints_no_operators(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    output = run(node, "roles", "grant", "operator", "staff", "--group", exit_code=1).output
    assert "Groups can't have the role operator" in output
    assert "no group named" in run(node, "roles", "grant", "auditor", "nobody", "--group", exit_code=1).output
    assert "no user named" in run(node, "roles", "grant", "auditor", "nobody", exit_code=1).output


# --- the last operator


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "set", "ada", "--no-operator"),
        ("users", "disable", "ada"),
        ("users", "delete", "ada", "--yes"),
        ("roles", "revoke", "operator", "ada"),
    ],
)
def test_the_last_operator_stays_until_somebody_says_that_it_is_the_last(
    node: Provider, arguments: tuple[str, ...]
) -> None:
    before = rows(node, "SELECT id, is_operator, disabled_at FROM oauth2_user ORDER BY id")
    assert "ada is the last operator." in run(node, *arguments, exit_code=1).output
    assert rows(node, "SELECT id, is_operator, disabled_at FROM oauth2_user ORDER BY id") == before
    run(node, *arguments, "--last-operator")
    assert not node.server.users.has_operator()


def test_another_operator_who_is_disabled_does_not_count(node: Provider) -> None:
    run(node, "roles", "grant", "operator", "bob")
    run(node, "users", "disable", "bob")
    assert "last operator" in run(node, "roles", "revoke", "operator", "ada", exit_code=1).output
    run(node, "users", "enable", "bob")
    run(node, "roles", "revoke", "operator", "ada")


def test_two_operators_who_dismiss_each_other_at_one_moment_leave_one(nodes: list[Provider], node: Provider) -> None:
    ids = [id_of(node, "ada"), id_of(node, "bob")]
    for _ in range(5):
        for user_id in ids:
            node.server.users.set_operator(user_id, True)

        def dismiss(index: int) -> bool:
            users = nodes[index % 2].server.users
            try:
                if index < 2:
                    users.set_operator(ids[index % 2], False)
                else:
                    users.disable(ids[index % 2])
            except LastOperatorError:
                return False
            return True

        at_once(4, dismiss)
        assert node.server.users.has_operator()
        for user_id in ids:
            node.server.users.enable(user_id)


# --- nobody raises their own rights


def test_the_helpdesk_makes_links_for_people_without_a_role_alone(node: Provider) -> None:
    roles = node.server.access.roles
    helpdesk, bob, carol = frozenset(("helpdesk",)), id_of(node, "bob"), id_of(node, "carol")
    roles.grant(bob, "helpdesk")
    run(node, "groups", "create", "audit")
    run(node, "roles", "grant", "auditor", "audit", "--group")
    by, operator = subject_of(node, "bob"), subject_of(node, "ada")
    assert roles.create_link(carol, helpdesk, by=by)
    assert latest_event(node, "password_link_created").actor == by
    for user_id in (id_of(node, "ada"), bob):
        with pytest.raises(RoleError):
            roles.create_link(user_id, helpdesk, by=by)
    run(node, "groups", "add", "audit", "carol")
    with pytest.raises(RoleError):
        roles.create_link(carol, helpdesk, by=by)
    for role in ("auditor", "developer"):
        with pytest.raises(RoleError):
            roles.create_link(carol, frozenset((role,)), by=by)
    assert roles.create_link(bob, frozenset(("operator",)), by=operator)


DISMISSALS = (
    ("roles", "revoke", "helpdesk", "bob"),
    ("roles", "revoke", "helpdesk", "desk", "--group"),
    ("groups", "remove", "desk", "bob"),
    ("groups", "delete", "desk", "--yes"),
    ("users", "set", "bob", "--no-operator"),
    ("users", "disable", "bob"),
    ("users", "delete", "bob", "--yes"),
)


@pytest.mark.parametrize("arguments", DISMISSALS, ids=" ".join)
def test_a_link_ends_with_the_role_that_let_somebody_make_it(node: Provider, arguments: tuple[str, ...]) -> None:
    accounts, roles = node.server.accounts, node.server.access.roles
    if "desk" in arguments:
        run(node, "groups", "create", "desk")
        run(node, "groups", "add", "desk", "bob")
        run(node, "roles", "grant", "helpdesk", "desk", "--group")
    else:
        run(node, "roles", "grant", "operator" if "--no-operator" in arguments else "helpdesk", "bob")
    add_user(node, "dora")
    of_bob = roles.create_link(id_of(node, "carol"), frozenset(("helpdesk", "operator")), by=subject_of(node, "bob"))
    of_ada = roles.create_link(id_of(node, "dora"), frozenset(("operator",)), by=subject_of(node, "ada"))
    assert accounts.password_links.find(of_bob) is not None
    run(node, *arguments)
    assert accounts.password_links.find(of_bob) is None
    assert accounts.password_links.find(of_ada) is not None


def test_a_link_and_the_end_of_its_makers_role_at_one_moment_never_leave_a_link(
    nodes: list[Provider], node: Provider
) -> None:
    bob, carol, by = id_of(node, "bob"), id_of(node, "carol"), subject_of(node, "bob")
    for round_ in range(8):
        node.server.access.roles.grant(bob, "helpdesk")

        def act(index: int, round_: int = round_) -> None:
            server = nodes[index].server
            if index == 0:
                with suppress(RoleError):
                    server.access.roles.create_link(carol, frozenset(("helpdesk",)), by=by)
            elif round_ % 2:
                server.users.disable(bob)
            else:
                server.access.roles.revoke(bob, "helpdesk")

        at_once(2, act)
        assert rows(node, "SELECT count(*) FROM oauth2_password_link") == [(0,)]
        node.server.users.enable(bob)


WAYS_TO_A_ROLE = (
    ("roles", "grant", "auditor", "carol"),
    ("roles", "grant", "operator", "carol"),
    ("roles", "grant", "auditor", "theirs", "--group"),
    ("groups", "add", "audit", "carol"),
)


@pytest.mark.parametrize("arguments", WAYS_TO_A_ROLE)
def test_a_link_made_before_somebody_had_a_role_stops_working(node: Provider, arguments: tuple[str, ...]) -> None:
    for group in ("audit", "theirs"):
        run(node, "groups", "create", group)
    run(node, "groups", "add", "theirs", "carol")
    run(node, "roles", "grant", "auditor", "audit", "--group")
    by = subject_of(node, "ada")
    token = node.server.access.roles.create_link(id_of(node, "carol"), frozenset(("operator",)), by=by)
    assert node.server.accounts.password_links.find(token) is not None
    run(node, *arguments)
    assert node.server.accounts.password_links.find(token) is None


@pytest.mark.parametrize("arguments", WAYS_TO_A_ROLE)
def test_a_login_from_before_somebody_had_a_role_ends(node: Provider, arguments: tuple[str, ...]) -> None:
    for group in ("audit", "theirs"):
        run(node, "groups", "create", group)
    run(node, "groups", "add", "theirs", "carol")
    run(node, "roles", "grant", "auditor", "audit", "--group")
    carol, bob = logged_in(node, "carol"), logged_in(node, "bob")
    run(node, *arguments)
    assert (carol.is_logged_in(), bob.is_logged_in()) == (False, True)
    assert logged_in(node, "carol").get("/people").status == 200


def test_a_link_and_a_role_at_one_moment_never_both_stay(nodes: list[Provider], node: Provider) -> None:
    carol, by = id_of(node, "carol"), subject_of(node, "bob")
    node.server.access.roles.grant(id_of(node, "bob"), "helpdesk")
    for _ in range(8):

        def act(index: int) -> bool:
            roles = nodes[index].server.access.roles
            try:
                roles.grant(carol, "auditor") if index else roles.create_link(carol, frozenset(("helpdesk",)), by=by)
            except RoleError:
                return False
            return True

        at_once(2, act)
        assert rows(node, "SELECT count(*) FROM oauth2_password_link") == [(0,)]
        node.server.access.roles.revoke(carol, "auditor")


def test_a_reset_of_factors_and_a_role_at_one_moment_are_judged_one_after_the_other(
    nodes: list[Provider], node: Provider
) -> None:
    carol, by = id_of(node, "carol"), subject_of(node, "bob")
    node.server.access.roles.grant(id_of(node, "bob"), "helpdesk")
    for _ in range(8):

        def act(index: int) -> bool:
            roles = nodes[index].server.access.roles
            try:
                roles.grant(carol, "auditor") if index else roles.reset_factors(carol, frozenset(("helpdesk",)), by=by)
            except RoleError:
                return False
            return True

        is_reset, _is_granted = at_once(2, act)
        latest = [event.event for event in node.server.audit.list(events=("factors_reset", "role_granted"), limit=2)]
        assert latest[0] == "role_granted", "the helpdesk reset the factors of an auditor"
        assert ("factors_reset" in latest) == is_reset
        node.server.access.roles.revoke(carol, "auditor")


def test_a_reset_of_factors_and_the_end_of_the_role_that_allows_it_are_judged_one_after_the_other(
    nodes: list[Provider], node: Provider
) -> None:
    bob, carol, by = id_of(node, "bob"), id_of(node, "carol"), subject_of(node, "bob")
    for round_ in range(8):
        node.server.access.roles.grant(bob, "helpdesk")

        def act(index: int, round_: int = round_) -> bool:
            server = nodes[index].server
            try:
                if index == 0:
                    server.access.roles.reset_factors(carol, frozenset(("helpdesk",)), by=by)
                elif round_ % 2:
                    server.users.disable(bob)
                else:
                    server.access.roles.revoke(bob, "helpdesk")
            except RoleError:
                return False
            return True

        is_reset, _is_ended = at_once(2, act)
        events = ("factors_reset", "role_revoked", "user_disabled")
        latest = [event.event for event in node.server.audit.list(events=events, limit=2)]
        assert latest[0] != "factors_reset", "somebody without a role reset factors"
        assert ("factors_reset" in latest) == is_reset
        node.server.users.enable(bob)
        node.server.access.roles.revoke(bob, "helpdesk")


@pytest.mark.parametrize("ends", ["revoke", "disable"])
def test_who_has_just_lost_their_role_resets_no_factors(node: Provider, ends: str) -> None:
    """The roles of a request are those of its beginning."""
    bob, carol, by = id_of(node, "bob"), id_of(node, "carol"), subject_of(node, "bob")
    roles = node.server.access.roles
    roles.grant(bob, "helpdesk")
    roles.reset_factors(carol, frozenset(("helpdesk",)), by=by)
    node.server.users.disable(bob) if ends == "disable" else roles.revoke(bob, "helpdesk")
    with pytest.raises(RoleError):
        roles.reset_factors(carol, frozenset(("helpdesk",)), by=by)


# --- developers


def test_a_developer_creates_clients_of_their_own_and_others_none(node: Provider) -> None:
    bob, carol = Resident(node.application), Resident(node.application)
    bob.log_in("bob")
    carol.log_in("carol")
    assert [person.get("/create_client").status for person in (bob, carol)] == [403, 403]
    run(node, "groups", "create", "makers")
    run(node, "groups", "add", "makers", "bob")
    run(node, "roles", "grant", "developer", "makers", "--group")
    bob.log_in("bob")
    assert [person.get("/create_client").status for person in (bob, carol)] == [200, 403]
    made = bob.create_client(client_name="Bob's Printer")
    owned = node.server.clients.find_any(made.client_id)
    assert owned.owner_subject == node.server.accounts.subjects.find(str(id_of(node, "bob")))
    run(node, "roles", "revoke", "developer", "makers", "--group")
    assert bob.get("/create_client").status == 403


def test_an_embedding_application_has_no_roles_of_ours(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create_host:
        result = create_host().app.test_cli_runner().invoke(args=["grantwright", "roles", "list"])
    assert "This application has its own users" in result.output
