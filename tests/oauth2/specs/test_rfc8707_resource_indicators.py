"""Resource indicators: a token is for the APIs that were named and granted, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.device_flow import create_device_client, decide, enter, page_of, poll, start_device
from tests.support.openid_client import header_of
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, code_of
from tests.support.request_objects import ISSUER as BROWSER_ISSUER
from tests.support.resource_client import ResourceClient, claims_of, create_api
from tests.support.signing_client import jwks_of, key_for, sign
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from website.resources import Resource

ISSUER = "http://127.0.0.1:5000"
VALUES = ("openid", "read", "write", "rewrite")


@pytest.fixture
def api(stored_provider: Provider) -> Resource:
    return create_api(stored_provider, "read write")


@pytest.fixture
def other_api(stored_provider: Provider) -> Resource:
    return create_api(stored_provider, "read list", access_token_format="sealed", name="Notes API")


@pytest.fixture
def site(stored_provider: Provider) -> ResourceClient:
    return ResourceClient.create(stored_provider)


# The audience


def test_a_token_is_for_the_requested_api_alone(site: ResourceClient, api: Resource) -> None:
    given = site.get_tokens("openid profile read", api.identifier)
    assert set(given["scope"].split()) == {"openid", "profile", "read"}
    claims = claims_of(given["access_token"])
    assert (claims["aud"], claims["scope"]) == ([api.identifier], given["scope"])


def test_every_spelling_that_matches_gets_the_registered_one(site: ResourceClient, api: Resource) -> None:
    spelled = api.identifier.replace("https", "HTTPS").replace(".example", ".EXAMPLE:443") + "/"
    given = site.get_tokens("read", spelled, api.identifier)
    assert site.describe(given["access_token"]) == ([api.identifier], {"read"})


def test_a_request_without_resource_gets_the_same_as_ever(site: ResourceClient, api: Resource) -> None:
    given = site.get_tokens("openid profile photos")
    assert site.describe(given["access_token"]) == ([ISSUER], {"openid", "profile", "photos"})
    refused = site.refresh(given["refresh_token"], api.identifier)
    assert (refused.status, refused.error) == (400, "invalid_target")
    assert site.refresh(given["refresh_token"]).status == 200


def test_the_token_request_narrows_the_token_and_not_the_grant(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    code = code_of(site.allow("openid read write list", api.identifier, other_api.identifier))
    given = site.exchange(code, api.identifier).json
    assert site.describe(given["access_token"]) == ([api.identifier], {"openid", "read", "write"})
    # As Codex does it: without resource at the refresh, for everything that was granted.
    refreshed = site.refresh(given["refresh_token"]).json
    both = [api.identifier, other_api.identifier]
    assert site.describe(refreshed["access_token"]) == (both, {"openid", "read", "write", "list"})
    narrowed = site.refresh(refreshed["refresh_token"], other_api.identifier).json
    assert site.describe(narrowed["access_token"]) == ([other_api.identifier], {"openid", "read", "list"})
    again = site.refresh(narrowed["refresh_token"], api.identifier, scope="write").json
    assert site.describe(again["access_token"]) == ([api.identifier], {"write"})


def test_a_scope_of_another_api_of_the_grant_is_refused_at_a_refresh(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    given = site.get_tokens("read write list", api.identifier, other_api.identifier)
    assert site.refresh(given["refresh_token"], api.identifier, scope="list").error == "invalid_scope"
    assert site.refresh(given["refresh_token"], api.identifier, scope="read").status == 200


def test_a_resource_that_was_not_granted_does_not_cost_the_refresh_token(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    given = site.get_tokens("read", api.identifier)
    for _ in range(3):
        refused = site.refresh(given["refresh_token"], other_api.identifier)
        assert (refused.status, refused.error) == (400, "invalid_target")
        assert site.refresh(given["refresh_token"], "https://nowhere.example").error == "invalid_target"
    assert site.refresh(given["refresh_token"], api.identifier).status == 200


def test_a_resource_that_was_not_granted_uses_up_the_code_and_an_unknown_one_does_not(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    code = code_of(site.allow("read", api.identifier))
    assert site.exchange(code, "https://nowhere.example").error == "invalid_target"
    assert site.exchange(code, api.identifier).status == 200
    code = code_of(site.allow("read", api.identifier))
    refused = site.exchange(code, other_api.identifier)
    assert refused.error == "invalid_target"
    assert "code is used up" in refused.json["error_description"]
    assert site.exchange(code, api.identifier).error == "invalid_grant"


def test_a_resource_that_was_not_granted_does_not_cost_the_device_code(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    device = create_device_client(site.provider, scope="openid profile")
    pkce = Pkce()
    started = start_device(site.provider, device, scope="read", resource=api.identifier, **pkce.parameters)
    code = started["device_code"]
    enter(site.person, started["user_code"])
    decide(site.person, started["user_code"])
    proof = {"code_verifier": pkce.verifier}
    assert poll(site.provider, device, code, resource=other_api.identifier, **proof).error == "invalid_target"
    forget_polls(site.provider)
    assert poll(site.provider, device, code, resource=api.identifier, **proof).json["scope"] == "read"

    started = start_device(site.provider, device, scope="read", resource=api.identifier, **pkce.parameters)
    enter(site.person, started["user_code"])
    decide(site.person, started["user_code"])
    code, wrong = started["device_code"], {"code_verifier": "x" * 43}
    assert poll(site.provider, device, code, resource=other_api.identifier, **wrong).error == "invalid_grant"
    forget_polls(site.provider)
    assert poll(site.provider, device, code, resource=api.identifier, **proof).error == "invalid_grant"


def forget_polls(provider: Provider) -> None:
    with provider.server.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE oauth2_device_code SET polled_at = NULL")


MALFORMED = ("https://nowhere.example", "/photos", "photos", "urn:example:photos", "https://", "HTTPS://a b.example")


@pytest.mark.parametrize("resource", MALFORMED)
def test_an_unknown_or_malformed_resource_is_refused_everywhere(site: ResourceClient, resource: str) -> None:
    answer = site.ask("openid", resource)
    assert answer.query["error"] == "invalid_target"
    for grant_type in ("client_credentials", "authorization_code", "refresh_token"):
        fields = {"code": "x", "redirect_uri": REDIRECT_URI, "refresh_token": "x"}
        assert site.post_token(grant_type, resource, **fields).error == "invalid_target"


def test_a_fragment_is_refused(site: ResourceClient, api: Resource) -> None:
    assert site.ask("read", f"{api.identifier}#part").query["error"] == "invalid_target"
    assert site.ask("read", api.identifier, f"{api.identifier}#").query["error"] == "invalid_target"


def test_a_request_names_at_most_ten_resources(site: ResourceClient, api: Resource) -> None:
    assert "code" in site.allow("read", *[api.identifier] * 10).query
    assert site.ask("read", *[api.identifier] * 11).query["error"] == "invalid_target"


def test_a_resource_without_a_value_counts_as_left_out(site: ResourceClient, api: Resource) -> None:
    given = site.get_tokens("read", "", api.identifier)
    assert site.describe(given["access_token"]) == ([api.identifier], {"read"})
    assert site.describe(site.get_tokens("openid", "")["access_token"])[0] == [ISSUER]


# The scope


def test_without_scope_a_client_gets_every_scope_of_the_api_and_nothing_about_the_user(
    site: ResourceClient, api: Resource
) -> None:
    given = site.get_tokens(None, api.identifier)
    assert site.describe(given["access_token"]) == ([api.identifier], {"read", "write"})
    assert "id_token" not in given


@pytest.mark.parametrize("scope", ["write", "openid write"])
def test_a_scope_of_an_api_that_is_not_named_is_refused_and_the_error_names_the_api(
    site: ResourceClient, stored_provider: Provider, scope: str
) -> None:
    api = create_api(stored_provider, "paint.walls")
    answer = site.ask(scope.replace("write", "paint.walls"))
    assert answer.query["error"] == "invalid_scope"
    assert api.identifier in answer.query["error_description"]
    refused = site.post_token("password", username="alice", password="valid", scope="paint.walls")
    assert refused.error == "invalid_scope"
    assert api.identifier in refused.json["error_description"]


def test_a_scope_of_this_server_is_none_of_an_api(site: ResourceClient, api: Resource) -> None:
    answer = site.ask("read photos", api.identifier)
    assert answer.query["error"] == "invalid_scope"
    assert "photos is a scope of this server" in answer.query["error_description"]
    # With openid it's left out, as everything unknown is.
    given = site.get_tokens("openid read photos nonsense", api.identifier)
    assert site.describe(given["access_token"])[1] == {"openid", "read"}


def test_scopes_about_the_user_are_limited_to_those_that_the_client_registered(
    stored_provider: Provider, api: Resource
) -> None:
    site = ResourceClient.create(stored_provider, scope="openid profile")
    assert site.ask("email read", api.identifier).query["error"] == "invalid_scope"
    assert set(site.get_tokens("openid email read", api.identifier)["scope"].split()) == {"openid", "read"}
    assert "offline_access" not in site.get_tokens("read offline_access", api.identifier)["scope"]


def test_a_token_for_two_apis_has_no_scope_that_one_of_them_has_and_was_not_granted(
    stored_provider: Provider,
) -> None:
    first = create_api(stored_provider, "read", "delete")
    second = create_api(stored_provider, "read delete")
    site = ResourceClient.create(stored_provider, policy={"is_self_registered": True})
    code = code_of(site.allow("openid read delete", first.identifier, second.identifier))
    given = site.exchange(code).json
    both = [first.identifier, second.identifier]
    assert site.describe(given["access_token"]) == (both, {"openid", "read"})
    narrowed = site.refresh(given["refresh_token"], second.identifier).json
    assert site.describe(narrowed["access_token"]) == ([second.identifier], {"openid", "read", "delete"})


# Form of the token


def test_format_algorithm_type_and_lifetime_are_the_apis(stored_provider: Provider) -> None:
    site = ResourceClient.create(stored_provider, policy={"access_token_format": "sealed"})
    api = create_api(
        stored_provider, "read", access_token_alg="ES256", access_token_typ="JWT", access_token_seconds=120
    )
    given = site.get_tokens("read", api.identifier)
    header = header_of(given["access_token"])
    assert (header["alg"], header["typ"], given["expires_in"]) == ("ES256", "JWT", 120)
    keys = KeySet.import_key_set(json.loads(stored_provider.get("/oauth/jwks").body))
    token = jwt.decode(given["access_token"], keys, algorithms=["ES256"])
    jwt.JWTClaimsRegistry(aud={"essential": True, "value": api.identifier}).validate(token.claims)
    assert site.describe(given["access_token"])[0] == [api.identifier]
    assert site.get_tokens("photos")["access_token"].startswith("gwat_")


@pytest.mark.parametrize(("second", "is_jwt"), [({}, True), ({"access_token_alg": "ES256"}, False)])
def test_a_token_for_apis_that_take_different_jwts_is_sealed(
    site: ResourceClient, stored_provider: Provider, second: dict[str, Any], is_jwt: bool
) -> None:
    first, other = create_api(stored_provider, "read"), create_api(stored_provider, "read", **second)
    given = site.get_tokens("read", first.identifier, other.identifier)
    assert (not given["access_token"].startswith("gwat_")) == is_jwt
    assert site.describe(given["access_token"])[0] == [first.identifier, other.identifier]


def test_jwts_of_other_kinds_are_never_read_as_access_tokens(site: ResourceClient, stored_provider: Provider) -> None:
    """With typ JWT only a token whose whole audience are APIs is one of ours."""
    api = create_api(stored_provider, "read", access_token_typ="JWT")
    token = site.get_tokens("read", api.identifier)["access_token"]
    keys = stored_provider.server.keys
    for audience in ([ISSUER], [api.identifier, ISSUER], [site.client.client_id], []):
        forged = keys.sign("JWT", {**claims_of(token), "aud": audience}, "RS256")
        assert stored_provider.introspect(site.client, forged) == {"active": False}
    assert stored_provider.is_active(site.client, token)


# The ways that a request comes


def test_tokens_through_the_browser_are_for_the_api_too(site: ResourceClient, api: Resource) -> None:
    for response_type in ("token", "code token"):
        metadata = {"token_endpoint_auth_method": "none"} if response_type == "token" else {}
        chosen = ResourceClient.create(site.provider, **metadata)
        given = chosen.allow("openid read", api.identifier, response_type=response_type).fragment
        assert claims_of(given["access_token"])["aud"] == [api.identifier]
        assert set(claims_of(given["access_token"])["scope"].split()) == {"openid", "read"}


def test_a_request_object_names_its_resources(stored_provider: Provider, api: Resource, other_api: Resource) -> None:
    site = ResourceClient.create(stored_provider, jwks=jwks_of(key_for("ES256")))
    for resource, audience in (
        (api.identifier, [api.identifier]),
        ([api.identifier, other_api.identifier], [api.identifier, other_api.identifier]),
    ):
        claims = {
            "iss": site.client.client_id, "aud": BROWSER_ISSUER, "client_id": site.client.client_id,
            "response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "read", "resource": resource,
            **site.pkce.parameters,
        }  # fmt: skip
        # What stands outside is ignored.
        page = site.ask("read", "https://nowhere.example", request=sign(key_for("ES256"), "ES256", claims))
        answer = site.person.decide(page) if page.status == 200 else page
        assert site.describe(site.exchange(code_of(answer)).json["access_token"])[0] == audience


def test_a_request_that_waits_for_the_login_keeps_its_resources(stored_provider: Provider, api: Resource) -> None:
    site = ResourceClient.create(stored_provider)
    site.person.log_out()
    to_login = site.ask("openid read", api.identifier, prompt="login")
    page = site.person.get(to_login.location)
    form = {**page.hidden_fields(), "username": "alice", "password": "valid"}
    back = site.person.post(to_login.location, form)
    consent = site.person.get(back.location)
    code = code_of(site.person.decide(consent))
    assert site.describe(site.exchange(code).json["access_token"]) == ([api.identifier], {"openid", "read"})


def test_a_device_names_its_apis_and_the_page_shows_them(
    site: ResourceClient, api: Resource, other_api: Resource
) -> None:
    provider, device = site.provider, create_device_client(site.provider, scope="openid profile")
    started = start_device(provider, device, scope="openid read", resource=api.identifier)
    assert enter(site.person, started["user_code"]).status == 303
    assert api.identifier in site.person.get(page_of(started["user_code"])).text
    decide(site.person, started["user_code"])
    refused = poll(provider, device, started["device_code"], resource="https://nowhere.example")
    assert refused.error == "invalid_target"
    given = poll(provider, device, started["device_code"], resource=api.identifier).json
    claims = claims_of(given["access_token"])
    assert (claims["aud"], claims["scope"]) == ([api.identifier], "openid read")
    refused = provider.refresh(device, given["refresh_token"], resource=other_api.identifier)
    assert refused.error == "invalid_target"
    assert provider.refresh(device, given["refresh_token"]).json["scope"] == "openid read"


def test_the_password_grant_is_bound_to_the_api(stored_provider: Provider, api: Resource) -> None:
    site = ResourceClient.create(stored_provider)
    client = stored_provider.server.clients.find(site.client.client_id)
    asked = {"username": "alice", "password": "valid", "scope": "openid read"}
    assert site.post_token("password", api.identifier, **asked).error == "invalid_target"
    stored_provider.server.resources.allow(client, api, "read")
    given = site.post_token("password", api.identifier, **asked).json
    assert site.describe(given["access_token"]) == ([api.identifier], {"openid", "read"})
    assert site.refresh(given["refresh_token"], api.identifier).status == 200
    asked["scope"] = "write"
    assert site.post_token("password", api.identifier, **asked).error == "invalid_scope"


# In the demo


LOOPBACK = ("http://127.0.0.1:8000/mcp", "http://localhost:9999", "http://[::1]:3001/")


@pytest.mark.parametrize("resource", LOOPBACK)
def test_in_the_demo_an_unregistered_url_on_this_computer_is_an_api_with_the_servers_scopes(
    site: ResourceClient, resource: str
) -> None:
    given = site.get_tokens("openid profile photos", resource)
    assert header_of(given["access_token"])["alg"] == "RS256"
    assert site.describe(given["access_token"]) == ([resource], {"openid", "profile", "photos"})
    machine = site.post_token("client_credentials", resource).json
    assert claims_of(machine["access_token"])["aud"] == [resource]
    assert set(machine["scope"].split()) == {"profile", "email", "photos"}
    assert site.refresh(given["refresh_token"], resource).status == 200


def test_in_the_demo_a_url_elsewhere_and_this_server_itself_are_unknown(site: ResourceClient) -> None:
    assert site.post_token("client_credentials", "https://mcp.example").error == "invalid_target"
    assert site.post_token("client_credentials", ISSUER).error == "invalid_target"


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("production")
    settings = PRODUCTION | {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


@pytest.mark.parametrize("resource", LOOPBACK)
def test_in_production_every_unregistered_api_is_unknown(production: Provider, resource: str) -> None:
    client = production.create_client("client_credentials")
    assert production.ask_token(client, resource=resource).error == "invalid_target"


# Deleted


def test_a_deleted_api_ends_its_tokens_also_if_its_url_is_registered_again(
    site: ResourceClient, stored_provider: Provider
) -> None:
    resources = stored_provider.server.resources
    api = create_api(stored_provider, "read")
    given = site.get_tokens("openid read", api.identifier)
    pending = code_of(site.allow("openid read", api.identifier))
    resources.delete(api.id)
    assert stored_provider.introspect(site.client, given["access_token"]) == {"active": False}
    bearer = f"Bearer {given['access_token']}"
    assert stored_provider.get("/oauth/userinfo", Authorization=bearer).status == 401
    again = create_api(stored_provider, "read", identifier=api.identifier)
    assert stored_provider.introspect(site.client, given["access_token"]) == {"active": False}
    assert site.refresh(given["refresh_token"]).error == "invalid_grant"
    assert site.exchange(pending).error == "invalid_grant"
    assert site.ask("openid read", again.identifier).status == 200  # the consent was to the former one


def test_a_scope_that_an_api_loses_goes_out_of_its_tokens(site: ResourceClient, stored_provider: Provider) -> None:
    api = create_api(stored_provider, "read write")
    given = site.get_tokens("read write", api.identifier)
    stored_provider.server.resources.update(api.id, scopes=[api.scopes["read"]])
    assert site.describe(given["access_token"]) == ([api.identifier], {"read"})
    refreshed = site.refresh(given["refresh_token"]).json
    assert refreshed["scope"] == "read"


def test_a_scope_that_an_api_has_again_is_granted_to_nobody(site: ResourceClient, stored_provider: Provider) -> None:
    api, other_api = (create_api(stored_provider, "read write rewrite", name=name) for name in ("Photos", "Notes"))
    asked = "openid read write rewrite", api.identifier, other_api.identifier
    given, pending = site.get_tokens(*asked), code_of(site.allow(*asked))
    token = site.refresh(given["refresh_token"], api.identifier).json
    device = create_device_client(stored_provider, scope="openid profile")
    waiting, allowed = (
        start_device(stored_provider, device, scope="read write", resource=api.identifier) for _ in range(2)
    )
    enter(site.person, waiting["user_code"])
    enter(site.person, allowed["user_code"])
    decide(site.person, allowed["user_code"])

    stored_provider.server.resources.update(api.id, scopes=[api.scopes["read"], api.scopes["rewrite"]])
    stored_provider.server.resources.update(api.id, scopes=[*api.scopes.values()])
    only_here, only_there = ([api.identifier], {"openid", "read", "rewrite"}), ([other_api.identifier], set(VALUES))
    assert site.describe(token["access_token"]) == only_here
    for refresh_token in (site.exchange(pending).json["refresh_token"], token["refresh_token"]):
        for one, expected in ((api, only_here), (other_api, only_there)):
            refreshed = site.refresh(refresh_token, one.identifier).json
            assert site.describe(refreshed["access_token"]) == expected
            refresh_token = refreshed["refresh_token"]
    assert site.ask("read rewrite", api.identifier).status == 302
    assert site.ask("read write", other_api.identifier).status == 302
    assert site.ask("read write", api.identifier, prompt="none").query["error"] == "consent_required"
    assert poll(stored_provider, device, allowed["device_code"]).json["scope"] == "read"
    assert "Do write" not in site.person.get(page_of(waiting["user_code"])).text


# Switched off


def test_switched_off_nothing_of_it_is_left(create_application: Callable[..., Flask]) -> None:
    application = create_application(
        OAUTH2_SPECS={"rfc8707_resource_indicators": False}, OAUTH2_SCOPES={"profile": "Name"}
    )
    provider = Provider(application)
    create_api(provider, "read")
    person = Person(application.test_client())
    person.log_in()
    client = person.create_client(scope="profile")
    pkce = Pkce()

    def asked(**more: str) -> Answer:
        return person.ask(client, resource="nonsense", **pkce.parameters, **more)

    code = code_of(person.decide(asked()))
    machine = MachineClient(client.client_id, client.secret, "", "client_secret_basic")
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier, "resource": "nonsense"}
    token = provider.get_token(machine, "authorization_code", **fields)["access_token"]
    assert len(provider.introspect(machine, token)["aud"]) == 1
    assert asked(scope="read").query["error_description"] == "Unknown scope read."
