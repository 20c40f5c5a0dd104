"""A login that other sites' frames may renew by: a second cookie, read for ``prompt=none`` and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.support.every_page import admit
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import PRODUCTION

MODES = {"demo": {}, "production": PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}}
NONE = {"OAUTH2_SESSION_COOKIE_SAMESITE": "None"}


@pytest.fixture(scope="module", params=MODES)
def application(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("cross"), **MODES[request.param], **NONE) as opened:
        yield opened


def name_of(application: Flask) -> str:
    return str(application.config["SESSION_COOKIE_NAME"])


def cookie(application: Flask, person: Person) -> Any:
    door: Any = person.door
    return door.get_cookie(name_of(application) + "_cross_site")


def create_client(application: Flask) -> str:
    metadata = {
        "client_name": "Photo Press", "redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"],
        "response_types": ["code"], "scope": "openid profile", "token_endpoint_auth_method": "none",
    }  # fmt: skip
    return str(application.extensions["grantwright"].clients.create(metadata, None)[0].client_id)


def frame_of(application: Flask, person: Person) -> Person:
    """Return the same browser as another site's frame has it: with nothing but the second cookie."""
    framed, held = Person(application.test_client()), cookie(application, person)
    framed.door.set_cookie(held.key, held.value, secure=True)  # type: ignore[union-attr]
    return framed


def test_a_frame_of_another_site_is_answered_and_sees_no_page(application: Flask) -> None:
    person, client_id = Person(application.test_client()), create_client(application)
    admit(person, application, "ada")
    person.get("/")
    assert code_of(person.allow(client_id, **Pkce().parameters))
    framed = frame_of(application, person)
    assert code_of(framed.ask(client_id, prompt="none", **Pkce().parameters))
    assert framed.ask(client_id, **Pkce().parameters).location.startswith("/?next=")
    assert "ada" not in framed.get("/").text
    assert framed.get("/account").status == 303
    posted = framed.post("/oauth/authorize", {"client_id": client_id, "response_type": "code", "prompt": "none"})
    assert "code=" not in posted.location


def test_it_ends_with_the_login(application: Flask) -> None:
    person, client_id = Person(application.test_client()), create_client(application)
    admit(person, application, "ada")
    person.allow(client_id, **Pkce().parameters)
    framed = frame_of(application, person)
    person.log_out()
    assert cookie(application, person) is None
    assert framed.ask(client_id, prompt="none", **Pkce().parameters).query["error"] == "login_required"


def test_neither_cookie_passes_for_the_other(application: Flask) -> None:
    person, client_id = Person(application.test_client()), create_client(application)
    admit(person, application, "ada")
    person.allow(client_id, **Pkce().parameters)
    door: Any = person.door
    first, second = door.get_cookie(name_of(application)).value, cookie(application, person).value
    for name, value in ((name_of(application), second), (name_of(application) + "_cross_site", first)):
        thief = Person(application.test_client())
        thief.door.set_cookie(name, value, secure=True)  # type: ignore[union-attr]
        assert thief.ask(client_id, prompt="none", **Pkce().parameters).query["error"] == "login_required"


def test_it_is_secure_out_of_reach_of_scripts_and_for_other_sites(application: Flask) -> None:
    person = Person(application.test_client())
    admit(person, application, "ada")
    person.get("/")
    door: Any = person.door
    held = cookie(application, person)
    assert (held.secure, held.http_only, held.same_site, held.path) == (True, True, "None", "/")
    assert door.get_cookie(name_of(application)).same_site == "Lax"


def test_by_default_there_is_one_cookie_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_application(tmp_path_factory.mktemp("lax")) as application:
        person = Person(application.test_client())
        admit(person, application, "ada")
        person.get("/")
        assert cookie(application, person) is None
