"""JWT access tokens at APIs in other libraries: joserfc, PyJWT and jose verify them with issuer and audience alone.

PyJWT and jose run the programs of the guide.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real_clients.conftest import OpenIDProvider
from tests.real_clients.node_program import FOLDER
from tests.support.live_server import REPOSITORY
from tests.support.waiting import ANSWER_SECONDS
from website.resource_server import Protector
from website.resource_server.refusals import InvalidTokenError
from website.resources import ResourceScope

GUIDES = REPOSITORY / "docs" / "how-to" / "code"
ELSEWHERE = "https://api.example/elsewhere"
Verify = Callable[[str, str, str], bool]


def verify_with_joserfc(issuer: str, audience: str, token: str) -> bool:
    try:
        return bool(Protector(issuer, "https://api.example", audience=audience).check(f"Bearer {token}").client_id)
    except InvalidTokenError:
        return False


def run(command: list[str | Path], issuer: str, audience: str, token: str) -> bool:
    environment = {**os.environ, "ISSUER": issuer, "AUDIENCE": audience, "NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(command, input=token, env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    assert ran.returncode == 0 or ran.stderr.startswith("invalid_token: "), ran.stderr
    return ran.returncode == 0 and bool(json.loads(ran.stdout)["client_id"])


def verify_with_pyjwt(issuer: str, audience: str, token: str) -> bool:
    return run([sys.executable, GUIDES / "verify_with_pyjwt.py"], issuer, audience, token)


@pytest.fixture
def verify_with_jose(tmp_path: Path) -> Verify:
    # Node looks for packages beside the program.
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    program = shutil.copy(GUIDES / "verify_with_jose.mjs", tmp_path)
    return lambda issuer, audience, token: run(["node", program], issuer, audience, token)


@pytest.fixture(params=["joserfc", "pyjwt", "jose"])
def verify(request: pytest.FixtureRequest) -> Verify:
    if request.param == "jose":
        return request.getfixturevalue("verify_with_jose")
    return {"joserfc": verify_with_joserfc, "pyjwt": verify_with_pyjwt}[request.param]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_token_is_verified_with_nothing_but_issuer_and_audience(
    openid_provider: OpenIDProvider, verify: Verify, algorithm: str, request: pytest.FixtureRequest
) -> None:
    registry, issuer = openid_provider.registry, openid_provider.issuer
    client, identifier = registry.create_client(), f"https://api.example/{request.node.name}"
    scopes = [ResourceScope("read", "Read it")]
    resource = registry.server.resources.create(identifier, "API", scopes, access_token_alg=algorithm)
    registry.server.resources.allow(registry.server.clients.find(client.client_id), resource, "read")
    token = registry.get_token(client, resource=identifier)["access_token"]
    assert verify(issuer, identifier, token)
    assert not verify(issuer, ELSEWHERE, token)
    assert not verify(issuer, identifier, f"{token[:-6]}AAAAAA")
