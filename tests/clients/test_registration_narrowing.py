"""Registration narrows lists, says what it kept, adds nothing, and never weakens: the same by POST and by PUT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import REDIRECT_URI
from tests.support.registering_client import Registration, ask, send
from tests.support.token_requests import Answer, Provider
from website.clients.shown_at_consent import details_of
from website.resources import ResourceScope

Create = Callable[..., Flask]
CODE, REFRESH, IMPLICIT = "authorization_code", "refresh_token", "implicit"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
ADDRESSES = [f"{number}@client.example" for number in range(30)]
CODE_ALONE = {"response_types": ["code"], "grant_types": [CODE]}
PUBLIC = {"token_endpoint_auth_method": "none"}


def post(provider: Provider, document: dict[str, Any]) -> Answer:
    return ask(provider, **document)


def put(provider: Provider, document: dict[str, Any]) -> Answer:
    """Replace a registration; what is refused left it as it was."""
    # As public as the new one: another method would be another test.
    method = document.get("token_endpoint_auth_method")
    registration = Registration.create(provider, **(PUBLIC if method == "none" else {}))
    before = registration.read().json
    answer = registration.replace(**{"redirect_uris": [REDIRECT_URI], **document})
    if answer.status != 200:
        assert registration.read().json == before
    return answer


@pytest.fixture(params=[post, put], ids=["post", "put"])
def register(request: pytest.FixtureRequest, provider: Provider) -> Callable[..., Answer]:
    return lambda **document: request.param(provider, document)


KEPT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # As Claude's connectors send it.
    ({"grant_types": [CODE, REFRESH, JWT_BEARER]}, {"grant_types": [CODE, REFRESH], "response_types": ["code"]}),
    ({"grant_types": [CODE, REFRESH, DEVICE]}, {"grant_types": [CODE, REFRESH]}),
    ({"grant_types": [CODE, "client_credentials", "password"]}, {"grant_types": [CODE]}),
    ({"grant_types": [CODE, CODE, "x\u000b", "\u00e9", ""]}, {"grant_types": [CODE]}),
    ({"grant_types": [*(f"g{number}" for number in range(40)), CODE]}, {"grant_types": [CODE]}),
    ({"response_types": ["code", "none"]}, {"response_types": ["code"], "grant_types": [CODE]}),
    ({"response_types": ["code", "device", ""]}, {"response_types": ["code"]}),
    ({"response_types": ["code", "code id_token"], "grant_types": [CODE]}, {"response_types": ["code"]}),
    ({"response_types": ["code"], "grant_types": [CODE, IMPLICIT]}, {"grant_types": [CODE]}),
    ({"response_types": ["code", "token"], "grant_types": [CODE, IMPLICIT]}, CODE_ALONE),
    ({"grant_types": [CODE, IMPLICIT]}, CODE_ALONE),
    ({"grant_types": [CODE, IMPLICIT], **PUBLIC}, CODE_ALONE),
    ({"response_types": ["code", "id_token"], "grant_types": [CODE, IMPLICIT]}, CODE_ALONE),
    ({"scope": "openid mcp:tools"}, {"scope": "openid"}),
    ({"scope": "openid email profile offline_access x y z"}, {"scope": "openid email profile offline_access"}),
    ({"scope": "openid openid"}, {"scope": "openid"}),
    ({"scope": ""}, {"scope": ""}),
    ({"contacts": ["ann@client.example", 5, None, "x" * 3000]}, {"contacts": ["ann@client.example"]}),
    ({"contacts": ADDRESSES}, {"contacts": ADDRESSES[:20]}),
    ({"application_type": "spa"}, {"application_type": None}),
    ({"application_type": "toaster"}, {"application_type": None}),
    ({"application_type": ""}, {"application_type": None}),
    (dict.fromkeys(PAGES, ""), dict.fromkeys(PAGES)),
    ({"favourite_colour": "blue", "software_statement": "e30.e30.e30"}, {"favourite_colour": None}),
    ({"dpop_bound_access_tokens": False}, {"dpop_bound_access_tokens": None}),
    ({"require_pushed_authorization_requests": False}, {"require_pushed_authorization_requests": None}),
    ({"subject_type": "public", "require_auth_time": False}, {"subject_type": "public"}),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "kept"), KEPT, ids=[str(number) for number in range(len(KEPT))])
def test_what_is_not_offered_falls_away_and_the_answer_says_what_was_kept(
    register: Callable[..., Answer], sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    answer = register(**sent)
    assert answer.status in (200, 201), answer.body
    assert {name: answer.json.get(name) for name in kept} == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"grant_types": [CODE, IMPLICIT], **PUBLIC}, {"response_types": ["code", "token"]}),
        ({"response_types": ["id_token"], "grant_types": [CODE, IMPLICIT]}, {"grant_types": [IMPLICIT]}),
        ({"response_types": ["id_token", "token"], "grant_types": [IMPLICIT]}, {"response_types": ["id_token"]}),
    ],
)
def test_response_types_and_grants_fall_away_together(
    create_application: Create, sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    provider = Provider(create_application(OAUTH2_REGISTRATION_GRANT_TYPES=[CODE, IMPLICIT]))
    answer = ask(provider, **sent)
    assert answer.status == 201, answer.body
    assert {name: answer.json.get(name) for name in kept} == kept


REFUSED: list[dict[str, Any]] = [
    # Nothing would be left.
    {"grant_types": [JWT_BEARER]},
    {"grant_types": ["client_credentials"]},
    {"grant_types": ["code\u000b"]},
    {"grant_types": ["client_credentials"], **PUBLIC},
    {"grant_types": [JWT_BEARER, REFRESH]},
    {"grant_types": []},
    {"response_types": ["none"]},
    {"response_types": ["token"]},
    {"response_types": ["token"], "grant_types": [CODE], **PUBLIC},
    {"scope": "mcp:tools"},
    {"scope": "photos mcp:tools"},
    {"contacts": [5]},
    # One bad address refuses all of them.
    {"redirect_uris": [REDIRECT_URI, "http://evil.example/cb"]},
    {"redirect_uris": [REDIRECT_URI, "javascript:alert(1)"]},
    {"redirect_uris": [REDIRECT_URI, "obsidian://x"]},
    {"redirect_uris": [REDIRECT_URI, ""]},
    {"redirect_uris": []},
    {"post_logout_redirect_uris": [REDIRECT_URI, "http://evil.example/cb"]},
    {"request_uris": ["https://client.example/request", "ftp://client.example/request"]},
    {"backchannel_logout_uri": "http://client.example/out"},
    {"frontchannel_logout_uri": "https://elsewhere.example/out"},
    {"initiate_login_uri": "http://client.example/login"},
    # What a client proves or relies on is never replaced.
    {"token_endpoint_auth_method": "tls_client_auth"},
    {"token_endpoint_auth_method": "magic"},
    {"id_token_signed_response_alg": "RS512"},
    {"id_token_signed_response_alg": "none"},
    {"userinfo_signed_response_alg": "RS512"},
    {"id_token_encrypted_response_alg": "RSA1_5", "jwks": {"keys": []}},
    {"id_token_encrypted_response_enc": "A128CBC"},
    {"request_object_signing_alg": "XS512"},
    {"token_endpoint_auth_signing_alg": "none"},
    {"authorization_signed_response_alg": "RS256"},
    {"introspection_encrypted_response_enc": "A256GCM"},
    {"subject_type": "anonymous"},
    {"sector_identifier_uri": "ftp://client.example/uris"},
    {"jwks": {"keys": [{"kty": "RSA"}]}},
    {"jwks_uri": "ftp://client.example/keys"},
    {"jwks_uri": ""},
    {"default_max_age": -1},
    {"require_auth_time": "yes"},
    {"default_acr_values": "1"},
    {"require_signed_request_object": "true"},
    *(
        {name: value}
        for name in (
            "require_pushed_authorization_requests", "dpop_bound_access_tokens",
            "tls_client_certificate_bound_access_tokens",
        )
        for value in (True, "true", 1)
    ),
]  # fmt: skip


@pytest.mark.parametrize("sent", REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_protects_is_refused_never_replaced(register: Callable[..., Answer], sent: dict[str, Any]) -> None:
    answer = register(**sent)
    assert answer.status == 400, answer.body
    assert answer.error in ("invalid_client_metadata", "invalid_redirect_uri")
    named = {*sent, "token_endpoint_auth_method"} if sent == {"response_types": ["token"]} else sent
    assert any(f"{name}: " in answer.json["error_description"] for name in named)


@pytest.mark.parametrize(
    ("specification", "sent"),
    [
        ("rfc9101_jwt_secured_authorization_request", {"require_signed_request_object": True}),
        ("rfc9101_jwt_secured_authorization_request", {"request_object_signing_alg": "RS256"}),
        ("oidc_core_pairwise_subject", {"subject_type": "pairwise"}),
        ("oidc_core_pairwise_subject", {"sector_identifier_uri": "https://client.example/uris"}),
        ("oidc_core_authentication_request", {"require_auth_time": True}),
        ("oidc_core_authentication_request", {"default_max_age": 60}),
        ("oidc_core_authentication_request", {"default_acr_values": ["1"]}),
    ],
)
def test_what_is_switched_off_is_not_forgotten_silently(
    create_application: Create, specification: str, sent: dict[str, Any]
) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={specification: False}))
    answer = ask(provider, **sent)
    assert (answer.status, answer.error) == (400, "invalid_client_metadata")
    assert "does not offer it" in answer.json["error_description"]


def test_a_scope_that_policy_keeps_back_is_not_called_unknown(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SCOPES={"admin": "Change everything"}))
    forbidden = ask(provider, scope="admin").json["error_description"]
    assert "Only an operator of this server can give a client: admin." in forbidden
    assert "Unknown:" not in forbidden
    both = ask(provider, scope="admin photos").json["error_description"]
    assert "Unknown: photos." in both
    assert "give a client: admin." in both
    assert "Unknown: photos." in ask(provider, scope="photos").json["error_description"]


@pytest.mark.parametrize(
    "uris",
    [
        ["http://127.0.0.1/", "https://vscode.dev/redirect"],
        ["http://127.0.0.1:33418/", "https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect"],
        ["https://client.example/cb"],
        ["http://[::1]/cb", "http://localhost/cb", "com.example.app:/cb", "https://client.example/cb"],
    ],
)
def test_a_native_client_may_have_https_redirect_uris(register: Callable[..., Answer], uris: list[str]) -> None:
    answer = register(application_type="native", redirect_uris=uris, **PUBLIC)
    assert answer.status in (200, 201), answer.body
    assert (answer.json["redirect_uris"], answer.json["application_type"]) == (uris, "native")


def test_a_malformed_redirect_uri_beside_fields_that_read_it_is_refused(register: Callable[..., Answer]) -> None:
    for uri in ("https://[::1", "https://host:port/", "http://[", "//", "https://[v1.x]/"):
        for more in ({"subject_type": "pairwise"}, {"frontchannel_logout_uri": uri}, {"application_type": "web"}):
            assert register(redirect_uris=[uri], **more).status == 400


METHODS = [
    ("client_secret_basic", "none"), ("client_secret_post", "none"), ("none", "client_secret_basic"),
    ("client_secret_basic", "client_secret_post"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), METHODS)
def test_another_way_to_authenticate_ends_what_the_client_holds(
    stored_provider: Provider, before: str, after: str
) -> None:
    provider = stored_provider
    fields = {"redirect_uris": [REDIRECT_URI], "grant_types": [CODE, REFRESH], "scope": "openid profile offline_access"}
    registration = Registration.create(provider, **fields, token_endpoint_auth_method=before)
    site = OpenIDClient.of(provider, registration.client)
    site.person.log_in("alice")
    tokens = site.get_tokens(scope="openid profile offline_access")
    row = registration.client.row
    subject = provider.server.access_tokens.find_live(tokens["access_token"]).token.subject
    shown = details_of(provider.server.clients.find_by_id(row))
    assert provider.server.grants.consents.find_covering(subject, row, "profile", (), shown)

    same = registration.replace(**fields, token_endpoint_auth_method=before, client_name="Another name")
    assert same.status == 200
    assert provider.server.access_tokens.find_live(tokens["access_token"])

    changed = registration.replace(**fields, token_endpoint_auth_method=after)
    assert changed.status == 200
    assert provider.server.access_tokens.find_live(tokens["access_token"]) is None
    now = Registration(provider, {**registration.said, **changed.json}).client
    answer = provider.refresh(now, tokens["refresh_token"])
    assert (answer.status, answer.error) == (400, "invalid_grant")
    assert details_of(provider.server.clients.find_by_id(row)) == shown  # the consent would count, were it there
    assert not provider.server.grants.consents.find_covering(subject, row, "profile", (), shown)
    events = provider.server.audit.list(events=["client_changed"], limit=20)
    assert [event.detail.get("token_endpoint_auth_method") for event in events if event.client == row] == [after, None]


def test_a_code_that_is_under_way_ends_with_it(provider: Provider) -> None:
    registration = Registration.create(provider)
    site = OpenIDClient.of(provider, registration.client)
    site.person.log_in("alice")
    answer = site.allow()
    fields = {"client_id": registration.said["client_id"], "redirect_uris": [REDIRECT_URI], **PUBLIC}
    assert send(provider, "PUT", registration.path, fields, registration.token).status == 200
    sent = {"code": answer.query["code"], "redirect_uri": REDIRECT_URI, "code_verifier": site.pkce.verifier}
    form = {"grant_type": CODE, "client_id": registration.said["client_id"], **sent}
    assert provider.post("/oauth/token", form).error == "invalid_grant"


def test_the_scopes_of_an_api_may_be_named_where_it_is_open_to_clients_that_register_themselves(
    provider: Provider,
) -> None:
    tools = ResourceScope("tools:call", "Call tools", is_open=True)
    admin = ResourceScope("tools:admin", "Change tools")
    provider.server.resources.create("https://mcp.example/mcp", "Tools", [tools, admin])
    answer = ask(provider, scope="tools:call")
    assert (answer.status, answer.json["scope"]) == (201, "tools:call")
    assert ask(provider, scope="openid tools:call tools:admin").json["scope"] == "openid tools:call"
    assert "tools:call" not in ask(provider).json["scope"].split()
    refused = ask(provider, scope="tools:admin")
    assert (refused.status, refused.error) == (400, "invalid_client_metadata")
