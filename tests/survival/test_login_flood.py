"""A flood of logins takes two hashes at a time, and leaves the machines' endpoints serving (U8). Long form only."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.deployment.front import PASSWORD, open_front
from tests.support.waiting import ANSWER_SECONDS

SECONDS, FLOOD = 10, 30
UNLIMITED = {
    "OAUTH2_LOGIN_TRIES_PER_ACCOUNT": "0",
    "OAUTH2_LOGIN_TRIES_PER_ADDRESS": "0",
    "OAUTH2_RATE_LIMITS": '{"login": 0, "token": 0}',
}


@pytest.mark.soak
def test_a_flood_of_logins_leaves_the_token_endpoint_serving(run_folder: Path, tmp_path: Path, sqlite_uri: str) -> None:
    seen: Counter[int] = Counter()
    refused_without_wait: list[str] = []
    tokens: list[tuple[int, float]] = []
    with open_front(run_folder, tmp_path, sqlite_uri, nodes=1, **UNLIMITED) as front:
        developer = front.person()
        fields = {**developer.get("/").hidden_fields(), "username": "ada", "password": PASSWORD}
        assert developer.post("/", fields).status == 303
        client = developer.create_client(grant_type="client_credentials", response_type="", redirect_uri="")
        until = time.monotonic() + SECONDS

        def flood(number: int) -> None:
            person = front.person()
            while time.monotonic() < until:
                fields = {**person.get("/").hidden_fields(), "username": "ada", "password": f"wrong password {number}"}
                answer = person.post("/", fields)
                seen[answer.status] += 1
                if answer.status == 503 and not answer.headers.get("Retry-After"):
                    refused_without_wait.append(answer.text)

        def ask() -> None:
            session = front.session()
            while time.monotonic() < until:
                began = time.monotonic()
                fields = {"grant_type": "client_credentials"}
                answer = session.post(f"{front.url}/oauth/token", fields, headers=client.basic, timeout=ANSWER_SECONDS)
                tokens.append((answer.status_code, time.monotonic() - began))

        threads = [threading.Thread(target=flood, args=(number,)) for number in range(FLOOD)]
        threads += [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    worst = max(seconds for _status, seconds in tokens)
    print(f"logins {dict(seen)}; {len(tokens)} tokens meanwhile, the slowest after {worst * 1000:.0f} ms")
    assert set(seen) <= {422, 503}
    assert seen[422] > 0
    assert refused_without_wait == []
    assert {status for status, _seconds in tokens} == {200}
