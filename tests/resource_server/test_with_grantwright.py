"""An API beside a running Grantwright: sealed tokens and JWTs, for it and for others, before and after revocation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient, code_of
from tests.support.ports import reserve_port
from tests.support.token_requests import MachineClient, Provider, open_provider, served
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.resource_server import Protector, RefusalError, Requirement
from website.resource_server.refusals import InsufficientUserAuthenticationError
from website.resources import ResourceScope

Refuse = Callable[..., RefusalError]
API = "https://api.example/photos"


@pytest.fixture(scope="module")
def served_provider(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo in this process, at an address."""
    folder, port = tmp_path_factory.mktemp("provider"), reserve_port(run_folder)
    issuer = f"http://127.0.0.1:{port}"
    with (
        open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_ISSUER=issuer) as provider,
        served(provider.application, port),
    ):
        yield provider


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


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_a_token_for_one_api_is_refused_by_another(
    served_provider: Provider, issuer: str, token_format: str, refuse: Refuse
) -> None:
    server, client = served_provider.server, served_provider.create_client()
    protectors = []
    for name in ("one", "other"):
        identifier, own = f"https://{token_format}.example/{name}", served_provider.create_client()
        scopes = [ResourceScope("read", "Read it")]
        resource = server.resources.create(identifier, name, scopes, access_token_format=token_format)
        server.resources.set_may_introspect(server.clients.find(own.client_id), resource, True)
        server.resources.allow(server.clients.find(client.client_id), resource, "read")
        credentials = (own.client_id, str(own.secret))
        protectors.append((Protector(issuer, identifier, credentials=credentials, introspects_jwts=True), own))
    (one, _owner), (other, other_owner) = protectors
    token = served_provider.get_token(client, resource=one.resource, scope="read")["access_token"]
    assert token.startswith("gwat_") is (token_format == "sealed")
    assert one.check(f"Bearer {token}", Requirement(("read",))).audience == (one.resource,)
    assert refuse(other, token).status == 401
    assert served_provider.introspect(other_owner, token) == {"active": False}


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


def test_a_token_of_an_old_login_is_not_enough_until_the_user_logs_in_again(
    issuer: str, credentials: tuple[str, str], refuse: Refuse
) -> None:
    protector, person = Protector(issuer, API, audience=issuer, credentials=credentials), Person(issuer)
    person.log_in()
    client = person.create_client(scope="profile", grant_type=["authorization_code", "refresh_token"])
    tokens = allow(issuer, person, client)
    wait_until(lambda: not is_recent(protector, tokens["access_token"]))
    refreshed = send(issuer, client, grant_type="refresh_token", refresh_token=tokens["refresh_token"])["access_token"]
    refusal = refuse(protector, refreshed, max_age=1)
    assert (refusal.status, refusal.error) == (401, "insufficient_user_authentication")
    # The client sends the max_age of the challenge, and the user has to log in again.
    asked = person.ask(client, scope="profile", max_age="1", **Pkce().parameters)
    assert asked.status in (302, 303)
    assert "code=" not in asked.location
    person.log_in()
    verified = protector.check(f"Bearer {allow(issuer, person, client)['access_token']}", Requirement(max_age=60))
    assert verified.auth_time is not None
    assert verified.auth_time > int(auth_time_of(protector, tokens["access_token"]))


def is_recent(protector: Protector, token: str) -> bool:
    try:
        return bool(protector.check(f"Bearer {token}", Requirement(max_age=1)).auth_time)
    except InsufficientUserAuthenticationError:
        return False


def auth_time_of(protector: Protector, token: str) -> int:
    return protector.check(f"Bearer {token}").auth_time or 0


def allow(issuer: str, person: Person, client: RegisteredClient) -> dict[str, Any]:
    """Have a person allow; return what the token endpoint answers."""
    pkce = Pkce()
    code = code_of(person.allow(client, scope="profile", **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    return send(issuer, client, **fields, code_verifier=pkce.verifier)


def send(issuer: str, client: RegisteredClient, **fields: str) -> dict[str, Any]:
    answer = requests.post(f"{issuer}/oauth/token", data=fields, headers=client.basic, timeout=ANSWER_SECONDS)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
