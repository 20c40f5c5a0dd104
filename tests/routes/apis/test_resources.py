"""The pages of APIs: who sees them, what their forms make, and what a client's page says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.commands import latest_event
from tests.support.embedding_host import Visitor, open_hosts
from tests.support.one_application import open_application
from tests.support.person import Answer, Person
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, MachineClient, Provider
from website.identifiers import new_identifier
from website.models.client import OAuth2Client
from website.resources import Resource

SCOPES = "photos.read See your photos\r\n\r\n  photos.write  Add photos  \r\n"


@pytest.fixture
def alice(provider: Provider) -> Person:
    person = Person(provider.application.test_client())
    person.log_in("alice")
    return person


def register(person: Person, **fields: Any) -> Answer:
    form = {"name": "Photos", "scopes": SCOPES, **fields}
    return person.post("/create_api", {**person.get("/create_api").hidden_fields(), **form})


def change(person: Person, resource: Resource, **fields: Any) -> Answer:
    """Send the form of an API as a browser would that shows it, with other values for some fields."""
    path = f"/apis/{resource.id}/edit"
    form = {
        "name": resource.name, "scopes": "photos.read See your photos\nphotos.write Add photos", "opens": "all",
        "access_token_format": "jwt", "access_token_alg": "RS256", "access_token_typ": "at+jwt", **fields,
    }  # fmt: skip
    return person.post(path, {**person.get(path).hidden_fields(), **form})


@pytest.fixture
def photos(provider: Provider, alice: Person) -> Resource:
    answer = register(alice, identifier=f" https://api.example/{new_identifier()} ")
    assert answer.status == 303, answer.text
    return find(provider, answer.location)


def find(provider: Provider, address: str) -> Resource:
    found: Resource = provider.server.resources.find_row(address.rpartition("/")[2])
    return found


def permit(person: Person, resource: Resource, client: MachineClient | str, **fields: Any) -> Answer:
    path = f"/apis/{resource.id}/client"
    client_id = client if isinstance(client, str) else client.client_id
    return person.post(path, {**person.get(path).hidden_fields(), "client": client_id, **fields})


def test_the_form_registers_an_api_with_the_usual_choices(provider: Provider, alice: Person, photos: Resource) -> None:
    assert [(scope.name, scope.description, scope.is_open) for scope in photos.scopes.values()] == [
        ("photos.read", "See your photos", True), ("photos.write", "Add photos", True),
    ]  # fmt: skip
    assert (photos.is_open, photos.access_token_format, photos.access_token_alg) == (True, "jwt", "RS256")
    event = latest_event(provider, "resource_created")
    assert event.subject == provider.server.users.subject_of_name("alice")
    page = alice.get(f"/apis/{photos.id}").text
    for fact in (photos.identifier, "See your photos", "RS256", "http://localhost/oauth/jwks"):
        assert fact in page
    assert photos.identifier in alice.get("/apis").text


def test_the_form_comes_back_with_what_was_typed_and_every_problem(provider: Provider, alice: Person) -> None:
    before = provider.server.resources.list_all()
    answer = register(
        alice, identifier="photos", name=" ", scopes="openid Know who you are", opens="some", open_scope="photos.read",
        access_token_format="opaque", access_token_alg="none", access_token_typ="jose", access_token_seconds="soon",
    )  # fmt: skip
    assert answer.status == 422
    for name in (
        "identifier", "name", "scopes", "open_scope", "access_token_format", "access_token_alg", "access_token_typ",
        "access_token_seconds",
    ):  # fmt: skip
        assert f'<a href="#{name}">' in answer.text, name
    assert "openid Know who you are" in answer.text
    assert "<details open>" in answer.text
    assert provider.server.resources.list_all() == before


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scopes": "photos.read"}, "Describe photos.read"),
        ({"scopes": "photos.read One\nphotos.read Two"}, "photos.read is listed twice"),
        ({"opens": "perhaps"}, "Choose one of the options"),
        ({"opens": "all", "open_scope": "photos.read"}, "Choose “Only some scopes”, or leave this empty."),
        ({"opens": "none", "open_scope": "photos.read"}, "Choose “Only some scopes”, or leave this empty."),
        ({"opens": "some", "open_scope": " "}, "List the scopes, or choose “Nothing”."),
        ({"opens": "some", "open_scope": "photos.delete"}, "The API has no scope photos.delete."),
        ({"scopes": "x" * 50_000}, "Use at most"),
        ({"access_token_seconds": "601"}, "Enter 30 to 600 seconds"),
        ({"access_token_seconds": "-1"}, "Enter a number of seconds"),
        ({"access_token_seconds": "٣٠٠"}, "Enter a number of seconds"),
        ({"identifier": "http://localhost"}, "This is the URL of this server itself"),
        ({"identifier": "http://127.0.0.1"}, "This is the URL of this server itself"),
        ({"identifier": "http://api.example"}, "Enter a URL that begins with https://"),
    ],
)
def test_the_form_says_what_is_wrong(alice: Person, fields: dict[str, str], words: str) -> None:
    answer = register(alice, **{"identifier": f"https://api.example/{new_identifier()}", **fields})
    assert answer.status == 422
    assert words in answer.text


def test_an_api_that_exists_already_is_named(alice: Person, photos: Resource) -> None:
    answer = register(alice, identifier=photos.identifier + "/", name="Other")
    assert answer.status == 422
    assert "Photos already has this identifier" in answer.text


def test_the_form_changes_an_api_but_never_its_identifier(provider: Provider, alice: Person, photos: Resource) -> None:
    answer = change(
        alice, photos, identifier="https://evil.example", name="Pictures", opens="some", open_scope="photos.read",
        access_token_format="sealed", access_token_typ="JWT", access_token_seconds="60",
    )  # fmt: skip
    assert answer.status == 303
    changed = find(provider, answer.location)
    assert (changed.identifier, changed.name, changed.access_token_seconds) == (photos.identifier, "Pictures", 60)
    assert (changed.access_token_format, changed.access_token_typ, changed.is_open) == ("sealed", "JWT", True)
    assert [name for name, scope in changed.scopes.items() if scope.is_open] == ["photos.read"]
    assert 'value="photos.read"' in alice.get(f"/apis/{photos.id}/edit").text
    # A browser sends the scopes along that it no longer shows.
    assert change(alice, changed, opens="none", open_scope="photos.read").status == 303
    closed = find(provider, answer.location)
    assert (closed.is_open, [scope.is_open for scope in closed.scopes.values()]) == (False, [False, False])
    assert change(alice, changed, scopes="photos.read").status == 422


def test_the_form_keeps_an_api_that_a_command_opened_without_scopes(
    provider: Provider, alice: Person, photos: Resource
) -> None:
    closed = [replace(scope, is_open=False) for scope in photos.scopes.values()]
    provider.server.resources.update(photos.id, scopes=closed, is_open=True)
    assert change(alice, photos, opens="some", open_scope="", name="Pictures").status == 303
    changed = provider.server.resources.find_row(photos.id)
    assert (changed.name, changed.is_open, list(changed.open_scopes)) == ("Pictures", True, [])


def test_the_form_of_a_client_allows_and_withdraws(provider: Provider, alice: Person, photos: Resource) -> None:
    client = provider.create_client()
    assert permit(alice, photos, client, may=["client_credentials", "introspect"], scope="photos.read").status == 303
    [row] = provider.server.resources.list_clients(photos)
    assert row == (client.client_id, "Photo Printer", ("photos.read",), True)
    page = alice.get(f"/apis/{photos.id}/client?client_id={client.client_id}").text
    assert page.count(" checked") + page.count("checked>") >= 3
    assert "Photo Printer: access to Photos" in page
    assert "Allow a client to use Photos" in alice.get(f"/apis/{photos.id}/client").text
    of_client = alice.get(f"/apis/{photos.id}").text
    assert client.client_id in of_client

    assert permit(alice, photos, client, may="client_credentials", scope="photos.write").status == 303
    assert provider.server.resources.list_clients(photos)[0][2:] == (("photos.write",), False)
    assert permit(alice, photos, client).status == 303
    assert provider.server.resources.list_clients(photos) == []


def test_the_form_of_a_client_says_what_is_wrong(provider: Provider, alice: Person, photos: Resource) -> None:
    public = provider.create_client("authorization_code", token_endpoint_auth_method="none", response_types=["code"])
    for client, fields, words in (
        ("unknown", {}, "There is no client with this ID"),
        (public, {}, "Choose at least one permission."),
        (public, {"may": "introspect", "scope": "photos.read"}, "Tick “Request tokens” too, or no scope."),
        (public, {"may": "introspect"}, "can&#39;t introspect"),
        (public, {"may": "client_credentials", "scope": "photos.delete"}, "has no scope photos.delete"),
    ):
        answer = permit(alice, photos, client, **fields)
        assert answer.status == 422
        assert words in answer.text
    assert provider.server.resources.list_clients(photos) == []


def test_the_page_says_if_a_client_cannot_use_what_it_is_allowed(
    provider: Provider, alice: Person, photos: Resource
) -> None:
    public = provider.create_client("authorization_code", token_endpoint_auth_method="none", response_types=["code"])
    row_id = provider.server.clients.find(public.client_id).id
    said = f'<a href="/clients/{row_id}">Photo Printer</a> needs the grant type client_credentials to use this.'
    for is_self_registered in (False, True):  # such a client may also ask people for it
        with provider.server.database.writing() as session:
            client_id = OAuth2Client.client_id == public.client_id
            session.execute(update(OAuth2Client).where(client_id).values(is_self_registered=is_self_registered))
        provider.server.cache_invalidation.forget()
        answer = permit(alice, photos, public, may="client_credentials", scope="photos.read")
        assert (said in alice.get(answer.location).text) is not is_self_registered


def test_the_page_of_a_client_says_which_apis_it_may_ask(provider: Provider, alice: Person, photos: Resource) -> None:
    made = alice.create_client(grant_type=["authorization_code", "client_credentials"])
    client = provider.server.clients.find(made.client_id)
    page = alice.get(f"/clients/{client.id}/settings").text
    assert "Every API, if the person consents" in page
    assert "an operator has to allow it" in page.replace("&#39;", "'")

    provider.server.resources.permit(client, photos, "photos.write", may_introspect=True)
    with provider.server.database.writing() as session:
        session.get_one(OAuth2Client, client.id).is_self_registered = True
    provider.server.cache_invalidation.forget()
    page = alice.get(f"/clients/{client.id}/settings").text
    assert "Every API" not in page
    link = f'<a href="/apis/{photos.id}">Photos</a>'
    assert f"{link}: photos.read, photos.write</li>" in page  # open, in the demo
    assert f"{link}: photos.write</li>" in page
    assert f"{link}</li>" in page


def test_the_page_of_a_client_has_a_command_that_gets_a_token_for_an_api(
    provider: Provider, alice: Person, photos: Resource
) -> None:
    made = alice.create_client(grant_type=["authorization_code", "client_credentials"])
    client = provider.server.clients.find(made.client_id)
    command = f"-F resource={photos.identifier}"
    assert command not in alice.get(f"/clients/{client.id}/try").text
    provider.server.resources.permit(client, photos, "photos.write", may_introspect=False)
    assert command in alice.get(f"/clients/{client.id}/try").text


def test_deletion_says_what_ends_and_ends_it(provider: Provider, alice: Person, photos: Resource) -> None:
    path = f"/apis/{photos.id}/delete"
    page = alice.get(path)
    assert "all tokens for it" in page.text
    assert alice.post(path, page.hidden_fields()).location == "/apis"
    assert provider.server.resources.find(photos.identifier) is None
    for gone in (f"/apis/{photos.id}", f"/apis/{photos.id}/edit", f"/apis/{photos.id}/client", path):
        assert alice.get(gone).status == 404


# --- who


PAGES = ("/apis", "/create_api", "/apis/{id}", "/apis/{id}/edit", "/apis/{id}/client", "/apis/{id}/delete")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_application(tmp_path_factory.mktemp("production"), **PRODUCTION) as application:
        provider = Provider(application)
        for name in ("ada", "mallory"):
            add_user(provider, name, is_operator=name == "ada")
        yield provider


def test_in_production_only_operators_see_apis_and_change_them(production: Provider) -> None:
    people = {name: Resident(production.application) for name in ("ada", "mallory")}
    for name, person in people.items():
        assert person.log_in(name).status == 303
    ada, mallory = people.values()
    created = register(ada, identifier="https://api.example")
    assert created.status == 303, created.text
    photos = find(production, created.location)
    assert not photos.is_open
    token = mallory.get("/account").hidden_fields()
    for page in PAGES:
        path = page.format(id=photos.id)
        assert ada.get(path).status == 200
        assert mallory.get(path).status == 403
        assert Resident(production.application).get(path).status == 303  # to the login page
        if path not in ("/apis", f"/apis/{photos.id}"):
            fields = {"identifier": "https://mallory.example", "name": "Mine", "client": "x"}
            assert mallory.post(path, {**token, **fields}).status == 403
    assert production.server.resources.list_all() == [photos]
    assert "/apis" in ada.get("/").text
    assert "/apis" not in mallory.get("/").text
    assert register(ada, identifier="http://localhost:8000").status == 422
    assert register(ada, identifier="https://id.example/").status == 422


def test_in_the_demo_nobody_registers_apis_where_nobody_creates_clients(tmp_path: Path) -> None:
    with open_application(tmp_path, OAUTH2_CLIENT_CREATION="off") as demo:
        person = Person(demo.test_client())
        person.log_in()
        assert person.get("/apis").status == 403


def test_in_an_embedding_application_the_demo_alone_has_the_pages_and_no_url_is_an_api_unregistered(
    sqlite_uri: str, tmp_path: Path
) -> None:
    with open_hosts(sqlite_uri, tmp_path) as create:
        host = create()
        visitor = Visitor(host.app.test_client())
        visitor.log_in()
        person = visitor.below()
        assert register(person, identifier="http://localhost:8000/mcp").status == 303
        assert host.provider.server.resources.find("http://localhost:8000/mcp") is not None
        assert host.provider.server.resources.find("http://localhost:8001/mcp") is None
        host.without_clients.add("Ada")
        assert person.get("/apis").status == 403
