"""Groups by the commands: created, filled, renamed, deleted; what the limits refuse, and two nodes at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import open_hosts
from tests.support.residents import add_user, open_nodes, rows
from tests.support.token_requests import Provider
from website.access import group_changes
from website.access.group_names import GroupError

PEOPLE = ("ada", "bob", "carol")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with three accounts; each test finds no groups but its own."""
    for name in PEOPLE:
        add_user(nodes[0], name)
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def members(node: Provider, name: str = "staff") -> list[str]:
    shown = run_for_json(node, "groups", "show", name, "--json")
    return [member["username"] for member in shown["usernames"]]


def events(node: Provider, name: str) -> list[str]:
    """Return the usernames that events of a name are about, in order."""
    users = node.server.users
    found = [row.subject for row in node.server.audit.list(events=[name])]
    return sorted(users.names_of(found)[subject] for subject in found)


# --- creating and filling


def test_a_group_has_a_name_for_applications_and_a_label_for_people(node: Provider) -> None:
    assert run(node, "groups", "create", "Ops-2.eu_west", "--label", " The  operators ").stdout == (
        "Group Ops-2.eu_west created\n"
    )
    shown = run_for_json(node, "groups", "show", "ops-2.EU_west", "--json")
    assert (shown["name"], shown["label"], shown["members"]) == ("Ops-2.eu_west", "The operators", 0)
    assert run_for_json(node, "groups", "create", "staff", "--json")["label"] == "staff"
    assert latest_event(node, "group_created").detail == {"group": "staff", "label": "staff"}


@pytest.mark.parametrize("name", ["", "two words", "-x", ".x", "größe", "a" * 101, "a/b", "a\u200bb", "\uff41"])
def test_other_names_are_refused(node: Provider, name: str) -> None:
    assert "begin with a letter or digit" in run(node, "groups", "create", "--", name, exit_code=1).output
    assert rows(node, "SELECT count(*) FROM oauth2_group") == [(0,)]


def test_names_that_differ_in_case_are_one_name(node: Provider) -> None:
    run(node, "groups", "create", "Staff")
    run(node, "groups", "create", "ops")
    for arguments in (("create", "sTAFF"), ("set", "ops", "--name", "STAFF")):
        assert "There already is a group named" in run(node, "groups", *arguments, exit_code=1).output
    assert run(node, "groups", "set", "staff", "--name", "STAFF").stdout == "Group STAFF changed\n"


@pytest.mark.parametrize("label", ["x" * 201, "a\x00b", "a\u202eb"])
def test_a_label_is_text_that_can_be_printed(node: Provider, label: str) -> None:
    assert "printable characters" in run(node, "groups", "create", "staff", "--label", label, exit_code=1).output


def test_many_accounts_are_added_and_removed_at_once_and_each_has_its_event(node: Provider, tmp_path: Path) -> None:
    run(node, "groups", "create", "staff")
    assert run(node, "groups", "add", "staff", "ADA").stdout == "1 account added to staff\n"
    file = tmp_path / "names.txt"
    file.write_text("bob\n\ncarol\r\n", encoding="utf-8-sig")
    added = run(node, "groups", "add", "staff", "ada", "--file", str(file)).stdout
    assert added == "2 accounts added to staff; 1 was already in it\n"
    assert members(node) == [*PEOPLE]
    assert events(node, "group_member_added") == [*PEOPLE]
    assert run(node, "groups", "remove", "staff", "ada", "bob").stdout == "2 accounts removed from staff\n"
    assert run(node, "groups", "remove", "staff", "bob").stdout == "0 accounts removed from staff; 1 was not in it\n"
    assert members(node) == ["carol"]
    assert events(node, "group_member_removed") == ["ada", "bob"]
    row = latest_event(node, "group_member_removed")
    assert row.actor.startswith("command:")
    assert row.detail == {"group": "staff"}


def test_an_unknown_name_among_many_changes_nothing(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    output = run(node, "groups", "add", "staff", "ada", "nobody", exit_code=1).output
    assert "Nothing was changed: there are no users named nobody." in output
    assert members(node) == []
    assert "at least one account" in run(node, "groups", "add", "staff", exit_code=2).output
    assert "no group named 'ops'" in run(node, "groups", "add", "ops", "ada", exit_code=1).output


def test_accounts_come_with_their_groups_from_a_file(node: Provider, tmp_path: Path) -> None:
    for name in ("staff", "ops"):
        run(node, "groups", "create", name)
    file = tmp_path / "people.csv"
    file.write_text('username,groups\ndora,"staff, OPS"\nemil,staff\nfrida,\n')
    run(node, "users", "import", str(file))
    assert members(node) == ["dora", "emil"]
    assert members(node, "ops") == ["dora"]
    assert run_for_json(node, "users", "show", "dora", "--json")["groups"] == ["ops", "staff"]
    assert "0 accounts created; 3 already exist." in run(node, "users", "import", str(file)).stdout
    assert events(node, "group_member_added") == ["dora", "dora", "emil"]

    run(node, "groups", "remove", "ops", "dora")
    for line, reason in (
        ("dora,staff OPS", "line 2: dora already exists, and isn't in OPS."),
        ("greta,typo", "line 2: groups: There is no group named typo"),
    ):
        file.write_text(f"username,groups\n{line}\n")
        assert reason in run(node, "users", "import", str(file), exit_code=1).output
    lines = tmp_path / "people.jsonl"
    lines.write_text('{"username": "greta", "groups": ["staff", "ops"]}\n')
    run(node, "users", "import", str(lines))
    assert members(node, "ops") == ["greta"]


def test_missing_groups_are_named_once_and_created_where_wanted(node: Provider, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("username,groups\ndora,sales\nemil,Sales\nfrida,ops\n")
    refused = run(node, "users", "import", str(file), exit_code=1).output
    assert "2 problems" in refused
    assert "line 2: groups: There is no group named sales (1 more line names it): add --create-groups" in refused
    tried = run(node, "users", "import", str(file), "--create-groups", "--dry-run").stdout
    assert "Groups to create: sales, ops" in tried
    assert "Group sales created" in run(node, "users", "import", str(file), "--create-groups").stdout
    assert members(node, "sales") == ["dora", "emil"]
    file.write_text("username,groups\ngreta,no/name\n")
    refused = run(node, "users", "import", str(file), "--create-groups", exit_code=1).output
    assert "Group names have up to" in refused


def test_existing_accounts_that_have_changed_are_skipped_where_wanted(node: Provider, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("username,email\ndora,dora@example.org\nemil,emil@example.org\n")
    run(node, "users", "import", str(file))
    run(node, "users", "set", "dora", "--email", "d@example.org")
    file.write_text(file.read_text() + "frida,frida@example.org\n")
    assert "different email" in run(node, "users", "import", str(file), exit_code=1).output
    done = run(node, "users", "import", str(file), "--skip-existing").stdout
    assert done == "1 account created; 2 already exist, 1 of them different, which stay as they are.\n"
    assert run_for_json(node, "users", "show", "dora", "--json")["email"] == "d@example.org"


# --- showing, changing, deleting


def test_groups_are_listed_by_name_with_their_members(node: Provider) -> None:
    for name, label in (("zebra", "Animals"), ("Ada.team", "Analysts")):
        run(node, "groups", "create", name, "--label", label)
    run(node, "groups", "add", "zebra", "ada", "bob")
    lines = run(node, "groups", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["NAME", "LABEL", "MEMBERS"], ["Ada.team", "Analysts", "0"], ["zebra", "Animals", "2"],
    ]  # fmt: skip
    found = {part: run_for_json(node, "groups", "list", "--find", part, "--json") for part in ("EB", "anim", "%")}
    assert {part: [group["name"] for group in listing] for part, listing in found.items()} == {
        "EB": ["zebra"], "anim": ["zebra"], "%": [],
    }  # fmt: skip
    assert "1 of 2" in run(node, "groups", "show", "zebra", "--limit", "1").stdout


def test_a_new_name_keeps_the_members_and_is_an_event(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    run(node, "groups", "add", "staff", "ada")
    run(node, "groups", "set", "staff", "--name", "crew", "--label", "The crew")
    assert members(node, "crew") == ["ada"]
    assert latest_event(node, "group_changed").detail == {"group": "staff", "name": "crew", "label": "The crew"}
    before = len(node.server.audit.list())
    run(node, "groups", "set", "crew", "--label", "The crew")
    assert len(node.server.audit.list()) == before


def test_a_deleted_group_leaves_its_accounts_and_an_event_for_each(node: Provider) -> None:
    run(node, "groups", "create", "staff")
    run(node, "groups", "add", "staff", *PEOPLE)
    assert "Aborted" in run(node, "groups", "delete", "staff", feed="n\n", exit_code=1).output
    run(node, "groups", "delete", "staff", feed="y\n")
    assert events(node, "group_member_removed") == [*PEOPLE]
    assert latest_event(node, "group_deleted").detail == {"group": "staff", "members": 3}
    assert rows(node, "SELECT count(*) FROM oauth2_membership") == [(0,)]
    assert node.server.users.find_row("ada") is not None
    assert "no group named" in run(node, "groups", "show", "staff", exit_code=1).output


def test_a_deleted_account_is_in_no_group_and_an_export_names_them(node: Provider) -> None:
    run(node, "groups", "create", "staff", "--label", "All staff")
    run(node, "groups", "add", "staff", "ada", "bob")
    [exported] = run_for_json(node, "users", "export", "ada")["groups"]
    assert (exported["name"], exported["label"]) == ("staff", "All staff")
    assert exported["added_at"]
    run(node, "users", "delete", "ada", "--yes")
    assert members(node) == ["bob"]


# --- limits


def test_a_server_has_a_limited_number_of_groups(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_changes, "MAX_GROUPS", 2)
    for name in ("a", "b"):
        run(node, "groups", "create", name)
    assert "2 groups, which is the limit" in run(node, "groups", "create", "c", exit_code=1).output


def test_an_account_is_in_a_limited_number_of_groups(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_changes, "MAX_GROUPS_OF_ACCOUNT", 2)
    for name in ("a", "b", "c"):
        run(node, "groups", "create", name)
    for name in ("a", "b"):
        run(node, "groups", "add", name, "ada")
    assert "ada is in 2 groups" in run(node, "groups", "add", "c", "ada", "bob", exit_code=1).output
    assert members(node, "c") == []
    assert run(node, "groups", "add", "b", "ada", "bob").stdout.startswith("1 account added")


# --- two nodes at one moment


def test_one_membership_added_on_two_nodes_is_one_row_and_one_event(nodes: list[Provider], node: Provider) -> None:
    group = node.server.access.groups.create("staff")
    ids = [node.server.users.find_row(name).id for name in PEOPLE]

    def add(index: int) -> list[int]:
        wanted = ids if index % 2 else ids[::-1]
        return nodes[index % 2].server.access.groups.add_members(group.id, wanted)

    added = at_once(8, add)
    assert sorted(user_id for user_ids in added for user_id in user_ids) == sorted(ids)
    assert members(node) == [*PEOPLE]
    assert events(node, "group_member_added") == [*PEOPLE]


def test_the_limit_of_an_account_is_exact_on_two_nodes(
    nodes: list[Provider], node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_changes, "MAX_GROUPS_OF_ACCOUNT", 3)
    created = [node.server.access.groups.create(f"group{index}") for index in range(8)]
    ada = node.server.users.find_row("ada").id

    def add(index: int) -> bool:
        try:
            return bool(nodes[index % 2].server.access.groups.add_members(created[index].id, [ada]))
        except GroupError:
            return False

    assert sum(at_once(8, add)) == 3
    assert rows(node, "SELECT count(*) FROM oauth2_membership") == [(3,)]


def test_a_group_deleted_while_members_are_added_leaves_none(nodes: list[Provider], node: Provider) -> None:
    ids = [node.server.users.find_row(name).id for name in PEOPLE]
    for _ in range(5):
        group = node.server.access.groups.create("staff")

        def act(index: int, group_id: str = group.id) -> str | None:
            groups = nodes[index % 2].server.access.groups
            try:
                groups.delete(group_id) if index == 0 else groups.add_members(group_id, [ids[index % 3]])
            except GroupError as error:
                return str(error)
            return None

        refusals = {outcome for outcome in at_once(4, act) if outcome}
        assert refusals <= {"This group has been deleted."}
        assert rows(node, "SELECT count(*) FROM oauth2_membership") == [(0,)]
    assert events(node, "group_member_added") == events(node, "group_member_removed")


# --- embedded


def test_an_embedding_application_keeps_its_groups_for_itself(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create_host:
        result = create_host().app.test_cli_runner().invoke(args=["grantwright", "groups", "list"])
    assert result.exit_code == 1
    assert "This application has its own users" in result.output
