"""Creating a client by what one builds: page and command give the same, and each sees what they may create."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import latest_event, run_for_json
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person
from tests.support.residents import Resident, add_user, open_database
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.clients.presets import CLIENTS, Preset

SHORT = {name: preset for name, preset in CLIENTS.items() if preset.grant_types}
#: What a script has posted since the walk-through, and nothing else.
OLD_FIELDS = {
    "client_name": "Photo Printer",
    "client_uri": "https://client.example",
    "scope": "profile",
    "redirect_uri": REDIRECT_URI,
    "grant_type": "authorization_code\nrefresh_token",
    "response_type": "code",
    "token_endpoint_auth_method": "client_secret_basic",
}
#: What differs between two clients of the same kind.
OF_ONE_CLIENT = ("client_id", "client_secret", "created_at", "owner", "owner_subject", "policy_uri", "tos_uri")
ALL_RESPONSE_TYPES = {
    "code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token",
}  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("demo")
    with open_database(request, folder, request.param) as uri, open_provider(folder, uri) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_application(tmp_path_factory.mktemp("own")) as application:
        yield Provider(application)


@pytest.fixture
def person(own_computer: Provider) -> Person:
    return logged_in(own_computer)


def logged_in(provider: Provider) -> Person:
    person = Person(provider.application.test_client())
    person.log_in()
    return person


def create(person: Person, **fields: Any) -> Answer:
    return person.post("/create_client", {**person.get("/create_client").hidden_fields(), **fields})


def send_short_form(person: Person, preset: Preset, **fields: str) -> Answer:
    """Fill in the short form of a preset as a browser would: what is ticked and chosen stays."""
    page = person.get(f"/create_client?type={preset.name}")
    assert page.status == 200, page.text
    sent = [(name, value) for name, value in read_fields(page.text) if name not in fields]
    return person.post("/create_client", [*sent, *fields.items()])


def read_fields(markup: str) -> list[tuple[str, str]]:
    """Return what a browser would send of the page's last form."""
    [*_others, form] = re.findall(r"<form\b.*?</form>", markup, re.DOTALL)
    sent = []
    for tag in re.findall(r"<input\b[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes["type"] not in ("checkbox", "radio") or " checked" in tag:
            sent.append((attributes["name"], html.unescape(attributes.get("value", ""))))
    for name, text in re.findall(r'<textarea id="\w+" name="(\w+)".*?>\n?(.*?)</textarea>', form, re.DOTALL):
        sent.append((name, html.unescape(text)))
    return sent


def show(provider: Provider, client_id: str) -> dict[str, Any]:
    shown = run_for_json(provider, "clients", "show", "--json", "--", client_id)
    return {name: value for name, value in shown.items() if name not in (*OF_ONE_CLIENT, "secrets")}


@pytest.mark.parametrize("name", SHORT)
def test_page_and_command_create_the_same_client(demo: Provider, name: str) -> None:
    preset, fields, options = SHORT[name], {"client_name": "Example"}, ["--json"]
    if preset.application is not None and preset.application.has_base:
        fields["base_url"] = preset.application.example
        options += ["--base-url", preset.application.example]
    elif preset.has_redirect_uri and preset.application is None:
        fields["redirect_uri"] = REDIRECT_URI
        options += ["--redirect-uri", REDIRECT_URI]
    made = run_for_json(demo, "clients", "create", "Example", "--type", name, *options)
    person = logged_in(demo)
    in_browser = send_short_form(person, preset, **fields)
    assert in_browser.status == 200, in_browser.text
    by_script = create(person, type=name, **fields)
    assert by_script.status == 200, by_script.text
    assert show(demo, in_browser.element("client_id")) == show(demo, made["client_id"])
    assert show(demo, by_script.element("client_id")) == show(demo, made["client_id"])


def test_reloading_what_a_form_created_creates_nothing_again(person: Person, own_computer: Provider) -> None:
    """A browser that reloads the response to a form sends the same form again."""
    form = {
        **person.get("/create_client?type=web").hidden_fields(),
        "client_name": "Once",
        "redirect_uri": REDIRECT_URI,
    }
    client_id = person.post("/create_client", form).element("client_id")
    again = person.post("/create_client", form)
    assert again.status == 303
    assert person.get(again.location).element("client_id") == client_id
    rotation = person.get(f"{again.location}/rotate_secret").hidden_fields()
    secret = person.post(f"{again.location}/rotate_secret", rotation).element("client_secret")
    assert person.post(f"{again.location}/rotate_secret", rotation).location == f"{again.location}/settings"
    token = {**person.get("/self_registration").hidden_fields(), "note": "Once", "uses": "1"}
    assert person.post("/self_registration", token).status == 200
    assert person.post("/self_registration", token).status == 303
    clients = run_for_json(own_computer, "clients", "list", "--json")
    assert [client["client_id"] for client in clients if client["client_name"] == "Once"] == [client_id]
    assert len(run_for_json(own_computer, "clients", "show", client_id, "--json")["secrets"]) == 2
    assert secret


def test_a_machine_is_offered_no_scope_about_users(person: Person) -> None:
    form = person.get("/create_client?type=machine").text
    assert 'value="profile"' not in form
    assert "profile" in person.get("/create_client?type=web").text


def test_a_script_that_posts_the_old_fields_reads_its_client(person: Person) -> None:
    page = create(person, **OLD_FIELDS)
    assert page.status == 200
    assert page.element("client_id")
    assert page.element("client_secret")
    assert 'id="issuer"' not in page.text  # nothing else took their ids


@pytest.mark.parametrize(
    ("grant_type", "method", "expected"),
    [
        ("authorization_code", "client_secret_basic", {"code"}),
        ("authorization_code\nrefresh_token", "none", {"code"}),
        ("implicit", "none", {"token", "id_token", "id_token token"}),
        ("authorization_code\nimplicit", "none", ALL_RESPONSE_TYPES),
        ("authorization_code\nimplicit", "client_secret", ALL_RESPONSE_TYPES - {"token"}),
        ("client_credentials", "client_secret", set()),
    ],
)
def test_response_types_follow_from_the_grant_types(
    own_computer: Provider, person: Person, grant_type: str, method: str, expected: set[str]
) -> None:
    fields = {**OLD_FIELDS, "grant_type": grant_type, "token_endpoint_auth_method": method}
    del fields["response_type"]
    page = create(person, **fields)
    assert page.status == 200, page.text
    assert set(show(own_computer, page.element("client_id"))["response_types"]) == expected


def test_unticking_a_grant_is_one_change_and_no_problem(own_computer: Provider, person: Person) -> None:
    made = create(person, **{**OLD_FIELDS, "grant_type": "authorization_code\nclient_credentials"})
    row = own_computer.server.clients.find_any(made.element("client_id")).id
    page = person.get(f"/clients/{row}/edit")
    kept = [field for field in read_fields(page.text) if field != ("grant_type", "authorization_code")]
    assert person.post(f"/clients/{row}/edit", kept).status == 303
    assert show(own_computer, made.element("client_id"))["response_types"] == []
    again = [*kept, ("grant_type", "authorization_code"), ("grant_type", "implicit")]
    refused = person.post(f"/clients/{row}/edit", again)
    assert re.findall(r'<span class="field-error" id="(.*?)"', refused.text) == []
    assert refused.status == 303
    assert set(show(own_computer, made.element("client_id"))["response_types"]) == ALL_RESPONSE_TYPES - {"token"}


def test_a_change_keeps_the_response_types_that_were_chosen(own_computer: Provider, person: Person) -> None:
    hybrid = {"grant_type": "authorization_code\nimplicit", "response_type": "code id_token"}
    made = create(person, **{**OLD_FIELDS, **hybrid})
    row = own_computer.server.clients.find_any(made.element("client_id")).id
    fields = read_fields(person.get(f"/clients/{row}/edit").text)
    assert person.post(f"/clients/{row}/edit", fields).status == 303
    assert show(own_computer, made.element("client_id"))["response_types"] == ["code id_token"]


def test_the_form_of_a_change_begins_as_the_short_form_and_changes_nothing_by_itself(
    own_computer: Provider, person: Person
) -> None:
    logout = {"post_logout_redirect_uri": "https://client.example/bye"}
    made = create(person, type="web", client_name="Web", redirect_uri=REDIRECT_URI, scope="openid email", **logout)
    before = own_computer.server.clients.find_any(made.element("client_id"))
    page = person.get(f"/clients/{before.id}/edit")
    first, _fold, folded = page.text.partition('<details class="advanced">')
    for name in ("client_name", "redirect_uri", "post_logout_redirect_uri"):
        assert f'id="{name}"' in first
    assert re.findall(r'name="scope" value="(\w+)" checked', first) == ["email"]
    assert 'value="refresh_token" checked' in first
    assert 'name="token_endpoint_auth_method"' in folded
    assert 'value="openid offline_access"' in folded
    fields = read_fields(page.text)
    assert person.post(f"/clients/{before.id}/edit", fields).status == 303
    assert own_computer.server.clients.find_any(before.client_id) == before

    kept = [(name, value) for name, value in fields if (name, value) != ("scope", "email")]
    assert person.post(f"/clients/{before.id}/edit", [*kept, ("scope", "phone")]).status == 303
    after = own_computer.server.clients.find_any(before.client_id)
    assert set(after.scope) == {"openid", "offline_access", "phone"}


def test_ticking_to_stay_connected_lets_a_client_ask_for_it(own_computer: Provider, person: Person) -> None:
    made = create(person, type="spa", client_name="Script", redirect_uri=REDIRECT_URI, scope="openid email")
    row = own_computer.server.clients.find_any(made.element("client_id")).id
    fields = [*read_fields(person.get(f"/clients/{row}/edit").text), ("grant_type", "refresh_token")]
    assert person.post(f"/clients/{row}/edit", fields).status == 303
    client = own_computer.server.clients.find_any(made.element("client_id"))
    assert client.grant_types == ("authorization_code", "refresh_token")
    assert "offline_access" in client.scope


def test_what_is_wrong_in_the_fold_opens_it(own_computer: Provider, person: Person) -> None:
    made = create(person, type="web", client_name="Web", redirect_uri=REDIRECT_URI)
    path = f"/clients/{own_computer.server.clients.find_any(made.element('client_id')).id}/edit"
    for name, text, is_open in (("client_name", "", False), ("more", "nonsense", True), ("scope", "no/such", True)):
        fields = [pair for pair in read_fields(person.get(path).text) if pair[0] != name]
        refused = person.post(path, [*fields, (name, text)])
        assert (refused.status, '<details class="advanced" open>' in refused.text) == (422, is_open)


def test_the_cards_and_every_field_are_one_document(person: Person) -> None:
    page = person.get("/create_client")
    for name in SHORT:
        assert f'href="/create_client?type={name}"' in page.text
    assert "<script" not in page.text
    names = {name for name, _value in read_fields(page.text)}
    assert {"csrf_token", *OLD_FIELDS} - {"response_type"} <= names
    assert 'name="response_type"' in page.text
    assert dict(read_fields(page.text))["scope"].startswith("openid profile email")


def test_a_short_form_asks_for_six_fields_at_most_and_keeps_what_was_typed(person: Person) -> None:
    refused = create(person, type="web", client_name="Web", redirect_uri="http://web.example/cb", scope="openid")
    assert refused.status == 422
    assert 'value="Web"' in refused.text
    assert "http://web.example/cb" in refused.text
    assert "use https" in refused.element("redirect_uri-error")
    shown = refused.text.partition('<details class="protocol"')[0]
    assert shown.count('class="field"') <= 6


def test_without_scripts_a_button_renders_the_preview(own_computer: Provider, person: Person) -> None:
    fields = {**person.get("/create_client").hidden_fields(), "type": "web", "client_name": "Photo & Press"}
    before = latest_id(own_computer)
    page = person.post("/create_client?preview=yes", {**fields, "scope": "openid email", "redirect_uri": REDIRECT_URI})
    assert page.status == 200
    preview = page.text.partition('id="preview"')[2]
    assert "Photo &amp; Press" in preview
    assert "client.example" in preview
    hidden = re.findall(r'<li data-tick="\d+" hidden>(.*?)</li>', preview)
    shown = re.findall(r'<li data-tick="\d+">(.*?)</li>', preview)
    assert "See your email address" in shown
    assert "See your phone number" in hidden
    assert latest_id(own_computer) == before


def latest_id(provider: Provider) -> list[str]:
    return [client["client_id"] for client in run_for_json(provider, "clients", "list", "--json")]


def test_a_known_application_gets_its_configuration(own_computer: Provider, person: Person) -> None:
    page = create(person, type="grafana", client_name="Grafana", base_url="https://grafana.example.org/")
    block = page.element("paste-grafana-1")
    assert "root_url = https://grafana.example.org\n" in block
    assert f"client_id = {page.element('client_id')}\n" in block
    assert f"client_secret = {page.element('client_secret')}\n" in block
    assert "token_url = http://localhost/oauth/token" in block
    refused = create(person, type="grafana", client_name="Grafana", base_url="grafana")
    assert refused.status == 422
    assert "https://grafana.example.org" in refused.element("base_url-error")


@pytest.mark.parametrize("name", ["nonsense", "Web", "web%7f"])
def test_an_unknown_type_is_not_found(person: Person, name: str) -> None:
    assert person.get(f"/create_client?type={name}").status == 404


def test_apis_and_mcp_clients_have_pages_of_their_own(person: Person) -> None:
    assert person.get("/create_client?type=api").location.endswith("/create_api")
    assert person.get("/create_client?type=mcp").location.endswith("/self_registration")
    assert create(person, type="api", client_name="API").status == 400


def test_an_operator_creates_an_initial_access_token_on_the_page(own_computer: Provider, person: Person) -> None:
    page = person.get("/self_registration")
    too_many = "0000000019999", "000000001" + "9" * 30, "1" * 5000
    for uses in ("0", "1e3", "1001", "²", *too_many):
        typed = {**page.hidden_fields(), "note": "Ann", "uses": uses}
        assert person.post("/self_registration", typed).status == 422, uses
    assert person.post("/self_registration", {**page.hidden_fields(), "note": "", "uses": "1"}).status == 422
    made = person.post("/self_registration", {**page.hidden_fields(), "note": "Ann", "uses": "2"})
    assert made.status == 200
    assert own_computer.server.clients.initial_access_tokens.is_usable(made.element("initial_access_token"))
    event = latest_event(own_computer, "initial_access_token_created")
    assert (event.actor, event.detail["note"]) == (own_computer.server.users.subject_of_name("alice"), "Ann")


def test_what_is_switched_off_has_no_card(tmp_path: Path) -> None:
    specs = {"rfc8628_device_authorization": False, "rfc6749_client_credentials": False}
    off = {"OAUTH2_SPECS": specs, "OAUTH2_REGISTRATION": "off", "OAUTH2_METADATA_DOCUMENT_HOSTS": []}
    with open_application(tmp_path, **off) as application:
        person = logged_in(Provider(application))
        page = person.get("/create_client").text
        assert "type=web" in page
        for name in ("device", "machine", "mcp"):
            assert f"type={name}" not in page
            assert person.get(f"/create_client?type={name}").status == 403
        assert "/self_registration" not in page


def test_in_production_people_see_what_they_may_create(tmp_path: Path) -> None:
    settings = {**PRODUCTION, "OAUTH2_CLIENT_CREATION": "users", "OAUTH2_REGISTRATION": "token"}
    with open_application(tmp_path, **settings) as application:
        provider = Provider(application)
        for name in ("ada", "mallory"):
            add_user(provider, name, is_operator=name == "ada")
        seen = {}
        for name in ("ada", "mallory"):
            resident = Resident(application)
            resident.log_in(name)
            seen[name] = resident.get("/create_client").text
        assert {"type=machine", "/create_api", "type=gitea"} <= set(re.findall(r"type=\w+|/create_api", seen["ada"]))
        for refused in ("type=machine", "type=device", "/create_api", "type=gitea"):
            assert refused not in seen["mallory"], refused
        assert "type=grafana" in seen["mallory"]
        assert resident.get("/create_client?type=machine").status == 403
        assert "Initial access token" not in resident.get("/self_registration").text
        fields = {**resident.get("/create_client").hidden_fields(), "note": "x", "uses": "1"}
        assert resident.post("/self_registration", fields).status == 403
        machine = {"type": "machine", "client_name": "Robot"}
        assert create(resident, **machine).status == 403
        web = create(resident, type="web", client_name="Web", redirect_uri=REDIRECT_URI)
        assert web.status == 200, web.text


def test_snippets_have_a_placeholder_where_a_secret_is_not_shown(own_computer: Provider, person: Person) -> None:
    page = create(person, type="web", client_name="Web", redirect_uri=REDIRECT_URI)
    assert f"CLIENT_SECRET={page.element('client_secret')}" in page.element("paste-env")
    assert page.element("client_secret") not in page.element("paste-flask")
    assert json.dumps("/cb") in page.element("paste-flask")
    assert "read -rs CLIENT_SECRET" in page.text
    assert page.text.count('<details name="paste"') == 5  # the variables stay open beside them
    row = own_computer.server.clients.find_any(page.element("client_id")).id
    settings = person.get(f"/clients/{row}/settings")
    assert "CLIENT_SECRET=CLIENT_SECRET\n" in settings.element("paste-env")
    assert settings.element("paste-flask") == page.element("paste-flask")


def test_a_client_of_this_servers_own_callback_has_nothing_to_paste(person: Person) -> None:
    own = "http://localhost/callback"
    page = create(person, type="web", client_name="Web", redirect_uri=own)
    assert page.status == 200, page.text
    assert "paste-flask" not in page.text
    assert "/try" in page.text
    assert "Add your app's redirect URI" in page.text
    other = create(person, type="web", client_name="Web", redirect_uri=f"{own}\n{REDIRECT_URI}")
    assert f"REDIRECT_URI={REDIRECT_URI}\n" in other.element("paste-env")
    assert json.dumps("/cb") in other.element("paste-flask")
    assert "Add your app's redirect URI" not in other.text


def test_short_forms_offer_no_signed_jwt(person: Person) -> None:
    assert "private_key_jwt" not in person.get("/create_client?type=web").text
    assert "private_key_jwt" in person.get("/create_client").text
