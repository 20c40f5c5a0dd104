"""Who may leave PKCE out: a confidential client of OpenID Connect with a nonce, that somebody made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask

from tests.support.openid_client import NONCE, OpenIDClient
from tests.support.person import REDIRECT_URI, Person, code_of
from tests.support.signing_client import jwks_of, key_for, sign
from tests.support.token_requests import Provider

NO_PKCE: Mapping[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
STRICT = "Missing 'code_challenge': this server requires PKCE with S256."
BOTH_WAYS = "Missing 'code_challenge': use PKCE with S256, or OpenID Connect with the scope openid and a 'nonce'."


def create(provider: Provider, policy: Mapping[str, Any] | None = None, **metadata: Any) -> OpenIDClient:
    wanted = {
        "redirect_uris": [REDIRECT_URI], "response_types": ["code"], "scope": "openid profile",
        "policy": policy or {}, **metadata,
    }  # fmt: skip
    site = OpenIDClient.of(provider, provider.create_client("authorization_code", **wanted))
    site.person.log_in()
    return site


def problem(site: OpenIDClient, **asked: str | None) -> str:
    answer = site.ask(**{**NO_PKCE, **asked})
    return answer.query.get("error_description", "") if answer.status == 302 else ""


def test_a_confidential_client_with_a_nonce_needs_no_challenge_and_finds_it_again(provider: Provider) -> None:
    site = create(provider)
    code = code_of(site.person.decide(site.ask(**NO_PKCE)))
    given = provider.get_token(site.client, "authorization_code", code=code, redirect_uri=REDIRECT_URI)
    assert site.judge(given["id_token"])["nonce"] == NONCE


@pytest.mark.parametrize(
    "asked", [{"nonce": None}, {"nonce": ""}, {"scope": "profile"}, {"scope": "profile", "nonce": None}]
)
def test_without_nonce_or_openid_the_error_names_both_ways(provider: Provider, asked: dict[str, str | None]) -> None:
    assert problem(create(provider), **asked) == BOTH_WAYS


@pytest.mark.parametrize(
    "of",
    [
        {"token_endpoint_auth_method": "none"},
        {"policy": {"is_self_registered": True}},
        {"policy": {"registration_token_hash": "0" * 64}},
        {"policy": {"pkce_required": True}},
    ],
)
def test_every_other_client_needs_a_challenge(provider: Provider, of: dict[str, Any]) -> None:
    assert problem(create(provider, **of)) == STRICT


def test_a_client_that_an_operator_let_off_needs_none(provider: Provider) -> None:
    site = create(provider, policy={"pkce_required": False, "is_self_registered": True})
    assert site.ask(**NO_PKCE).status == 200


@pytest.mark.parametrize(("setting", "says"), [("all", STRICT), ("public", ""), ("unless_nonce", "")])
def test_the_setting_says_who_is_asked(create_application: Callable[..., Flask], setting: str, says: str) -> None:
    site = create(Provider(create_application(OAUTH2_PKCE_REQUIRED_FOR=setting)))
    assert problem(site) == says
    assert bool(problem(site, nonce=None)) == (setting != "public")


def test_a_verifier_for_a_code_without_a_challenge_is_refused(provider: Provider) -> None:
    site = create(provider)
    fields = {"code": code_of(site.person.decide(site.ask(**NO_PKCE))), "code_verifier": site.pkce.verifier}
    answer = provider.ask_token(site.client, "authorization_code", redirect_uri=REDIRECT_URI, **fields)
    assert answer.json["error"] == "invalid_grant"


@pytest.mark.parametrize(("inside", "outside", "says"), [(NONCE, None, ""), (None, NONCE, BOTH_WAYS)])
def test_the_nonce_that_counts_is_inside_the_request_object(
    provider: Provider, inside: str | None, outside: str | None, says: str
) -> None:
    site = create(provider, jwks=jwks_of(key_for("ES256")))
    asked = {
        "client_id": site.client.client_id, "response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "openid",
        "nonce": inside,
    }  # fmt: skip
    signed = sign(key_for("ES256"), "ES256", {name: value for name, value in asked.items() if value})
    assert problem(site, request=signed, nonce=outside) == says


def test_the_page_of_a_client_says_what_it_has_to_check(create_application: Callable[..., Flask]) -> None:
    for setting, is_said in (("unless_nonce", True), ("all", False)):
        application = create_application(OAUTH2_PKCE_REQUIRED_FOR=setting)
        person = Person(application.test_client())
        person.log_in()
        said = []
        for chosen in ({}, {"scope": "profile"}, {"token_endpoint_auth_method": "none"}, {"pkce": "required"}):
            made = person.create_client(**{"client_name": "Photo Press", "scope": "openid profile", **chosen})
            row = application.extensions["grantwright"].clients.find(made.client_id).id
            said.append("contains the nonce it sent" in person.get(f"/clients/{row}/settings").text)
        assert sum(said) == is_said
