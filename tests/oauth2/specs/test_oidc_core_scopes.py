"""The scopes of OpenID Connect: known at every place that knows scopes, and in the operator's words where there are."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.person import Person, Pkce
from tests.support.token_requests import Provider
from website.oauth2.specs.oidc_core_scopes import WORDS
from website.settings import DEFAULT_SCOPES

METADATA = "/.well-known/oauth-authorization-server"
STANDARD = ["openid", "profile", "email", "address", "phone", "offline_access", "groups"]
EVERY_SCOPE = " ".join(STANDARD)
Create = Callable[..., Flask]


@pytest.fixture
def person(application: Flask) -> Person:
    somebody = Person(application.test_client())
    somebody.log_in()
    return somebody


def test_they_are_known_beside_those_of_the_operator(create_application: Create) -> None:
    for own, known in ({}, STANDARD), (DEFAULT_SCOPES, STANDARD), ({"notes": "Read your notes"}, [*STANDARD, "notes"]):
        provider = Provider(create_application(OAUTH2_SCOPES=own))
        assert provider.get(METADATA).json["scopes_supported"] == known
        client = provider.create_client("password", scope=" ".join(known))
        assert provider.log_in(client, scope=" ".join(known))["scope"] == " ".join(known)


def test_switched_off_only_those_of_the_operator_are_known(create_application: Create) -> None:
    for own in (DEFAULT_SCOPES, {"notes": "Read your notes"}):
        provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_scopes": False}, OAUTH2_SCOPES=own))
        assert provider.get(METADATA).json["scopes_supported"] == list(own)
        client = provider.create_client("password", scope="openid email")
        fields = {"username": provider.create_user(), "password": "valid"}
        assert provider.ask_token(client, "password", **fields, scope="openid email").error == "invalid_scope"


def test_where_none_is_known_the_metadata_names_none(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_scopes": False}, OAUTH2_SCOPES={}))
    assert "scopes_supported" not in provider.get(METADATA).json


def test_omitted_a_scope_is_all_but_offline_access(provider: Provider) -> None:
    client = provider.create_client("password", scope=EVERY_SCOPE)
    assert provider.log_in(client)["scope"] == "openid profile email address phone groups"


def test_an_unknown_scope_is_left_out_beside_openid_and_refused_without(provider: Provider) -> None:
    client = provider.create_client("password", scope=EVERY_SCOPE)
    assert provider.log_in(client, scope="openid email paint")["scope"] == "openid email"
    fields = {"username": "alice", "password": "valid", "scope": "email paint"}
    assert provider.ask_token(client, "password", **fields).error == "invalid_scope"


# What people read


def test_the_consent_page_says_each_in_words(person: Person) -> None:
    client = person.create_client(scope=EVERY_SCOPE)
    page = html.unescape(person.ask(client, scope=EVERY_SCOPE, **Pkce().parameters).text)
    for value, words in WORDS.items():
        assert (f"<li>{words}</li>" in page) == (value != "openid"), value


def test_asked_for_openid_alone_a_person_only_confirms_the_account(person: Person) -> None:
    client = person.create_client(scope="openid email")
    page = person.ask(client, scope="openid", **Pkce().parameters)
    assert "wants to log you in" in page.text
    assert "Logged in as <strong>alice</strong>" in page.text
    assert "will be able to" not in page.text
    assert "code" in person.decide(page).query


def test_the_operators_words_stand_instead_of_ours(create_application: Create) -> None:
    own = {"email": "Write you letters", "notes": "Read your notes"}
    person = Person(create_application(OAUTH2_SCOPES=own).test_client())
    person.log_in()
    client = person.create_client(scope="openid email notes phone")
    page = person.ask(client, **Pkce().parameters).text
    for words in (*own.values(), WORDS["phone"]):
        assert f"<li>{words}</li>" in page
    assert WORDS["email"] not in page


def test_connected_apps_say_what_was_granted_in_words(person: Person) -> None:
    client = person.create_client(scope="openid email")
    person.allow(client, **Pkce().parameters)
    page = person.get("/account/apps").text
    for value in ("openid", "email"):
        assert f"<li>{WORDS[value]}</li>" in page


def test_the_form_of_a_client_shows_them_all_and_fills_in_the_operators(create_application: Create) -> None:
    for own in (DEFAULT_SCOPES, {"notes": "Read your notes", "profile": "See your profile"}):
        person = Person(create_application(OAUTH2_SCOPES=own).test_client())
        person.log_in()
        page = html.unescape(person.get("/create_client").text)
        for value, words in {**WORDS, **own}.items():
            assert f"<dt><code>{value}</code></dt><dd>{words}</dd>" in page
        filled_in = dict.fromkeys(("openid", "profile", "email", *own))
        assert f'value="{" ".join(filled_in)}"' in page
