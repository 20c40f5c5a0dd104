"""Clients that sign who they are, written with libraries of others, unmodified: Authlib's, and openid-client 5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT

from tests.real_clients.conftest import OpenIDProvider
from tests.real_clients.node_program import run_node
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import MachineClient

BY_KEY = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks_of(key_for("RS256"))}
BY_SECRET = {"token_endpoint_auth_method": "client_secret_jwt"}
METHODS = {"by key": BY_KEY, "by secret": BY_SECRET}


def create_client(provider: OpenIDProvider, metadata: dict[str, Any]) -> MachineClient:
    return provider.registry.create_client("client_credentials", **metadata)


def open_session(registered: MachineClient, token_endpoint: str | None) -> OAuth2Session:
    by_key = registered.method == "private_key_jwt"
    secret: Any = key_for("RS256").export_to_pem(True, None).decode() if by_key else registered.secret
    methods = dict.fromkeys(("token_endpoint_auth_method", "revocation_endpoint_auth_method"), registered.method)
    session = OAuth2Session(registered.client_id, secret, **methods)
    session.trust_env = False
    session.register_client_auth_method((PrivateKeyJWT if by_key else ClientSecretJWT)(token_endpoint))
    return session


@pytest.mark.parametrize("metadata", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("named", [True, False], ids=["token endpoint", "the endpoint called"])
def test_authlibs_client_gets_introspects_and_revokes_tokens(
    openid_provider: OpenIDProvider, metadata: dict[str, Any], named: bool
) -> None:
    registered = create_client(openid_provider, metadata)
    addresses = {name: f"{openid_provider.issuer}/oauth/{name}" for name in ("token", "introspect", "revoke")}
    session = open_session(registered, addresses["token"] if named else None)
    token = session.fetch_token(addresses["token"], grant_type="client_credentials")["access_token"]
    assert session.introspect_token(addresses["introspect"], token=token).json()["active"] is True
    assert session.revoke_token(addresses["revoke"], token=token).status_code == 200
    assert session.introspect_token(addresses["introspect"], token=token).json() == {"active": False}


@pytest.mark.parametrize("metadata", METHODS.values(), ids=METHODS)
def test_openid_client_5_gets_introspects_and_revokes_tokens(
    openid_provider: OpenIDProvider, tmp_path: Path, metadata: dict[str, Any]
) -> None:
    registered = create_client(openid_provider, metadata)
    algorithm = "RS256" if registered.method == "private_key_jwt" else "HS256"
    chosen = {
        "client_id": registered.client_id, "token_endpoint_auth_method": registered.method,
        "token_endpoint_auth_signing_alg": algorithm,
    }  # fmt: skip
    if registered.secret:
        chosen["client_secret"] = registered.secret
    told: dict[str, Any] = {"issuer": openid_provider.issuer, "metadata": chosen}
    if algorithm == "RS256":
        told["signing_key"] = json.loads(key_for("RS256").export_private())
    with run_node("openid_client_5.js", tmp_path / "node.log") as program:
        program.say(told)
        said = program.hear_all()
    assert said["scope"] == "photos"
    assert (said["described"]["active"], said["after"]) == (True, {"active": False})
    assert said["refused"] == "invalid_scope"
