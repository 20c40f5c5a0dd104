"""The UserInfo endpoint: each claim by its granted scope, the token in the header or in a body, and who is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.stored_claims import STORED, USERINFO, ask, told
from tests.support.token_requests import Answer, MachineClient, Provider
from website.standard_claims import CLAIMS

METADATA = "/.well-known/oauth-authorization-server"
EVERY_SCOPE = "openid profile email address phone offline_access photos"
ADDRESS = {name: STORED[name] for name in ("street_address", "postal_code", "locality", "region", "country")}
NAMES_OF_PROFILE = (
    "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender", "birthdate", "zoneinfo", "locale",
)  # fmt: skip
#: What each scope value tells of Ada, beside `updated_at`.
TOLD: dict[str, dict[str, Any]] = {
    "profile": {name: STORED[name] for name in NAMES_OF_PROFILE},
    "email": {"email": "ada@ada.example", "email_verified": True},
    "address": {"address": ADDRESS},
    "phone": {"phone_number": "+44 20 7946 0000", "phone_number_verified": False},
    "offline_access": {},
    "photos": {},
}


def create_client(provider: Provider, **policy: Any) -> MachineClient:
    return provider.create_client(
        "password", "authorization_code", "refresh_token", "client_credentials", policy=policy, scope=EVERY_SCOPE,
        redirect_uris=[REDIRECT_URI], response_types=["code"],
    )  # fmt: skip


@pytest.fixture
def client(provider: Provider) -> MachineClient:
    return create_client(provider)


@pytest.fixture
def ada(stored_provider: Provider) -> str:
    """A user with every claim, her email address verified."""
    users = stored_provider.server.users
    account = users.find_or_create("ada")
    users.set_claims(int(account.id), STORED, {"email_verified": True})
    return "ada"


def challenge(answer: Answer) -> str:
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.headers["WWW-Authenticate"])


# Claims


def test_every_claim_that_is_stored_is_in_this_file() -> None:
    assert set(STORED) == set(CLAIMS)


@pytest.mark.parametrize("scope", TOLD)
def test_a_scope_tells_its_claims_and_no_other(stored_provider: Provider, ada: str, scope: str) -> None:
    given = stored_provider.log_in(create_client(stored_provider), ada, scope=f"openid {scope}")
    claims = told(stored_provider, given["access_token"])
    assert isinstance(claims.pop("sub"), str)
    if scope == "profile":
        assert isinstance(claims.pop("updated_at"), int)
    assert claims == TOLD[scope]


def test_all_scopes_tell_all_claims(stored_provider: Provider, ada: str) -> None:
    given = stored_provider.log_in(create_client(stored_provider), ada, scope=EVERY_SCOPE)
    claims = told(stored_provider, given["access_token"])
    expected = {name for claims_of_scope in TOLD.values() for name in claims_of_scope} | {"sub", "updated_at"}
    assert set(claims) == expected
    assert expected <= set(stored_provider.get(METADATA).json["claims_supported"])


def test_openid_alone_tells_the_subject_and_nothing_else(stored_provider: Provider, ada: str) -> None:
    client = create_client(stored_provider)
    token = stored_provider.log_in(client, ada, scope="openid")["access_token"]
    assert told(stored_provider, token) == {"sub": stored_provider.introspect(client, token)["sub"]}


def test_what_is_not_known_is_left_out(stored_provider: Provider) -> None:
    given = stored_provider.log_in(create_client(stored_provider), "newcomer", scope=EVERY_SCOPE)
    claims = told(stored_provider, given["access_token"])
    # The demo makes up a name and an address; nothing else.
    assert set(claims) == {"sub", "preferred_username", "updated_at", "name", "email", "email_verified"}
    assert claims["preferred_username"] == "newcomer"


def test_part_of_an_address_is_told_without_the_rest(provider: Provider, client: MachineClient) -> None:
    account = provider.server.users.find_or_create("traveller")
    provider.server.users.set_claims(int(account.id), {"country": "Iceland", "locality": ""})
    given = provider.log_in(client, "traveller", scope="openid address")
    assert told(provider, given["access_token"])["address"] == {"country": "Iceland"}


def test_a_change_is_told_at_once(provider: Provider, client: MachineClient) -> None:
    account = provider.server.users.find_or_create("changing")
    token = provider.log_in(client, "changing", scope="openid profile email")["access_token"]
    before = told(provider, token)
    with time_machine.travel(before["updated_at"] + 60, tick=False):
        provider.server.users.set_claims(int(account.id), {"email": "new@example.org"})
        after = told(provider, token)
    assert after == {
        **before,
        "updated_at": before["updated_at"] + 60,
        "email": "new@example.org",
        "email_verified": False,
    }


def test_a_narrowed_token_tells_less(provider: Provider, client: MachineClient) -> None:
    given = provider.log_in(client, scope="openid profile email")
    narrowed = provider.refresh(client, given["refresh_token"], scope="openid").json
    assert set(told(provider, narrowed["access_token"])) == {"sub"}


def test_a_jwt_tells_the_same_as_a_sealed_token(provider: Provider) -> None:
    answers = []
    for form in ("sealed", "jwt"):
        given = provider.log_in(create_client(provider, access_token_format=form), scope="openid profile")
        assert given["access_token"].startswith("ey") == (form == "jwt")
        answers.append(told(provider, given["access_token"]))
    assert answers[0] == answers[1]


def test_a_person_who_allowed_it_in_a_browser_is_told_of(provider: Provider, client: MachineClient) -> None:
    person, pkce = Person(provider.application.test_client()), Pkce()
    person.log_in("browsing")
    code = code_of(person.allow(client.client_id, scope="openid email profile", **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    token = provider.get_token(client, "authorization_code", **fields)["access_token"]
    assert told(provider, token)["preferred_username"] == "browsing"


# How the token comes


def test_the_header_of_a_get_or_a_post_and_the_body_of_a_post_carry_the_token(
    provider: Provider, client: MachineClient
) -> None:
    token = provider.log_in(client, scope="openid profile")["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    answers = [
        provider.get(USERINFO, **header),
        provider.post(USERINFO, {}, **header),
        provider.open("POST", USERINFO, headers=header),
        provider.post(USERINFO, {"access_token": token}),
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].headers["Content-Type"] == "application/json"
    assert answers[0].headers["Cache-Control"] == "no-store"
    head = provider.open("HEAD", USERINFO, headers=header)
    assert (head.status, head.body) == (200, b"")


def test_a_token_in_header_and_body_is_refused(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client, scope="openid")["access_token"]
    for header in (f"Bearer {token}", client.basic):
        answer = provider.post(USERINFO, {"access_token": token}, Authorization=header)
        assert (answer.status, answer.error) == (400, "invalid_request")
        assert challenge(answer).startswith('Bearer realm="Grantwright", error="invalid_request"')


def test_a_token_in_the_query_opens_nothing(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client, scope="openid")["access_token"]
    assert provider.get(f"{USERINFO}?access_token={token}").status == 401
    posted = provider.post(f"{USERINFO}?access_token={token}", {})
    assert (posted.status, posted.error) == (400, "invalid_request")


@pytest.mark.parametrize("template", ["{0} {0}", " {0}", "{0} ", "Bearer {0}"])
def test_a_body_that_has_more_than_the_token_is_refused(
    provider: Provider, client: MachineClient, template: str
) -> None:
    token = provider.log_in(client, scope="openid")["access_token"]
    answer = provider.post(USERINFO, {"access_token": template.format(token)})
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_body_that_is_no_form_or_has_the_token_twice_is_refused(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client, scope="openid")["access_token"]
    twice = provider.post(USERINFO, [("access_token", token), ("access_token", token)])
    as_json = provider.open("POST", USERINFO, json={"access_token": token})
    assert [(answer.status, answer.error) for answer in (twice, as_json)] == [(400, "invalid_request")] * 2


# Who is refused


def test_without_a_token_the_challenge_has_no_error(provider: Provider) -> None:
    for answer in (provider.get(USERINFO), provider.post(USERINFO, {}), provider.post(USERINFO, {"access_token": ""})):
        assert answer.status == 401
        assert challenge(answer) == 'Bearer realm="Grantwright", scope="openid"'


def is_invalid(answer: Answer) -> bool:
    return (answer.status, answer.error) == (401, "invalid_token") and 'error="invalid_token"' in challenge(answer)


def test_a_token_that_is_none_is_refused(provider: Provider, client: MachineClient) -> None:
    refresh_token = provider.log_in(client, scope="openid")["refresh_token"]
    for token in ("nonsense", refresh_token):
        assert is_invalid(ask(provider, token))
        assert is_invalid(provider.post(USERINFO, {"access_token": token}))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revoked_token_is_refused(stored_provider: Provider, kind: str) -> None:
    client = create_client(stored_provider)
    given = stored_provider.log_in(client, scope="openid")
    assert ask(stored_provider, given["access_token"]).status == 200
    stored_provider.revoke(client, given[kind])
    assert is_invalid(ask(stored_provider, given["access_token"]))


def test_an_expired_token_is_refused(provider: Provider, client: MachineClient) -> None:
    given = provider.log_in(client, scope="openid")
    with time_machine.travel(provider.introspect(client, given["access_token"])["exp"], tick=False):
        assert is_invalid(ask(provider, given["access_token"]))


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_the_token_of_a_user_who_is_gone_is_refused(stored_provider: Provider, end: str) -> None:
    token = stored_provider.log_in(create_client(stored_provider), f"to {end}", scope="openid")["access_token"]
    assert ask(stored_provider, token).status == 200
    users = stored_provider.server.users
    getattr(users, end)(int(users.find_by_name(f"to {end}").id))
    assert is_invalid(ask(stored_provider, token))


def test_a_token_without_openid_is_refused(provider: Provider, client: MachineClient) -> None:
    for given in (provider.log_in(client, scope="profile email"), provider.get_token(client)):
        answer = ask(provider, given["access_token"])
        assert (answer.status, answer.error) == (403, "insufficient_scope")
        assert challenge(answer).startswith('Bearer realm="Grantwright", error="insufficient_scope"')
        assert challenge(answer).endswith('scope="openid"')


# Switched off


@pytest.fixture
def without(create_application: Callable[..., Flask]) -> Callable[[str], Provider]:
    return lambda name: Provider(create_application(OAUTH2_SPECS={name: False}))


def test_without_bearer_tokens_it_is_closed(without: Callable[[str], Provider]) -> None:
    provider = without("rfc6750_bearer_token")
    token = provider.log_in(create_client(provider), scope="openid")["access_token"]
    for answer in (ask(provider, token), provider.post(USERINFO, {"access_token": token}), provider.get(USERINFO)):
        assert (answer.status, answer.error) == (403, "access_denied")


def test_without_the_scope_openid_there_is_no_such_address(without: Callable[[str], Provider]) -> None:
    provider = without("oidc_core_scopes")
    assert provider.get(USERINFO, Accept="application/json").status == 404
    assert not {"userinfo_endpoint", "claims_supported"} & set(provider.get(METADATA).json)
