"""A client's server logs a person out without a browser: it proves who it is and sends the ID token of that login."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import time_machine

from tests.support.listening_client import ListeningClient, open_listening_client
from tests.support.openid_client import ISSUER, OpenIDClient
from tests.support.postgres import Cluster
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, sign
from tests.support.token_requests import Answer, Provider, basic, open_provider
from website import clock

LOGOUT = "/oauth/logout"
DAY = 86400


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Cluster
) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    name = postgres_cluster.create_database() if request.param == "postgresql" else ""
    uri = postgres_cluster.url(name) if name else f"sqlite:///{folder}/db.sqlite"
    with open_provider(folder, uri, OAUTH2_OUTBOUND_LOOPBACK=True, OAUTH2_SENDS_NOTICES=False) as opened:
        yield opened
    if name:
        postgres_cluster.drop_database(name)


def create_site(node: Provider, **metadata: object) -> OpenIDClient:
    site = OpenIDClient.create(node, **metadata)
    site.person.log_in("alice")
    return site


@pytest.fixture
def site(node: Provider) -> OpenIDClient:
    return create_site(node)


@pytest.fixture
def listener() -> Iterator[ListeningClient]:
    with open_listening_client() as opened:
        yield opened


def id_token_of(site: OpenIDClient, **parameters: str | None) -> str:
    return str(site.get_tokens(**parameters)["id_token"])


def end_login(site: OpenIDClient, **fields: str) -> Answer:
    return site.provider.post(LOGOUT, fields, site.client)


def is_logged_in(site: OpenIDClient) -> bool:
    return site.person.get("/account/apps").status == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_its_secret_ends_the_login_of_its_id_token(node: Provider, method: str) -> None:
    site = create_site(node, token_endpoint_auth_method=method)
    tokens = site.get_tokens()
    answer = end_login(site, id_token_hint=tokens["id_token"])
    assert (answer.status, answer.body) == (204, b"")
    assert not is_logged_in(site)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert node.get("/oauth/userinfo", **bearer).status == 401
    # As the login is over, saying so again is no error.
    assert end_login(site, id_token_hint=tokens["id_token"]).status == 204


def test_a_client_that_signs_who_it_is_does_too(node: Provider) -> None:
    key = key_for("ES256")
    site = create_site(
        node, token_endpoint_auth_method="private_key_jwt", jwks=jwks_of(key), token_endpoint_auth_signing_alg="ES256"
    )
    hint = site.allow("id_token").fragment["id_token"]

    def end_it() -> Answer:
        assertion = sign(key, "ES256", assertion_claims(site.client.client_id, ISSUER))
        fields = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
        return node.post(LOGOUT, {**fields, "id_token_hint": hint})

    assert end_it().status == 204
    assert not is_logged_in(site)


def test_a_pairwise_client_does_too(node: Provider) -> None:
    site = create_site(node, subject_type="pairwise")
    assert end_login(site, id_token_hint=id_token_of(site)).status == 204
    assert not is_logged_in(site)


def test_other_clients_are_told_and_it_is_noted(node: Provider, site: OpenIDClient, listener: ListeningClient) -> None:
    other = OpenIDClient(
        node, OpenIDClient.create(node, backchannel_logout_uri=listener.url).client, site.person, site.pkce
    )
    other.get_tokens()
    assert end_login(site, id_token_hint=id_token_of(site)).status == 204
    result = node.application.test_cli_runner().invoke(args=["worker", "--once"])
    assert result.exit_code == 0, result.output
    listener.wait_for(1)
    [event] = [event for event in node.server.audit.list(events=["logout"]) if event.client == site.client.row]
    assert event.actor == site.client.row


def test_who_is_not_the_client_ends_nothing(node: Provider, site: OpenIDClient) -> None:
    hint = id_token_of(site)
    wrong = {"Authorization": basic(site.client.client_id, "wrong")}
    bearer = {"Authorization": "Bearer " + site.get_tokens()["access_token"]}
    for headers in (wrong, bearer, {"Authorization": "Basic !"}):
        answer = node.post(LOGOUT, {"id_token_hint": hint}, **headers)
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    wrong_fields = {"client_id": site.client.client_id, "client_secret": site.client.secret or ""}
    assert node.post(LOGOUT, {"id_token_hint": hint, **wrong_fields}).status == 401  # registered for the header
    assert is_logged_in(site)


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, {"Accept": "*/*"}], ids=str)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_client_authentication_nobody_s_login_elsewhere_ends(
    site: OpenIDClient, headers: dict[str, str], method: str
) -> None:
    fields = {"id_token_hint": id_token_of(site), "client_id": site.client.client_id}
    if method == "POST":
        answer = site.provider.post(LOGOUT, fields, **headers)
    else:
        answer = site.provider.open("GET", LOGOUT, query_string=fields, headers=headers)
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert "client authentication" in answer.json["error_description"]
    assert is_logged_in(site)


def test_a_public_client_s_name_is_no_proof(node: Provider) -> None:
    site = create_site(node, token_endpoint_auth_method="none")
    hint = id_token_of(site)
    assert end_login(site, id_token_hint=hint).status == 400
    assert (
        node.post(LOGOUT, {"id_token_hint": hint, "client_id": site.client.client_id}, Accept="text/html").status == 303
    )
    assert is_logged_in(site)


def test_without_a_usable_id_token_of_its_own_nothing_ends(node: Provider, site: OpenIDClient) -> None:
    other = OpenIDClient(node, OpenIDClient.create(node).client, site.person, site.pkce)
    header, claims, signature = id_token_of(site).split(".")
    for hint in ("null", id_token_of(other), f"{header}.{claims}.{signature[::-1]}", ""):
        answer = end_login(site, id_token_hint=hint)
        assert (answer.status, answer.error) == (400, "invalid_request")
        assert "id_token_hint" in answer.json["error_description"]
    assert end_login(site).status == 400
    assert is_logged_in(site)


def test_an_id_token_older_than_any_login_ends_nothing(node: Provider, site: OpenIDClient) -> None:
    hint = id_token_of(site)
    for later, status in ((13 * DAY, 204), (15 * DAY, 400)):
        with time_machine.travel(clock.now() + later, tick=True):
            assert end_login(site, id_token_hint=hint).status == status


def test_an_id_token_that_another_s_secret_signed_ends_nothing(node: Provider) -> None:
    site = create_site(node, id_token_signed_response_alg="HS256")
    other = create_site(node, id_token_signed_response_alg="HS256")
    assert end_login(site, id_token_hint=id_token_of(other)).status == 400
    assert end_login(site, id_token_hint=id_token_of(site)).status == 204
    assert (is_logged_in(site), is_logged_in(other)) == (False, True)


def test_several_ways_of_authentication_at_once_are_refused(node: Provider, site: OpenIDClient) -> None:
    fields = {"id_token_hint": id_token_of(site), "client_secret": site.client.secret or ""}
    assert end_login(site, **fields, client_id=site.client.client_id).error == "invalid_request"
    assert json.loads(end_login(site, **fields).body)["error"] == "invalid_request"
    assert is_logged_in(site)
