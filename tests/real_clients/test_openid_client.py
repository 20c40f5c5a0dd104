"""openid-client (JavaScript): it finds the provider, logs a person in, refreshes, revokes, logs out, and judges all.

The program is ``node/openid_client.js``; the person's part is played by ``tests/support/person.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jwcrypto import jwk

from tests.real_clients.conftest import OpenIDProvider
from tests.real_clients.node_program import NodeProgram, run_node
from tests.support.person import REDIRECT_URI, Person
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import MachineClient

SECRET = {"token_endpoint_auth_method": "client_secret_basic"}
GOODBYE = "https://client.example/goodbye"
SIGNING_KEY = key_for("ES256")
ENCRYPTION_KEY = jwk.JWK.generate(kty="EC", crv="P-256", kid="key-ECDH-ES", use="enc")
ENCRYPTION = {
    "id_token_encrypted_response_alg": "ECDH-ES",
    "id_token_encrypted_response_enc": "A128GCM",
    "userinfo_encrypted_response_alg": "ECDH-ES",
    "userinfo_encrypted_response_enc": "A128GCM",
    "userinfo_signed_response_alg": "ES256",
}
CLIENTS: dict[str, dict[str, Any]] = {
    "secret in a header": SECRET,
    "secret in the form": {"token_endpoint_auth_method": "client_secret_post"},
    "no secret": {"token_endpoint_auth_method": "none"},
    "JWT by the secret": {"token_endpoint_auth_method": "client_secret_jwt"},
    "JWT by a key": {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"},
    "RS256": {**SECRET, "id_token_signed_response_alg": "RS256"},
    "signed UserInfo": {**SECRET, "userinfo_signed_response_alg": "ES256"},
    "another name for each client": {**SECRET, "subject_type": "pairwise"},
}


def register(provider: OpenIDProvider, **metadata: Any) -> tuple[MachineClient, dict[str, Any]]:
    """Register a client with its keys; return it, and what its program is told."""
    chosen = {
        "id_token_signed_response_alg": "ES256",
        "jwks": jwks_of(SIGNING_KEY, ENCRYPTION_KEY),
        "post_logout_redirect_uris": [GOODBYE],
        "response_types": ["code", "id_token", "code id_token"],
        **metadata,
    }
    registered = provider.create_client(REDIRECT_URI, **chosen)
    told = {
        "issuer": provider.issuer,
        "client_id": registered.client_id,
        "client_secret": registered.secret,
        "redirect_uri": REDIRECT_URI,
        "post_logout_redirect_uri": GOODBYE,
        "response_type": "code",
        "metadata": chosen,
        "signing_key": json.loads(SIGNING_KEY.export_private()),
    }
    return registered, told


def log_in(provider: OpenIDProvider, program: NodeProgram, told: dict[str, Any]) -> Person:
    """Have a person log in with the program."""
    program.say(told)
    person = provider.log_in("alice")
    address = program.hear()["authorization_url"]
    answer = person.decide(person.get(address))
    # A browser keeps the fragment to itself, unless the answer is in it: then the page sends it on.
    program.say(answer.location if "id_token" in told["response_type"] else answer.location.partition("#")[0])
    return person


@pytest.mark.parametrize("metadata", CLIENTS.values(), ids=CLIENTS.keys())
def test_it_logs_in_refreshes_and_revokes(
    openid_provider: OpenIDProvider, tmp_path: Path, metadata: dict[str, Any]
) -> None:
    _registered, told = register(openid_provider, **metadata)
    with run_node("openid_client.js", tmp_path / "node.log") as program:
        person = log_in(openid_provider, program, told)
        check_the_whole_way(program.hear_all(), person)


def test_it_logs_in_by_the_hybrid_flow(openid_provider: OpenIDProvider, tmp_path: Path) -> None:
    _registered, told = register(openid_provider, **SECRET)
    with run_node("openid_client.js", tmp_path / "node.log") as program:
        person = log_in(openid_provider, program, {**told, "response_type": "code id_token"})
        check_the_whole_way(program.hear_all(), person)


def test_it_logs_in_by_the_implicit_flow(openid_provider: OpenIDProvider, tmp_path: Path) -> None:
    registered, told = register(openid_provider, **SECRET)
    with run_node("openid_client.js", tmp_path / "node.log") as program:
        log_in(openid_provider, program, {**told, "response_type": "id_token"})
        claims = program.hear_all()["claims"]
    assert claims["aud"] == registered.client_id


def test_it_asks_by_a_signed_request_object(openid_provider: OpenIDProvider, tmp_path: Path) -> None:
    _registered, told = register(openid_provider, **SECRET, request_object_signing_alg="ES256")
    with run_node("openid_client.js", tmp_path / "node.log") as program:
        person = log_in(openid_provider, program, {**told, "is_request_signed": True})
        check_the_whole_way(program.hear_all(), person)


def test_it_reads_what_is_encrypted_for_it(openid_provider: OpenIDProvider, tmp_path: Path) -> None:
    _registered, told = register(openid_provider, **SECRET, **ENCRYPTION)
    told["decryption_key"] = json.loads(ENCRYPTION_KEY.export_private())
    with run_node("openid_client.js", tmp_path / "node.log") as program:
        person = log_in(openid_provider, program, told)
        check_the_whole_way(program.hear_all(), person)


def check_the_whole_way(said: dict[str, Any], person: Person) -> None:
    """Look at what a program said that came to its end: it had every answer, and was refused where it had to be."""
    assert "iss" in said["of_another_issuer"]
    assert said["person"]["sub"] == said["claims"]["sub"]
    assert said["person"]["preferred_username"] == "alice"
    assert said["refreshed_claims"]["sub"] == said["claims"]["sub"]
    assert said["refreshed_claims"]["auth_time"] == said["claims"]["auth_time"]
    assert said["person_again"] == said["person"]
    assert said["is_new"]
    assert said["userinfo_after_revocation"] == "invalid_token"
    assert said["refresh_after_revocation"] == "invalid_grant"
    check_the_way_out(said, person)


def check_the_way_out(said: dict[str, Any], person: Person) -> None:
    answer = person.get(said["end_session_url"])
    if "id_token_hint" not in said["leaving"]:
        assert "Log out of" in answer.text
        answer = person.post("/oauth/logout", {**answer.hidden_fields(), "confirm": "yes"})
    assert (answer.status, answer.location) == (303, f"{GOODBYE}?state={said['leaving']['state']}")
    assert person.get("/account/apps").status == 303
