"""What a stranger's registration costs: the CPU of a request, the memory of a process (E4, E7). Long form only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from jwcrypto import jwk

from tests.support.live_server import LiveServer
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of
from tests.support.waiting import ANSWER_SECONDS

pytestmark = pytest.mark.soak
OPEN = {
    "OAUTH2_REGISTRATION": "open",
    "OAUTH2_REGISTRATION_GRANT_TYPES": '["authorization_code","client_credentials"]',
    "OAUTH2_RATE_LIMITS": '{"register": 0}',  # the demo registers sixty a minute
}
REQUESTS, MAX_CPU_SECONDS = 300, 0.010
CLIENTS, MAX_BYTES = 900, 80 * 1024 * 1024


def written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(bits: int) -> str:
    return written((secrets.randbits(bits) | 1 | 1 << (bits - 1)).to_bytes((bits + 7) // 8))


def costly_keys(kind: str) -> tuple[list[dict[str, Any]], str, int]:
    """Return keys, the algorithm that they are for, and the length of its signatures."""
    if kind == "RSA":
        return [{"kty": "RSA", "n": number(4096), "e": number(32)} for _ in range(15)], "RS256", 512
    return jwks_of(*(jwk.JWK.generate(kty="EC", crv="P-384") for _ in range(15)))["keys"], "ES384", 96


def cpu_seconds(server: LiveServer) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(server: LiveServer) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def register(server: LiveServer, **document: Any) -> str:
    answer = requests.post(f"{server.url}/oauth/register", json=document, timeout=ANSWER_SECONDS)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


@pytest.mark.parametrize("kind", ["RSA", "P-384"])
def test_no_supplied_key_makes_a_request_cost_more_than_ten_milliseconds(
    live_server: Callable[..., LiveServer], kind: str
) -> None:
    server = live_server("flask", OPEN)
    keys, algorithm, length = costly_keys(kind)
    client_id = register(
        server, jwks={"keys": keys}, token_endpoint_auth_method="private_key_jwt", grant_types=["client_credentials"]
    )
    head = written(json.dumps({"alg": algorithm}).encode())
    body = written(json.dumps(assertion_claims(client_id, server.url)).encode())
    fields = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    with requests.Session() as session:
        began = cpu_seconds(server)
        for _ in range(REQUESTS):
            assertion = f"{head}.{body}.{written(b'1' + secrets.token_bytes(length - 1))}"
            answer = session.post(
                f"{server.url}/oauth/token", {**fields, "client_assertion": assertion}, timeout=ANSWER_SECONDS
            )
            assert answer.status_code == 401
        cost = (cpu_seconds(server) - began) / REQUESTS
    print(f"{kind}: {cost * 1000:.1f} ms of CPU a request")
    assert cost <= MAX_CPU_SECONDS


def test_the_largest_registrations_do_not_fill_the_memory(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("flask", OPEN)
    key = jwks_of(jwk.JWK.generate(kty="EC", crv="P-256"))["keys"][0]
    keys = [{**key, "kid": f"{place:02}" * 200} for place in range(20)]
    document = {"redirect_uris": ["https://client.example/cb"], "jwks": {"keys": keys, "junk": [[]] * 500}}
    client_ids = [register(server, **document) for _ in range(CLIENTS)]
    before = resident_bytes(server)
    with requests.Session() as session:
        for client_id in client_ids:  # a client that is named is kept in memory
            asked = {"client_id": client_id, "response_type": "code"}
            session.get(f"{server.url}/oauth/authorize", params=asked, allow_redirects=False, timeout=ANSWER_SECONDS)
    growth = resident_bytes(server) - before
    print(f"{CLIENTS} clients: {growth / 1e6:.0f} MB more")
    assert growth <= MAX_BYTES
