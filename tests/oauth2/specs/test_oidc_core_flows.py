"""The implicit and the hybrid flow, and the three ways in which their answers come."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.openid_client import IN_BROWSER, NONCE, OpenIDClient, half_hash, posted_fields
from tests.support.person import REDIRECT_URI, Answer
from tests.support.token_requests import Provider

STATE = "q\"<&%'>#+ é/~"


@pytest.fixture
def site(provider: Provider) -> OpenIDClient:
    site = OpenIDClient.create(provider)
    site.person.log_in("traveller")
    return site


def given_by(answer: Answer, mode: str) -> dict[str, str]:
    if mode == "form_post":
        assert (answer.status, answer.location) == (200, "")
        return posted_fields(answer)
    parts = urlsplit(answer.location)
    assert answer.location.startswith(REDIRECT_URI)
    if mode == "fragment":
        assert parts.query == ""
        return dict(parse_qsl(parts.fragment))
    assert parts.fragment == ""
    return dict(parse_qsl(parts.query))


@pytest.mark.parametrize("mode", [None, "fragment", "form_post"])
@pytest.mark.parametrize("response_type", IN_BROWSER)
def test_a_response_type_gives_what_it_names_and_no_more(
    site: OpenIDClient, response_type: str, mode: str | None
) -> None:
    answer = site.allow(response_type, state=STATE, response_mode=mode)
    given = given_by(answer, mode or "fragment")
    values = response_type.split()
    expected = {"state", "iss", "session_state"}
    if "code" in values:
        expected.add("code")
    if "id_token" in values:
        expected.add("id_token")
    if "token" in values:
        expected |= {"access_token", "token_type", "expires_in", "scope"}
    assert set(given) == expected
    assert given["state"] == STATE
    if "id_token" in values:
        claims = site.judge(given["id_token"], nonce=NONCE)
        assert claims.get("at_hash") == (half_hash(given["access_token"]) if "token" in values else None)
        assert claims.get("c_hash") == (half_hash(given["code"]) if "code" in values else None)
    if "token" in values:
        bearer = f"Bearer {given['access_token']}"
        assert site.provider.get("/oauth/userinfo", Authorization=bearer).status == 200
    if "code" in values:
        tokens = site.redeem(given["code"])
        assert site.judge(tokens["id_token"], nonce=NONCE)["at_hash"] == half_hash(tokens["access_token"])


def test_the_values_of_a_response_type_come_in_any_order(site: OpenIDClient) -> None:
    assert set(given_by(site.allow("token id_token code"), "fragment")) >= {"code", "id_token", "access_token"}


def test_alone_the_id_token_has_the_claims_of_the_scope_and_else_userinfo_has(site: OpenIDClient) -> None:
    alone = site.judge(given_by(site.allow("id_token", scope="openid profile"), "fragment")["id_token"])
    beside = site.judge(given_by(site.allow("id_token token", scope="openid profile"), "fragment")["id_token"])
    assert alone["preferred_username"] == "traveller"
    assert "preferred_username" not in beside


@pytest.mark.parametrize("response_type", [name for name in IN_BROWSER if "id_token" in name.split()])
def test_an_id_token_in_the_browser_needs_a_nonce(site: OpenIDClient, response_type: str) -> None:
    given = given_by(site.ask(response_type, nonce=None, state="s"), "fragment")
    assert (given["error"], given["state"]) == ("invalid_request", "s")


def test_a_code_with_an_access_token_needs_no_nonce(site: OpenIDClient) -> None:
    assert "code" in given_by(site.allow("code token", nonce=None), "fragment")


@pytest.mark.parametrize("response_type", IN_BROWSER)
def test_without_openid_there_is_no_such_flow(site: OpenIDClient, response_type: str) -> None:
    assert given_by(site.ask(response_type, scope="profile"), "fragment")["error"] == "invalid_request"


@pytest.mark.parametrize("response_type", ["code id_token", "code token"])
def test_pkce_protects_the_code_of_a_hybrid_flow_too(site: OpenIDClient, response_type: str) -> None:
    strict = OpenIDClient.create(site.provider, policy={"pkce_required": True})
    strict.person = site.person
    refused = strict.ask(response_type, code_challenge=None, code_challenge_method=None)
    assert given_by(refused, "fragment")["error"] == "invalid_request"
    code = given_by(site.allow(response_type), "fragment")["code"]
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": "x" * 43}
    answer = site.provider.ask_token(site.client, "authorization_code", **fields)
    assert (answer.status, answer.error) == (400, "invalid_grant")


def test_a_response_type_that_is_not_registered_is_refused(provider: Provider) -> None:
    client = provider.create_client(
        "authorization_code", redirect_uris=[REDIRECT_URI], response_types=["code"], scope="openid"
    )
    site = OpenIDClient(provider, client, OpenIDClient.create(provider).person)
    site.person.log_in()
    assert given_by(site.ask("code id_token"), "fragment")["error"] == "unauthorized_client"


def test_offline_access_is_for_who_gets_a_code(site: OpenIDClient) -> None:
    given = given_by(site.allow("id_token token", scope="openid offline_access"), "fragment")
    assert given["scope"] == "openid"


@pytest.mark.parametrize(("response_type", "mode"), [("code", "fragment"), ("id_token", "query"), ("code", "pigeon")])
def test_a_mode_that_does_not_go_with_the_response_type_is_refused(
    site: OpenIDClient, response_type: str, mode: str
) -> None:
    usual = "query" if response_type == "code" else "fragment"
    assert given_by(site.ask(response_type, response_mode=mode), usual)["error"] == "invalid_request"


@pytest.mark.parametrize("response_type", ["code", *IN_BROWSER])
def test_a_no_comes_in_the_mode_that_was_asked_for(site: OpenIDClient, response_type: str) -> None:
    page = site.ask(response_type, response_mode="form_post", state=STATE)
    given = given_by(site.person.decide(page, "no"), "form_post")
    assert (given["error"], given["state"]) == ("access_denied", STATE)
    assert "code" not in given


def test_the_page_that_posts_has_a_button_and_one_script_of_ours(site: OpenIDClient) -> None:
    answer = site.allow("code", response_mode="form_post", state='"><script>alert(1)</script>')
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<script nonce="{html.escape(nonce[1])}">' in answer.text
    assert "form-action" not in policy
    assert "alert(1)</script>" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'action="{REDIRECT_URI}"' in answer.text
    assert "<button>Continue</button>" in answer.text
    assert set(posted_fields(answer)) == {"code", "state", "iss", "session_state"}
