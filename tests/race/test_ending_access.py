"""Whoever loses the access to a client while they are getting tokens there is left with none, on two nodes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.support.at_once import at_once
from tests.support.commands import run
from tests.support.person import Pkce
from tests.support.residents import PASSWORD, add_client, add_user, draw_code, logged_in, open_nodes, redeem, rows
from tests.support.token_requests import Answer, MachineClient, Provider
from website.access import ending_access
from website.grants.storage import NewGrant

ROUNDS = 6


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    """PostgreSQL, whose readers don't wait: SQLite has one writer at a time, which judges what it then writes."""
    with open_nodes(request, tmp_path_factory.mktemp("instance"), "postgresql") as opened:
        add_user(opened[0], "ada")
        run(opened[0], "groups", "create", "staff")
        yield opened


@pytest.fixture
def client(nodes: list[Provider]) -> MachineClient:
    run(nodes[0], "groups", "add", "staff", "ada")
    added = add_client(nodes[0])
    run(nodes[0], "access", "set", added.client_id, "--group", "staff")
    return added


def waits(connection: Connection) -> bool:
    found = connection.execute(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    is_waiting = bool(found.scalar_one())
    connection.rollback()
    return is_waiting


def start(act: Callable[[], Any], answers: list[Any]) -> threading.Thread:
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    return thread


def wait_until_it_waits(node: Provider, thread: threading.Thread) -> None:
    with node.server.database.engine.connect() as watching:
        while thread.is_alive() and not waits(watching):
            thread.join(0.02)
    assert thread.is_alive(), "it waited for nobody"


def remove_ada(node: Provider) -> list[int]:
    group = node.server.access.groups.find("staff")
    return node.server.access.groups.remove_members(group.id, [node.server.users.find_row("ada").id])


def live_grants(node: Provider, client: MachineClient) -> int:
    sql = (
        "SELECT count(*) FROM oauth2_grant g JOIN oauth2_client c ON c.id = g.client"
        " WHERE c.id = :client AND g.revoked_at IS NULL AND g.client_epoch = c.token_epoch"
    )
    return int(rows(node, sql, client=client.row)[0][0])


def test_a_code_redeemed_while_its_person_is_leaving_the_group_is_refused(
    nodes: list[Provider], client: MachineClient
) -> None:
    first, second = nodes
    pkce = Pkce()
    code = draw_code(logged_in(first, "ada"), client, pkce)
    answers: list[Answer] = []
    with first.server.database.engine.begin() as leaving:
        leaving.execute(text("DELETE FROM oauth2_membership"))
        thread = start(lambda: redeem(second, client, code, pkce), answers)
        wait_until_it_waits(first, thread)
    thread.join()
    assert (answers[0].status, answers[0].error) == (400, "invalid_grant")
    assert live_grants(first, client) == 0


@pytest.mark.parametrize("take", ["membership", "group", "rule"])
def test_whoever_takes_the_access_waits_for_a_redemption_and_ends_its_grant(
    nodes: list[Provider], client: MachineClient, take: str
) -> None:
    first, second = nodes
    subject = str(first.server.accounts.subjects.find(str(first.server.users.find_row("ada").id)))
    granted = NewGrant(first.server.clients.find_row(client.row), subject, "authorization_code", "profile")
    if take == "rule":
        run(first, "groups", "create", "nobody")
    acts = {
        "membership": lambda: remove_ada(second),
        "group": lambda: run(second, "groups", "delete", "staff", "--yes").exit_code,
        "rule": lambda: run(second, "access", "set", client.client_id, "--group", "nobody").exit_code,
    }
    answers: list[Any] = []
    with first.server.database.write() as writer:
        assert first.server.grants.write(writer, granted, with_refresh_token=True)
        thread = start(acts[take], answers)
        wait_until_it_waits(first, thread)
    thread.join()
    assert len(answers) == 1
    assert live_grants(first, client) == 0
    if take == "group":
        run(first, "groups", "create", "staff")


@pytest.mark.parametrize("limit", [1000, 0])
def test_of_all_at_once_nobody_is_left_with_a_live_token(
    nodes: list[Provider], client: MachineClient, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code, a refresh token and a password at one node, while the other one takes the membership away."""
    monkeypatch.setattr(ending_access, "MAX_GRANTS", limit)
    first, second = nodes
    for _round in range(ROUNDS):
        run(first, "groups", "add", "staff", "ada")
        first.server.cache_invalidation.check_now()
        second.server.cache_invalidation.check_now()
        ada, pkce = logged_in(first, "ada"), Pkce()
        held = redeem(first, client, draw_code(ada, client, used := Pkce()), used).json["refresh_token"]
        code = draw_code(ada, client, pkce)
        acts: list[Callable[[], Any]] = [
            lambda: remove_ada(second),
            lambda code=code, pkce=pkce: redeem(first, client, code, pkce),
            lambda held=held: first.refresh(client, held),
            lambda: second.ask_token(client, "password", username="ada", password=PASSWORD, scope="profile"),
        ]
        removed, *answers = at_once(len(acts), lambda index, acts=acts: acts[index]())
        assert len(removed) == 1
        assert {answer.status for answer in answers} <= {200, 400}
        assert live_grants(first, client) == 0
        first.server.cache_invalidation.check_now()
        for answer in answers:
            for name in ("access_token", "refresh_token"):
                assert answer.status == 400 or not first.is_active(client, answer.json[name])
