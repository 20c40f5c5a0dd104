"""Twenty rotations while two nodes sign: whoever keeps the key set for ten minutes verifies every token (J11).

The nodes answer real HTTP from this process, because their clock has to run: a second here is about ten minutes there.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from jwcrypto import jwk, jws
from jwcrypto.common import JWException
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.token_requests import MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, POLL_SECONDS, wait_until

CACHED_SECONDS = 600
#: As the guide has it: some minutes lie between two rotations, so that everybody has seen the next key.
BETWEEN_ROTATIONS_SECONDS = 660
STEP_SECONDS, STEP_TAKES_SECONDS = 20, 0.03
READERS = 4
ISSUER = "http://127.0.0.1:5000"


class SilentHandler(WSGIRequestHandler):
    """Leaves the log to the application."""

    def log_request(self, *_arguments: Any) -> None:
        pass


@contextmanager
def serve(provider: Provider) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, provider.application, threaded=True, request_handler=SilentHandler)
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Reader(threading.Thread):
    """A client that gets tokens from either node, and verifies them by a key set that is up to ten minutes old."""

    def __init__(self, nodes: list[str], client: MachineClient, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._nodes, self._client, self._stopped = nodes, client, stop
        self._session = requests.Session()
        self._session.trust_env = False
        self._keys, self._read_at = jwk.JWKSet(), float("-inf")
        self._recent: deque[tuple[float, str]] = deque(maxlen=200)
        self.verified = 0
        self.failures: list[str] = []

    def run(self) -> None:
        turn = 0
        while not self._stopped.is_set():
            turn += 1
            token = self._ask(self._nodes[turn % 2])
            self._verify(token)
            # One that was given a while ago and still holds.
            self._recent.append((time.time(), token))
            given_at, former = self._recent[0]
            if time.time() - given_at < CACHED_SECONDS - 2 * STEP_SECONDS:
                self._verify(former)
            else:
                self._recent.popleft()

    def _ask(self, node: str) -> str:
        fields = {"grant_type": "client_credentials", "scope": "profile"}
        credentials = (self._client.client_id, self._client.secret or "")
        answer = self._session.post(f"{node}/oauth/token", data=fields, auth=credentials)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def _verify(self, token: str) -> None:
        present = time.time()
        if present - self._read_at >= CACHED_SECONDS:
            node = self._nodes[self.verified % 2]
            self._keys, self._read_at = jwk.JWKSet.from_json(self._session.get(f"{node}/oauth/jwks").text), present
        header = json.loads(jwk.base64url_decode(token.partition(".")[0]))
        key = self._keys.get_key(header["kid"])
        if key is None:
            self.failures.append(f"unknown key, {present - self._read_at:.0f} seconds after reading the key set")
            return
        try:
            # The signature alone. On a busy machine minutes of this clock lie between asking and looking, and whether
            # the token has expired meanwhile is another question.
            signed = jws.JWS()
            signed.allowed_algs = ["ES256"]
            signed.deserialize(token)
            signed.verify(key)
        except JWException as error:
            self.failures.append(str(error))
            return
        self.verified += 1


def _signing_kid(node: Provider) -> str:
    return node.server.keys.keyring.signing["ES256"].kid


@pytest.mark.parametrize("rotations", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_no_rotation_makes_a_verification_fail(
    rotations: int, database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A node knows of a change within a second of the clock that runs here.
    monkeypatch.setattr("website.database.cache_invalidation.CHECK_SECONDS", 0.001)
    settings = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": [], "OAUTH2_ISSUER": ISSUER}
    stop = threading.Event()
    with ExitStack() as held:
        nodes = [held.enter_context(open_provider(tmp_path, database_uri, **settings)) for _node in range(2)]
        client = nodes[0].create_client(policy={"access_token_format": "jwt"})
        addresses = [held.enter_context(serve(node)) for node in nodes]
        clock = held.enter_context(time_machine.travel(time.time(), tick=True))
        readers = [Reader(addresses, client, stop) for _reader in range(READERS)]
        for reader in readers:
            reader.start()
        used = {_signing_kid(nodes[0])}
        for rotation in range(rotations):
            for _step in range(BETWEEN_ROTATIONS_SECONDS // STEP_SECONDS):
                time.sleep(STEP_TAKES_SECONDS)
                clock.shift(STEP_SECONDS)
            result = nodes[rotation % 2].application.test_cli_runner().invoke(args=["keys", "rotate"])
            assert result.exit_code == 0, result.output
            # Another thread may be the one that looks for changes at this moment.
            wait_until(lambda: _signing_kid(nodes[0]) not in used, pause=0.005)
            used.add(_signing_kid(nodes[0]))
        stop.set()
        for reader in readers:
            reader.join(ANSWER_SECONDS)
            assert not reader.is_alive()
    assert [failure for reader in readers for failure in reader.failures] == []
    assert min(reader.verified for reader in readers) > 10 * rotations
