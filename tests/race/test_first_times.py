"""What is made once, asked for by many at once: an account, a consent, a code for a decision, tables, keys."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.race.conftest import Field
from tests.race.volley import SHOTS, count, post
from tests.support.live_server import run_flask, server_environment
from tests.support.person import Person, Pkce
from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS

MAX_REPEATS = 20


def cookies_of(person: Person) -> dict[str, str]:
    held = person.session.cookies.get_dict()
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in held.items())}


def decision(person: Person, fields: dict[str, str], confirm: str = "yes") -> bytes:
    return post("/oauth/authorize", {**fields, "confirm": confirm}, cookies_of(person))


def test_a_decision_pressed_many_times_gives_one_code(field: Field) -> None:
    client, person = field.create_client(), Person(field.first.url)
    person.log_in("erin")
    with field.battery() as battery:
        for turn in range(3):
            wanted = {"scope": "profile", **Pkce().parameters}
            field.third.server.grants.consents.revoke(subject_of(field, "erin"), client.row)
            page = person.ask(client.client_id, **wanted)
            shots = battery.fire(decision(person, page.hidden_fields()))

            assert count(shots) == {"303": 1, "400 invalid_request": SHOTS - 1}
            codes = "SELECT count(*) FROM oauth2_authorization_code WHERE client = :client"
            assert field.number(codes, client=client.row) == turn + 1


def test_many_consent_pages_of_one_client_answered_at_once_leave_one_consent(field: Field) -> None:
    person = Person(field.first.url)
    person.log_in("erin")
    with field.battery() as battery:
        for _ in range(3):
            client = field.create_client()
            pages = [person.ask(client.client_id, scope="profile", **Pkce().parameters) for _ in range(SHOTS)]
            shots = battery.fire([decision(person, page.hidden_fields()) for page in pages])

            assert count(shots) == {"303": SHOTS}
            consents = "SELECT count(*), min(scope) FROM oauth2_consent WHERE client = :client"
            assert field.rows(consents, client=client.row) == [(1, "profile")]


def test_a_name_that_logs_in_many_times_at_once_is_one_account(field: Field) -> None:
    stranger = Person(field.first.url)
    fields = stranger.get("/").hidden_fields()
    with field.battery() as battery:
        for number in range(3):
            # As different keyboards write it: composed, decomposed, in capitals, full-width.
            spellings = [f"Zoë{number}", f"Zoe\u0308{number}", f"ZOË{number}", f"Ｚoë{number}"]
            requests = [post("/", {**fields, "username": name}, cookies_of(stranger)) for name in spellings * 4]

            assert count(battery.fire(requests)) == {"303": SHOTS}
            key = {"key": f"zoë{number}"}
            assert field.number("SELECT count(*) FROM oauth2_user WHERE username_key = :key", **key) == 1
            subjects = (
                "SELECT count(*) FROM oauth2_subject JOIN oauth2_user ON user_id = CAST(oauth2_user.id AS varchar(255))"
            )
            assert field.number(f"{subjects} WHERE username_key = :key", **key) == 1


def test_many_who_set_up_one_database_at_once_make_it_once(tmp_path: Path, database_uri: str) -> None:
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)})
    with ThreadPoolExecutor() as nodes:
        printed = list(nodes.map(lambda _: run_flask("initdb", environment=environment), range(2)))
    assert sum("Tables: created" in text for text in printed) >= 1

    with ExitStack() as cleanup:
        providers = [cleanup.enter_context(open_provider(tmp_path, database_uri)) for _ in range(2)]
        keys = Counter((key.algorithm, key.state) for key in providers[0].server.keys.list_all())
        algorithms = ("ES256", "RS256", "A256GCM", "ECDH-ES", "RSA-OAEP-256")
        assert keys == {(algorithm, state): 1 for algorithm in algorithms for state in ("current", "next")}
        # The first clients of a database are made at once too: nothing there is counted yet.
        outcomes = at_once(SHOTS, lambda number: providers[number % 2].create_client().row)
        assert len(set(outcomes)) == SHOTS
        # All by one key and one secret, whichever process made them.
        client = providers[0].create_client("password")
        assert providers[1].is_active(client, providers[0].log_in(client)["access_token"])


def test_in_the_grace_window_rivals_converge_on_one_successor(field: Field, database: tuple[Path, str]) -> None:
    folder, database_uri = database
    grace = {"OAUTH2_ISSUER": field.first.url, "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS": 60}
    with ExitStack() as cleanup:
        nodes = [cleanup.enter_context(open_provider(folder, database_uri, **grace)) for _ in range(2)]
        client = field.create_client()
        few, many = SHOTS // 2, 1 + MAX_REPEATS + 3

        token = field.third.log_in(client)["refresh_token"]
        won = refresh_at_once(nodes, client, token, few)
        assert len(won) == few
        assert len(branches(nodes[0], won)) == 1
        # The successors are one and the same in the next round too.
        won = at_once(few, lambda number: nodes[number % 2].refresh(client, won[number]).json["refresh_token"])
        assert len(branches(nodes[0], won)) == 1
        assert nodes[0].refresh(client, won[0]).status == 200

        token = field.third.log_in(client)["refresh_token"]
        won = refresh_at_once(nodes, client, token, many)
        assert len(won) == 1 + MAX_REPEATS
        assert len(branches(nodes[0], won)) == 1
        # Those beyond the limit were refused and no more: what the others got goes on, as one.
        won = refresh_at_once(nodes, client, won[0], few)
        assert len(won) == few
        assert len(branches(nodes[0], won)) == 1


def subject_of(field: Field, username: str) -> str:
    server = field.third.server
    return str(server.accounts.subjects.subject_for_user(server.users.find_or_create(username).id)[0])


def refresh_at_once(nodes: list[Provider], client: Any, token: str, tries: int) -> list[str]:
    """Refresh with one token many times at once; return the refresh tokens that came back."""
    answers = at_once(tries, lambda number: nodes[number % 2].refresh(client, token))
    assert {answer.status for answer in answers} <= {200, 400}
    return [answer.json["refresh_token"] for answer in answers if answer.status == 200]


def branches(node: Provider, refresh_tokens: list[str]) -> set[Any]:
    """Return the different positions, grant and generation, that refresh tokens stand for."""
    return {node.server.grants.tokens.read_refresh_token(text) for text in refresh_tokens}


def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """Do something in as many threads, all let go at one moment."""
    barrier = threading.Barrier(number)

    def wait_and_act(index: int) -> Any:
        barrier.wait(ANSWER_SECONDS)
        return act(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(wait_and_act, range(number)))
