"""A grant follows what its client may have, a consent what its person was shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import MachineClient, Provider

START = 1_900_000_000
DAY = 86_400
EVERY_SCOPE = "openid profile photos offline_access"


def make_client(provider: Provider, **metadata: Any) -> MachineClient:
    chosen = {
        "scope": EVERY_SCOPE, "redirect_uris": [REDIRECT_URI], "response_types": ["code"], "client_name": "Nice game",
        **metadata,
    }  # fmt: skip
    return provider.create_client("authorization_code", "refresh_token", "client_credentials", **chosen)


def let_in(provider: Provider, client: MachineClient, scope: str, person: Person | None = None) -> dict[str, Any]:
    person, pkce = person or log_in(provider), Pkce()
    code = code_of(person.allow(client.client_id, scope=scope, **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    return provider.get_token(client, "authorization_code", **fields)


def log_in(provider: Provider, name: str = "alice") -> Person:
    person = Person(provider.application.test_client())
    person.log_in(name)
    return person


def change(provider: Provider, client: MachineClient, **metadata: Any) -> None:
    """Change a client as its page and the command do."""
    held = dict(provider.server.clients.find_fresh(client.client_id).metadata)
    provider.server.clients.update(client.row, {**held, **metadata})


def replace(provider: Provider, client: MachineClient, **metadata: Any) -> None:
    """Change a client as it does itself, by a PUT of its registration."""
    held = dict(provider.server.clients.find_fresh(client.client_id).metadata)
    clients = provider.server.clients
    clients.replace_metadata(clients.find_row(client.row), {**held, **metadata})


BOTH_WAYS = pytest.mark.parametrize("way", [change, replace])


def stored(provider: Provider, client: MachineClient, table: str, columns: str = "scope") -> list[Any]:
    with provider.server.database.engine.connect() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM {table} WHERE client = :row"), {"row": client.row})
        return [row[0] if len(row) == 1 else tuple(row) for row in found]


# Scopes that a client loses


@BOTH_WAYS
@pytest.mark.parametrize("lost", ["photos", "profile", "openid"])
def test_a_scope_that_the_client_loses_is_in_nothing_that_it_was_granted(
    stored_provider: Provider, way: Any, lost: str
) -> None:
    provider, client = stored_provider, make_client(stored_provider)
    tokens = let_in(provider, client, "openid profile photos")
    own = provider.get_token(client, scope="photos profile")["access_token"]
    left = [value for value in ("openid", "profile", "photos") if value != lost]
    way(provider, client, scope=" ".join([*left, "offline_access"]))

    assert provider.introspect(client, tokens["access_token"])["scope"] == " ".join(left)
    assert provider.introspect(client, tokens["refresh_token"])["scope"] == " ".join(left)
    assert lost not in provider.introspect(client, own)["scope"].split()
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert provider.get("/api/me", **header).status == (403 if lost == "profile" else 200)
    assert provider.get("/oauth/userinfo", **header).status == (403 if lost == "openid" else 200)
    assert stored(provider, client, "oauth2_grant") == [" ".join(left)]
    assert stored(provider, client, "oauth2_consent") == [" ".join(left)]
    refreshed = provider.refresh(client, tokens["refresh_token"]).json
    assert refreshed["scope"] == " ".join(left)
    assert ("id_token" in refreshed) == (lost != "openid")


@BOTH_WAYS
def test_a_scope_that_comes_back_was_not_granted(stored_provider: Provider, way: Any) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    tokens = let_in(provider, client, "profile photos", person)
    way(provider, client, scope="profile")
    way(provider, client, scope=EVERY_SCOPE)
    assert provider.introspect(client, tokens["access_token"])["scope"] == "profile"
    assert provider.refresh(client, tokens["refresh_token"]).json["scope"] == "profile"
    assert person.ask(client.client_id, scope="profile photos", **Pkce().parameters).status == 200, "it is asked again"


@BOTH_WAYS
def test_a_client_that_loses_offline_access_has_nothing_after_the_log_out(stored_provider: Provider, way: Any) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    tokens = let_in(provider, client, "openid profile offline_access", person)
    way(provider, client, scope="openid profile")
    tokens = provider.refresh(client, tokens["refresh_token"]).json
    assert tokens["scope"] == "openid profile"
    person.log_out()
    assert provider.refresh(client, tokens["refresh_token"]).error == "invalid_grant"
    assert not provider.is_active(client, tokens["access_token"])


@BOTH_WAYS
def test_a_client_that_loses_offline_access_after_the_log_out_has_nothing(stored_provider: Provider, way: Any) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    tokens = let_in(provider, client, "openid profile offline_access", person)
    person.log_out()
    assert provider.is_active(client, tokens["access_token"])
    way(provider, client, scope="openid profile")
    assert not provider.is_active(client, tokens["access_token"])
    assert provider.refresh(client, tokens["refresh_token"]).error == "invalid_grant"


def test_a_grant_that_has_no_scope_left_ends(stored_provider: Provider) -> None:
    provider, client = stored_provider, make_client(stored_provider)
    tokens = let_in(provider, client, "photos")
    change(provider, client, scope="profile")
    assert not provider.is_active(client, tokens["access_token"])
    assert provider.refresh(client, tokens["refresh_token"]).error == "invalid_grant"


def test_a_code_that_is_under_way_loses_the_scope_too(stored_provider: Provider) -> None:
    provider, client, pkce = stored_provider, make_client(stored_provider), Pkce()
    code = code_of(log_in(provider).allow(client.client_id, scope="profile photos", **pkce.parameters))
    change(provider, client, scope="profile")
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    assert provider.get_token(client, "authorization_code", **fields)["scope"] == "profile"
    assert stored(provider, client, "oauth2_grant") == ["profile"]


def test_other_clients_and_other_scopes_keep_what_they_have(stored_provider: Provider) -> None:
    provider, client, other = stored_provider, make_client(stored_provider), make_client(stored_provider)
    held = [let_in(provider, one, "profile photos") for one in (client, other)]
    change(provider, client, scope="profile")
    change(provider, client, client_name="Another name", scope="profile photos")
    assert provider.refresh(other, held[1]["refresh_token"]).json["scope"] == "profile photos"


# What a person was shown


@pytest.mark.parametrize(
    "new",
    [
        {"client_name": "Your bank"},
        {"client_uri": "https://elsewhere.example"},
        {"redirect_uris": ["https://elsewhere.example/cb"]},
        {"redirect_uris": [REDIRECT_URI, "https://elsewhere.example/cb"]},
        {"client_name": "Your bank", "redirect_uris": ["https://elsewhere.example/cb"]},
    ],
)
@BOTH_WAYS
def test_a_yes_counts_for_what_was_shown_alone(stored_provider: Provider, way: Any, new: dict[str, Any]) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    let_in(provider, client, "openid profile", person)
    at = new.get("redirect_uris", [REDIRECT_URI])[-1]
    silent = {"scope": "openid profile", "redirect_uri": at, "prompt": "none", **Pkce().parameters}
    way(provider, client, **new)

    assert person.ask(client.client_id, **silent).query["error"] == "consent_required"
    asked = {"scope": "openid photos", "redirect_uri": at, **Pkce().parameters}
    page = person.ask(client.client_id, **asked)
    assert "You already allowed it" not in page.text, "all of it is new"
    assert "code" in person.decide(page).query
    assert stored(provider, client, "oauth2_consent") == ["openid photos"]
    assert person.ask(client.client_id, **silent).query["error"] == "consent_required"


@pytest.mark.parametrize(
    "new",
    [
        {"redirect_uris": [REDIRECT_URI, "https://client.example/other"]},
        {"policy_uri": "https://client.example/policy"},
        {"scope": f"{EVERY_SCOPE} email"},
    ],
)
def test_other_changes_cost_no_consent(stored_provider: Provider, new: dict[str, Any]) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    let_in(provider, client, "openid profile", person)
    change(provider, client, **new)
    silent = person.ask(client.client_id, scope="openid profile", prompt="none", **Pkce().parameters)
    assert "code" in silent.query


def test_a_yes_to_single_claims_does_not_outlive_a_scope_that_was_lost_and_a_new_name(
    stored_provider: Provider,
) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    claims = json.dumps({"userinfo": {"preferred_username": None}})
    person.allow(client.client_id, scope="openid", claims=claims, **Pkce().parameters)
    replace(provider, client, scope="photos")
    replace(provider, client, scope="openid profile", client_name="Your bank")
    person.allow(client.client_id, scope="openid", **Pkce().parameters)
    silent = {"scope": "openid", "claims": claims, "prompt": "none", **Pkce().parameters}
    assert person.ask(client.client_id, **silent).query["error"] == "consent_required"


def test_a_client_that_changes_while_its_page_is_read_is_shown_again(stored_provider: Provider) -> None:
    provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    page = person.ask(client.client_id, scope="profile", **Pkce().parameters)
    change(provider, client, client_name="Your bank")
    again = person.decide(page)
    assert again.status == 200
    assert "Your bank" in again.text
    assert not stored(provider, client, "oauth2_consent")
    assert "code" in person.decide(again).query


def test_more_than_was_allowed_is_marked_as_new_and_the_rest_is_listed(stored_provider: Provider) -> None:
    _provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
    first = person.ask(client.client_id, scope="openid profile", **Pkce().parameters)
    assert ">New<" not in first.text
    person.decide(first)
    page = person.ask(client.client_id, scope="openid profile photos", **Pkce().parameters)
    new, _heading, rest = page.text.partition("You already allowed it to:")
    assert ("See your photos" in new, "See your photos" in rest) == (True, False)
    assert ("See your name" in new, "See your name" in rest) == (False, True)
    assert new.count(">New<") == 1
    person.decide(page)
    repeated = person.ask(client.client_id, scope="openid profile photos", prompt="consent", **Pkce().parameters)
    assert (">New<" in repeated.text, "You already allowed" in repeated.text) == (False, False)


def test_what_was_shown_is_in_the_export(stored_provider: Provider) -> None:
    provider, client = stored_provider, make_client(stored_provider)
    let_in(provider, client, "profile", log_in(provider, "exported"))
    ran = provider.application.test_cli_runner().invoke(args=["users", "export", "exported"])
    [consent] = [row for row in json.loads(ran.stdout)["consents"] if row["client"] == client.client_id]
    hosts = {"redirect_hosts": ["client.example"], "named_hosts": ["client.example"]}
    assert consent["shown"] == {"client_name": "Nice game", "client_uri": "", **hosts}


def test_an_idle_login_is_not_brought_back_by_a_refresh(stored_provider: Provider) -> None:
    with time_machine.travel(START, tick=False) as clock:
        provider, client, person = stored_provider, make_client(stored_provider), log_in(stored_provider)
        tokens = let_in(provider, client, "openid profile", person)
        for _ in range(4):
            clock.shift(DAY)
            tokens = provider.refresh(client, tokens["refresh_token"]).json
        silent = person.ask(client.client_id, scope="openid", prompt="none", **Pkce().parameters)
        assert silent.query["error"] == "login_required"
