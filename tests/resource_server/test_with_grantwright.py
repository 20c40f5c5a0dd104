"""An API beside a running Grantwright: sealed tokens and JWTs, for it and for others, before and after revocation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.support.ports import reserve_port
from tests.support.token_requests import MachineClient, Provider, open_provider
from website.resource_server import Protector, RefusalError

Refuse = Callable[..., RefusalError]
API = "https://api.example/photos"


@pytest.fixture(scope="module")
def served_provider(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo in this process, at an address."""
    folder, port = tmp_path_factory.mktemp("provider"), reserve_port(run_folder)
    issuer = f"http://127.0.0.1:{port}"
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_ISSUER=issuer) as provider:
        server = make_server("127.0.0.1", port, provider.application, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def credentials(served_provider: Provider) -> tuple[str, str]:
    """The API's own client."""
    client = served_provider.create_client(policy={"may_introspect": True})
    return client.client_id, str(client.secret)


@pytest.fixture
def issuer(served_provider: Provider) -> str:
    return str(served_provider.server.settings.issuer)


@pytest.fixture(params=["sealed", "jwt"])
def client(request: pytest.FixtureRequest, served_provider: Provider) -> MachineClient:
    policy = {"access_token_format": request.param}
    return served_provider.create_client("password", "refresh_token", "client_credentials", policy=policy)


def test_a_users_token_is_accepted_until_it_is_revoked(
    served_provider: Provider, issuer: str, credentials: tuple[str, str], client: MachineClient, refuse: Refuse
) -> None:
    asking = Protector(issuer, API, audience=issuer, credentials=credentials, introspects_jwts=True)
    offline = Protector(issuer, API, audience=issuer, credentials=credentials)
    tokens = served_provider.log_in(client, scope="photos")
    token = tokens["access_token"]
    for protector in (asking, offline):
        verified = protector.check(f"Bearer {token}")
        assert (verified.client_id, verified.scopes) == (client.client_id, ("photos",))
        assert verified.subject
        assert refuse(protector, tokens["refresh_token"]).status == 401
        assert refuse(protector, token, "profile").status == 403
    served_provider.revoke(client, token)
    assert refuse(asking, token).status == 401
    # Nobody tells an API that checks offline.
    assert token.startswith("gwat_") or offline.check(f"Bearer {token}").subject
    assert not token.startswith("gwat_") or refuse(offline, token).status == 401


def test_a_clients_own_token_has_no_subject(
    served_provider: Provider, issuer: str, credentials: tuple[str, str], client: MachineClient
) -> None:
    protector = Protector(issuer, API, audience=issuer, credentials=credentials)
    token = served_provider.get_token(client)["access_token"]
    assert protector.check(f"Bearer {token}").subject is None


def test_a_token_for_another_audience_is_refused(
    served_provider: Provider, issuer: str, credentials: tuple[str, str], client: MachineClient, refuse: Refuse
) -> None:
    protector = Protector(issuer, API, credentials=credentials)
    refusal = refuse(protector, served_provider.get_token(client)["access_token"])
    assert (refusal.status, refusal.description) == (401, "The access token is for another API.")


def test_a_protector_whose_own_secret_is_wrong_says_503(
    served_provider: Provider, issuer: str, credentials: tuple[str, str], refuse: Refuse
) -> None:
    protector = Protector(issuer, API, audience=issuer, credentials=(credentials[0], "wrong"))
    client = served_provider.create_client()
    assert refuse(protector, served_provider.get_token(client)["access_token"]).status == 503


def test_a_protector_follows_the_rotation_of_keys(served_provider: Provider, issuer: str) -> None:
    client = served_provider.create_client(policy={"access_token_format": "jwt"})
    protector = Protector(issuer, API, audience=issuer)
    before = served_provider.get_token(client)["access_token"]
    assert protector.check(f"Bearer {before}")
    served_provider.application.test_cli_runner().invoke(args=["keys", "rotate", "--purpose", "signing"])
    for token in (before, served_provider.get_token(client)["access_token"]):
        assert protector.check(f"Bearer {token}")
