"""The commands that register an API, change it, and say what clients may do there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.commands import latest_event, run, run_for_json
from tests.support.residents import open_database
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.models.client import OAuth2Client

PHOTOS = "https://photos.example/api"
CREATE = (
    "resources", "create", PHOTOS, "Photos", "--scope", "photos.read", "See your photos", "--scope", "photos.write",
    "Add photos",
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    with open_database(request, folder, request.param) as uri, open_provider(folder, uri) as opened:
        yield opened


@pytest.fixture
def photos(node: Provider) -> Iterator[str]:
    run(node, *CREATE)
    yield PHOTOS
    run(node, "resources", "delete", PHOTOS, "--yes")


def test_an_api_is_what_the_options_say(node: Provider) -> None:
    identifier = "https://videos.example"
    created = run_for_json(
        node, "resources", "create", f" {identifier} ", "Videos", "--scope", "videos.watch", "Watch your videos",
        "--scope", "videos.edit", "Edit your videos", "--open", "videos.watch", "--access-token-format", "sealed",
        "--access-token-seconds", "300", "--json",
    )  # fmt: skip
    assert created.pop("created_at")
    assert created == {
        "identifier": identifier,
        "name": "Videos",
        "open": True,
        "scopes": [
            {"scope": "videos.watch", "description": "Watch your videos", "open": True},
            {"scope": "videos.edit", "description": "Edit your videos", "open": False},
        ],
        "access_token_format": "sealed",
        "access_token_alg": None,
        "access_token_typ": None,
        "access_token_seconds": 300,
    }
    assert latest_event(node, "resource_created").actor.startswith("command:")
    run(node, "resources", "delete", identifier, "--yes")


def test_without_options_it_has_jwts_by_rs256(node: Provider, photos: str) -> None:
    shown = run_for_json(node, "resources", "show", photos, "--json")
    assert [shown[name] for name in ("access_token_format", "access_token_alg", "access_token_typ")] == [
        "jwt", "RS256", "at+jwt",
    ]  # fmt: skip
    assert [scope["open"] for scope in shown["scopes"]] == [True, True]  # in the demo
    assert run_for_json(node, "resources", "list", "--json") == [
        {name: value for name, value in shown.items() if name != "clients"}
    ]
    listing = run(node, "resources", "list").output
    assert listing.splitlines()[1].split() == [photos, "Photos", "jwt", "RS256", "photos.read", "photos.write"]
    said = run(node, "resources", "show", photos + "/").output
    assert "photos.read (See your photos), photos.write (Add photos)" in said
    assert "yes: photos.read photos.write" in said


def test_a_change_keeps_what_it_does_not_name(node: Provider, photos: str) -> None:
    changed = run_for_json(
        node, "resources", "set", photos, "--scope", "photos.read", "Look at your photos", "--scope", "photos.share",
        "Share photos", "--remove-scope", "photos.write", "--access-token-typ", "JWT", "--access-token-seconds", "60",
        "--json",
    )  # fmt: skip
    assert [scope["scope"] for scope in changed["scopes"]] == ["photos.read", "photos.share"]
    assert changed["scopes"][0]["description"] == "Look at your photos"
    assert (changed["name"], changed["access_token_typ"], changed["access_token_seconds"]) == ("Photos", "JWT", 60)
    changed = run_for_json(node, "resources", "set", photos, "--name", "Pictures", "--open", "", "--json")
    assert [scope["open"] for scope in changed["scopes"]] == [False, False]
    assert (changed["name"], changed["access_token_typ"], changed["access_token_seconds"]) == ("Pictures", "JWT", 60)
    assert (
        run_for_json(node, "resources", "set", photos, "--access-token-seconds", "0", "--json")["access_token_seconds"]
        is None
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", PHOTOS + "/", "Other"), "identifier: Photos already has this identifier"),
        (("create", "http://api.example", "Other"), "identifier: Enter a URL that begins with https://."),
        (("create", "https://other.example", "Other", "--open", "x"), "--open: the API has no scope x."),
        (("create", "https://other.example", "Other", "--access-token-alg", "PS256"), "OAUTH2_SIGNING_ALGORITHMS"),
        (("set", PHOTOS, "--remove-scope", "photos.delete"), "Photos has no scope photos.delete."),
        (("set", PHOTOS, "--scope", "openid", "Know who you are"), "openid is a scope of this server."),
        (("show", "https://unknown.example"), "There is no API with the identifier 'https://unknown.example'."),
        (("show", "http://127.0.0.1:8000"), "There is no API with the identifier"),
        (("allow", "unknown", PHOTOS, "photos.read"), "There is no client with the client_id 'unknown'."),
    ],
)  # fmt: skip
def test_mistakes_are_explained(node: Provider, photos: str, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(node, "resources", *arguments, exit_code=1).output


def test_a_client_is_allowed_scopes_and_introspection_and_loses_them(node: Provider, photos: str) -> None:
    client = node.create_client()
    said = run(node, "resources", "allow", client.client_id, photos, "photos.read", "photos.write").output
    assert said == "Client Photo Printer may request photos.read photos.write of Photos for itself\n"
    run(node, "resources", "introspect", client.client_id, photos)
    expected = {
        "client_id": client.client_id, "client_name": "Photo Printer", "scope": "photos.read photos.write",
        "may_introspect": True,
    }  # fmt: skip
    assert run_for_json(node, "resources", "show", photos, "--json")["clients"] == [expected]
    assert "photos.read photos.write" in run(node, "resources", "show", photos).output.splitlines()[-1]

    run(node, "resources", "allow", client.client_id, photos, "photos.read")
    run(node, "resources", "introspect", client.client_id, photos, "--no")
    expected |= {"scope": "photos.read", "may_introspect": False}
    assert run_for_json(node, "resources", "show", photos, "--json")["clients"] == [expected]
    assert (
        "has no scope photos.delete"
        in run(node, "resources", "allow", client.client_id, photos, "photos.delete", exit_code=1).output
    )

    run(node, "resources", "disallow", client.client_id, photos)
    assert run_for_json(node, "resources", "show", photos, "--json")["clients"] == []
    assert latest_event(node, "resource_client_changed").detail["client_id"] == client.client_id


def test_the_command_says_that_a_client_nobody_reviewed_may_also_ask_people(node: Provider, photos: str) -> None:
    client, said = node.create_client(), "It may also ask people for that: it registered itself"
    assert said not in run(node, "resources", "allow", client.client_id, photos, "photos.read").output
    with node.server.database.writing() as session:
        of_client = OAuth2Client.client_id == client.client_id
        session.execute(update(OAuth2Client).where(of_client).values(is_self_registered=True))
    node.server.cache_invalidation.forget()
    assert said in run(node, "resources", "allow", client.client_id, photos, "photos.write").output


def test_an_api_without_scopes_can_be_allowed_too(node: Provider, photos: str) -> None:
    client, tools = node.create_client(), "https://tools.example/mcp"
    run(node, "resources", "create", tools, "Tools")
    said = run(node, "resources", "allow", client.client_id, tools).output
    assert said == "Client Photo Printer may request tokens for Tools for itself\n"
    assert "photos.read photos.write" in run(node, "resources", "allow", client.client_id, photos, exit_code=2).output
    run(node, "resources", "delete", tools, "--yes")


def test_the_command_says_if_a_client_lacks_the_grant_type_or_cannot_authenticate(node: Provider, photos: str) -> None:
    public = node.create_client("authorization_code", token_endpoint_auth_method="none", response_types=["code"])
    said = run(node, "resources", "allow", public.client_id, photos, "photos.read").output
    assert "grant type client_credentials" in said
    said = run(node, "resources", "introspect", public.client_id, photos, exit_code=1).output
    assert "can't authenticate" in said


def test_deletion_asks_first(node: Provider, photos: str) -> None:
    run(node, "resources", "delete", photos, feed="n\n", exit_code=1)
    assert run_for_json(node, "resources", "show", photos, "--json")["name"] == "Photos"


@pytest.fixture
def production(secure_transport_required: None, create_application: Callable[..., Flask]) -> Callable[..., Provider]:
    return lambda **settings: Provider(create_application(**PRODUCTION, **settings))


def test_in_production_self_registered_clients_may_request_what_the_operator_opens(
    production: Callable[..., Provider],
) -> None:
    node = production()
    created = run_for_json(node, *CREATE, "--access-token-alg", "ES256", "--json")
    assert (created["open"], [scope["open"] for scope in created["scopes"]]) == (False, [False, False])
    changed = run_for_json(node, "resources", "set", PHOTOS, "--open", "photos.read", "--json")
    assert (changed["open"], [scope["open"] for scope in changed["scopes"]]) == (True, [True, False])
    changed = run_for_json(node, "resources", "set", PHOTOS, "--scope", "photos.read", "Look at your photos", "--json")
    assert (changed["open"], [scope["open"] for scope in changed["scopes"]]) == (True, [True, False])
    changed = run_for_json(node, "resources", "set", PHOTOS, "--closed", "--json")
    assert (changed["open"], [scope["open"] for scope in changed["scopes"]]) == (False, [False, False])
    assert "not both" in run(node, "resources", "set", PHOTOS, "--closed", "--open", "", exit_code=2).output
    assert "begins with https" in run(node, "resources", "create", "http://localhost:8000", "Notes", exit_code=1).output


def test_without_a_key_for_rs256_the_command_says_so_and_how_to_get_one(production: Callable[..., Provider]) -> None:
    node = production(OAUTH2_SIGNING_ALGORITHMS=["ES256"])
    said = run(node, *CREATE).output
    assert "no key for RS256" in said
    assert "OAUTH2_SIGNING_ALGORITHMS" in said
    assert "run flask initdb" in said
    assert run_for_json(node, "resources", "show", PHOTOS, "--json")["access_token_alg"] == "ES256"


def test_check_config_names_apis_that_the_settings_no_longer_suit(production: Callable[..., Provider]) -> None:
    run(production(OAUTH2_ACCESS_TOKEN_SECONDS=600), *CREATE, "--access-token-seconds", "600")
    later = production(
        initdb=False,
        OAUTH2_ACCESS_TOKEN_SECONDS=300,
        OAUTH2_SIGNING_ALGORITHMS=["EdDSA"],
        OAUTH2_SCOPES={"photos.read": "See your photos"},
    )
    run(later, "initdb")
    said = [line for line in run(later, "check-config").output.splitlines() if PHOTOS in line]
    assert len(said) == 3
    assert all(f"The API {PHOTOS} doesn't fit the settings: " in line for line in said)
