"""The commands that let others register their clients: a token shown once, listed while it lasts, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.support.commands import run, run_for_json
from tests.support.registering_client import ask
from tests.support.token_requests import Provider, open_provider

COMMAND = "initial-access-tokens"
Create = Callable[..., Flask]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite") as opened:
        yield opened


def test_a_token_made_by_command_registers_as_many_clients_as_it_says(provider: Provider) -> None:
    made = run_for_json(provider, COMMAND, "create", "Ann's installations", "--uses", "2", "--days", "30", "--json")
    assert (made["note"], made["uses_left"]) == ("Ann's installations", 2)
    assert made["initial_access_token"].startswith("gwia_")
    listed = {row["id"]: row for row in run_for_json(provider, COMMAND, "list", "--json")}
    assert "initial_access_token" not in listed[made["id"]]
    assert [ask(provider, made["initial_access_token"]).status for _try in range(3)] == [201, 201, 401]
    assert made["id"] not in {row["id"] for row in run_for_json(provider, COMMAND, "list", "--json")}


def test_the_token_is_shown_to_people_too_and_never_again(provider: Provider) -> None:
    shown = run(provider, COMMAND, "create", "Ann").output
    assert "Valid for 1 client until" in shown
    assert "gwia_" in shown
    assert "gwia_" not in run(provider, COMMAND, "list").output


def test_a_token_that_is_taken_back_registers_nothing(provider: Provider) -> None:
    made = run_for_json(provider, COMMAND, "create", "Bob", "--json")
    assert "deleted" in run(provider, COMMAND, "delete", made["id"]).output
    assert ask(provider, made["initial_access_token"]).status == 401
    again = provider.application.test_cli_runner().invoke(args=[COMMAND, "delete", made["id"]])
    assert again.exit_code == 1
    assert "no initial access token" in again.output


@pytest.mark.parametrize("note", ["x" * 201, "a\u202eb"])
def test_a_note_that_cannot_be_read_is_refused(provider: Provider, note: str) -> None:
    result = provider.application.test_cli_runner().invoke(args=[COMMAND, "create", note])
    assert (result.exit_code, "NOTE:" in result.output) == (1, True)


def test_where_nobody_may_register_none_is_made(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_REGISTRATION="off"))
    result = provider.application.test_cli_runner().invoke(args=[COMMAND, "create", "Ann"])
    assert result.exit_code == 1
    assert "OAUTH2_REGISTRATION is off" in result.output
