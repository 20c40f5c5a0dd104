"""Claims asked for one by one: where they are heard, what the person is asked, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from tests.support.openid_client import ISSUER, OpenIDClient
from tests.support.person import Answer, code_of
from tests.support.stored_claims import STORED, told
from tests.support.token_requests import Provider

Create = Callable[..., Flask]
METADATA = "/.well-known/openid-configuration"


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    users = stored_provider.server.users
    account = users.find_or_create("ada")
    users.set_claims(int(account.id), STORED, {"email_verified": True})
    site = OpenIDClient.create(stored_provider)
    site.person.log_in("ada")
    return site


def claims(userinfo: Any = None, id_token: Any = None) -> str:
    return json.dumps({"userinfo": userinfo, "id_token": id_token, "of_the_future": 1})


def error_of(answer: Answer, part: str = "query") -> str:
    assert answer.status in (302, 303), answer.text
    return dict(parse_qsl(getattr(urlsplit(answer.location), part))).get("error", "")


# Where they are heard


def test_userinfo_tells_what_was_asked_for_there_and_the_id_token_what_was_asked_for_in_it(site: OpenIDClient) -> None:
    asked = claims({"name": {"essential": True}, "address": None}, {"birthdate": None})
    tokens = site.get_tokens(claims=asked)
    about = told(site.provider, tokens["access_token"])
    assert about.keys() == {"sub", "name", "address"}
    assert about["name"] == STORED["name"]
    id_token = site.judge(tokens["id_token"])
    assert id_token["birthdate"] == STORED["birthdate"]
    assert not {"name", "address"} & id_token.keys()


def test_they_come_beside_those_of_the_scope(site: OpenIDClient) -> None:
    tokens = site.get_tokens(scope="openid email", claims=claims({"nickname": None}))
    about = told(site.provider, tokens["access_token"])
    assert about.keys() == {"sub", "email", "email_verified", "nickname"}


def test_they_last_as_long_as_the_grant(site: OpenIDClient) -> None:
    tokens = site.get_tokens(scope="openid offline_access", claims=claims({"name": None}, {"gender": None}))
    refreshed = site.provider.get_token(site.client, "refresh_token", refresh_token=tokens["refresh_token"])
    assert told(site.provider, refreshed["access_token"])["name"] == STORED["name"]
    assert site.judge(refreshed["id_token"])["gender"] == STORED["gender"]


@pytest.mark.parametrize("response_type", ["id_token", "id_token token", "code id_token"])
def test_an_id_token_of_the_browser_has_them_too(site: OpenIDClient, response_type: str) -> None:
    answer = site.allow(response_type, claims=claims(id_token={"locale": {"essential": True}}))
    given = dict(parse_qsl(urlsplit(answer.location).fragment))
    assert site.judge(given["id_token"])["locale"] == STORED["locale"]


def test_a_value_that_does_not_hold_is_only_a_wish(site: OpenIDClient) -> None:
    asked = claims({"name": {"value": "Somebody Else"}, "email": {"values": ["a@b.example"]}})
    about = told(site.provider, site.get_tokens(claims=asked)["access_token"])
    assert (about["name"], about["email"]) == (STORED["name"], STORED["email"])


def test_what_is_not_known_here_is_passed_over(site: OpenIDClient) -> None:
    named = {"shoe_size": {"essential": True}, "name#de": None, "iss": None, "password_hash": None}
    tokens = site.get_tokens(claims=claims(named, named))
    assert told(site.provider, tokens["access_token"]).keys() == {"sub"}
    assert site.judge(tokens["id_token"])["iss"] in (ISSUER, "http://localhost")


def test_without_openid_they_mean_nothing(site: OpenIDClient) -> None:
    assert code_of(site.allow(scope="email", claims="no JSON at all"))


def test_a_client_hears_only_what_a_scope_of_its_own_could_tell(stored_provider: Provider, site: OpenIDClient) -> None:
    narrow = stored_provider.create_client(
        "authorization_code", redirect_uris=["https://client.example/cb"], response_types=["code"], scope="openid email"
    )
    narrowly = OpenIDClient(stored_provider, narrow, site.person)
    tokens = narrowly.get_tokens(claims=claims({"email": None, "birthdate": {"essential": True}}))
    assert told(stored_provider, tokens["access_token"]).keys() == {"sub", "email"}


def test_a_claim_that_was_granted_stays_with_the_grant_when_its_client_loses_the_scope(site: OpenIDClient) -> None:
    """UserInfo reads the columns of the client's scope along with the token's state, and this one by itself."""
    clients, row = site.provider.server.clients, site.client.row
    tokens = site.get_tokens(claims=claims({"email": None, "name": None}))
    registered = clients.find_row(row)
    assert registered is not None
    clients.replace_metadata(registered, {**registered.metadata, "scope": "openid profile"})
    about = told(site.provider, tokens["access_token"])
    assert (about["email"], about["name"]) == (STORED["email"], STORED["name"])


# What the person is asked


def test_the_person_is_asked_about_them_in_words_and_finds_them_again(site: OpenIDClient) -> None:
    asked = claims({"birthdate": None, "email_verified": None}, {"birthdate": None, "address": None})
    page = site.ask(claims=asked)
    words = "See these details: birthday, whether your email address is verified, and postal address"
    assert words in page.text
    site.person.decide(page)
    assert words in site.person.get("/account/apps").text


def test_a_yes_holds_for_what_was_asked_and_for_no_claim_more(site: OpenIDClient) -> None:
    site.get_tokens(claims=claims({"birthdate": None}))
    assert code_of(site.ask(claims=claims(id_token={"birthdate": None}), prompt="none"))
    assert error_of(site.ask(claims=claims({"gender": None}), prompt="none")) == "consent_required"
    site.get_tokens(claims=claims({"gender": None}))
    assert code_of(site.ask(claims=claims({"birthdate": None, "gender": None}), prompt="none"))


def test_a_yes_to_a_scope_holds_for_each_claim_of_it(site: OpenIDClient) -> None:
    site.get_tokens(scope="openid email")
    assert code_of(site.ask(claims=claims({"email": None}), prompt="none"))


def test_a_no_gives_nothing(site: OpenIDClient) -> None:
    assert error_of(site.person.decide(site.ask(claims=claims({"name": None})), "no")) == "access_denied"


# What has to hold


def test_the_user_has_to_be_the_one_that_sub_names(site: OpenIDClient) -> None:
    sub = site.judge(site.get_tokens()["id_token"])["sub"]
    assert code_of(site.ask(claims=claims(id_token={"sub": {"value": sub}}), prompt="none"))
    for place in ({"id_token": {"sub": {"value": "another"}}}, {"userinfo": {"sub": {"value": "another"}}}):
        assert error_of(site.ask(claims=json.dumps(place), prompt="none")) == "login_required"
    login = site.ask(claims=claims(id_token={"sub": {"value": "another"}}))
    assert urlsplit(login.location).path == "/"


def test_a_request_cannot_expect_two_users(site: OpenIDClient) -> None:
    asked = claims({"sub": {"value": "one"}}, {"sub": {"value": "another"}})
    assert error_of(site.ask(claims=asked)) == "invalid_request"
    hint = site.get_tokens()["id_token"]
    asked = claims(id_token={"sub": {"value": "another"}})
    assert error_of(site.ask(claims=asked, id_token_hint=hint)) == "invalid_request"


@pytest.mark.parametrize("asked", [{"values": ["urn:gold", "0"]}, {"value": "0"}, {}])
def test_an_essential_class_of_proof_that_holds_lets_the_request_through(
    site: OpenIDClient, asked: dict[str, Any]
) -> None:
    tokens = site.get_tokens(claims=claims(id_token={"acr": {"essential": True, **asked}}))
    assert site.judge(tokens["id_token"])["acr"] == "0"


@pytest.mark.parametrize("asked", [{"values": ["urn:gold"]}, {"value": "urn:gold"}])
@pytest.mark.parametrize("prompt", [None, "none"])
def test_an_essential_class_of_proof_that_does_not_hold_fails(
    site: OpenIDClient, asked: dict[str, Any], prompt: str | None
) -> None:
    site.get_tokens()
    request = claims(id_token={"acr": {"essential": True, **asked}})
    assert error_of(site.ask(claims=request, prompt=prompt)) == "unmet_authentication_requirements"
    request = claims(id_token={"acr": {"essential": False, **asked}})
    assert code_of(site.ask(claims=request, prompt=prompt))


@pytest.mark.parametrize(
    "malformed",
    [
        "{", "[]", "null", '{"userinfo": 1}', '{"id_token": []}', '{"id_token": {"name": true}}',
        '{"id_token": {"name": {"essential": "yes"}}}', '{"id_token": {"name": {"values": "Ada"}}}',
        '{"userinfo": {}, "userinfo": {}}', '{"id_token": {"sub": {"value": 7}}}',
        '{"id_token": {"acr": {"essential": true, "value": 1}}}', '{"id_token": ' + "[" * 300 + "]" * 300 + "}",
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(site: OpenIDClient, malformed: str) -> None:
    assert error_of(site.ask(claims=malformed)) == "invalid_request"


# Discovery


def test_discovery_says_that_it_is_there(provider: Provider) -> None:
    assert provider.get(METADATA).json["claims_parameter_supported"] is True


def test_switched_off_it_is_unknown(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_claims_parameter": False}))
    assert "claims_parameter_supported" not in provider.get(METADATA).json
    site = OpenIDClient.create(provider)
    site.person.log_in("ada")
    assert told(provider, site.get_tokens(claims=claims({"updated_at": None}))["access_token"]).keys() == {"sub"}
