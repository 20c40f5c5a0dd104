"""An API that refuses a request says where to get a token; with the specification off, it doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from website.app import create_app

WELL_KNOWN = "/.well-known/oauth-protected-resource"
CHALLENGE = f'resource_metadata="http://localhost{WELL_KNOWN}"'


def open_provider(folder: Path, **settings: object) -> FlaskClient:
    """Build a provider with its own empty database."""
    given = {"AUTHLIB_INSECURE_TRANSPORT": True, "OAUTH2_INSTANCE_PATH": str(folder), **settings}
    application = create_app(given)
    assert application.test_cli_runner().invoke(args=["initdb"]).exit_code == 0
    return application.test_client()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return open_provider(tmp_path, OAUTH2_SPECS={"own.protected_resource": True})


def test_a_refusal_says_where_the_metadata_is(client: FlaskClient) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}):
        refusal = client.get("/api/me", headers=headers)
        assert refusal.status_code == 401
        assert CHALLENGE in refusal.headers["WWW-Authenticate"]


def test_the_metadata_leads_to_the_provider(client: FlaskClient) -> None:
    described = client.get(WELL_KNOWN).json
    assert described["resource"] == "http://localhost"
    provider = described["authorization_servers"][0]
    assert client.get("/.well-known/oauth-authorization-server").json["issuer"] == provider


def test_switched_off_nothing_of_it_is_there(tmp_path: Path) -> None:
    without = open_provider(tmp_path)
    assert without.get(WELL_KNOWN).status_code == 404
    assert "resource_metadata" not in without.get("/api/me").headers["WWW-Authenticate"]
