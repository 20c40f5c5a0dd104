"""What people are asked and shown about APIs: permissions by API, and a yes that counts at no other API."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from tests.support.commands import latest_event
from tests.support.device_flow import (
    DEVICE_AUTHORIZATION,
    DEVICE_DECISION,
    create_device_client,
    enter,
    page_of,
    start_device,
)
from tests.support.person import Answer, code_of
from tests.support.resource_client import ResourceClient, create_api
from tests.support.token_requests import Provider
from website.identifiers import new_identifier
from website.models.user import User
from website.resources import ResourceScope
from website.users.export import export_account


@pytest.fixture
def site(stored_provider: Provider) -> ResourceClient:
    return ResourceClient.create(stored_provider)


def permissions_of(page: Answer) -> list[str]:
    """Return the headings and lines of the page's permissions in order, with a star for each new one."""
    assert page.status == 200, page.text
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    found = re.findall(
        r'<li>(.*?)</li>|<p class="of-api">(.*?)</p>|<p>(You already allowed it to:)</p>', main, re.DOTALL
    )
    lines = [line or heading or before for line, heading, before in found]
    starred = [line.replace('<span class="tag">New</span>', "*") for line in lines]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", "", line)).split()) for line in starred]


def test_the_page_groups_permissions_by_api(site: ResourceClient) -> None:
    first = create_api(site.provider, "read write", name="Photo <API>")
    second = create_api(site.provider, "read", name="Notes API")
    page = site.ask("openid profile read write", first.identifier, second.identifier)
    assert permissions_of(page) == [
        "See your name",
        f"In Photo <API> ({first.identifier}):", "Do read", "Do write",
        f"In Notes API ({second.identifier}):", "Do read",
    ]  # fmt: skip
    assert "wants to access your account" in page.text


def test_with_openid_alone_the_page_still_names_the_api(site: ResourceClient) -> None:
    api = create_api(site.provider)
    page = site.ask("openid", api.identifier)
    assert permissions_of(page) == [f"In Photo API ({api.identifier}):", "Use it on your behalf"]
    assert "wants to access your account" in page.text


def test_an_api_on_this_computer_that_nobody_registered_is_named_by_its_url(site: ResourceClient) -> None:
    page = site.ask("openid", "http://127.0.0.1:8000/mcp")
    assert permissions_of(page) == ["Use http://127.0.0.1:8000/mcp on your behalf"]


def test_a_yes_at_one_api_does_not_count_at_another(site: ResourceClient) -> None:
    first, second = create_api(site.provider, "read"), create_api(site.provider, "read")
    site.get_tokens("read", first.identifier)
    assert "code" in site.ask("read", first.identifier, prompt="none").query
    for resources in ((second.identifier,), (first.identifier, second.identifier)):
        assert site.ask("read", *resources, prompt="none").query["error"] == "consent_required"
    assert site.ask("profile", first.identifier, prompt="none").query["error"] == "consent_required"
    site.get_tokens("profile")
    assert "code" in site.ask("profile read", first.identifier, prompt="none").query


def test_a_yes_without_an_api_does_not_count_at_one(site: ResourceClient) -> None:
    site.get_tokens("openid profile")
    api = create_api(site.provider)
    assert site.ask("openid profile", api.identifier, prompt="none").query["error"] == "consent_required"


def test_a_request_for_more_marks_what_is_new(site: ResourceClient) -> None:
    api = create_api(site.provider, "read write", name="Photo API")
    other = create_api(site.provider, "read", name="Notes API")
    site.get_tokens("openid profile read", api.identifier)
    page = site.ask("openid profile read write", api.identifier, other.identifier)
    assert permissions_of(page) == [
        f"In Photo API ({api.identifier}):", "Do write *",
        f"In Notes API ({other.identifier}):", "Do read *",
        "You already allowed it to:",
        "See your name", f"In Photo API ({api.identifier}):", "Do read",
    ]  # fmt: skip
    given = site.exchange(code_of(site.person.decide(page))).json
    assert set(given["scope"].split()) == {"openid", "profile", "read", "write"}
    assert "code" in site.ask("read write", api.identifier, other.identifier, prompt="none").query


def test_a_scope_that_the_api_got_while_the_page_was_open_is_asked_again(site: ResourceClient) -> None:
    api = create_api(site.provider, "read")
    page = site.ask(None, api.identifier)
    model = create_api(site.provider, "read delete")
    site.provider.server.resources.update(api.id, scopes=[*model.scopes.values()])
    again = site.person.decide(page)
    assert permissions_of(again) == [f"In Photo API ({api.identifier}):", "Do read", "Do delete"]
    assert site.exchange(code_of(site.person.decide(again))).json["scope"] == "read delete"


def test_a_scope_that_was_described_otherwise_while_the_page_was_open_is_asked_again(site: ResourceClient) -> None:
    api, resources = create_api(site.provider, "read"), site.provider.server.resources
    page = site.ask("read", api.identifier)
    resources.update(api.id, scopes=[ResourceScope("read", "Delete everything", is_open=True)])
    again = site.person.decide(page)
    assert permissions_of(again) == [f"In Photo API ({api.identifier}):", "Delete everything"]
    resources.delete(api.id)
    resources.create(api.identifier, api.name, [ResourceScope("read", "Delete everything")], is_open=True)
    of_another_api = site.person.decide(again)
    assert permissions_of(of_another_api) == permissions_of(again)
    assert site.exchange(code_of(site.person.decide(of_another_api))).json["scope"] == "read"


def test_an_api_that_was_deleted_while_the_page_was_open_is_an_error_for_the_client(site: ResourceClient) -> None:
    api = create_api(site.provider, "read")
    page = site.ask("read", api.identifier)
    site.provider.server.resources.delete(api.id)
    assert site.person.decide(page).query["error"] == "invalid_target"


def test_a_device_whose_api_was_deleted_cannot_be_allowed(site: ResourceClient) -> None:
    kept, gone = create_api(site.provider, "read", name="Kept API"), create_api(site.provider, "read", name="Gone API")
    device = create_device_client(site.provider, scope="openid profile")
    pairs = [("scope", "openid read"), ("resource", kept.identifier), ("resource", gone.identifier)]
    for_both = site.provider.post(DEVICE_AUTHORIZATION, pairs, device).json["user_code"]
    for_one = start_device(site.provider, device, scope="openid read", resource=gone.identifier)["user_code"]
    for code in (for_both, for_one):
        assert enter(site.person, code).status == 303
    page = site.person.get(page_of(for_one))
    site.provider.server.resources.delete(gone.id)
    site.person.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": "yes"})
    page = site.person.get(page_of(for_one))
    assert page.status == 200
    assert "This device can't be connected" in page.text
    assert 'name="confirm"' not in page.text
    assert permissions_of(site.person.get(page_of(for_both))) == [f"In Kept API ({kept.identifier}):", "Do read"]


def test_first_party_clients_skip_the_page(stored_provider: Provider) -> None:
    site = ResourceClient.create(stored_provider, policy={"is_first_party": True})
    api = create_api(stored_provider, "read")
    answer = site.ask("read", api.identifier)
    assert site.exchange(code_of(answer)).json["scope"] == "read"


def test_connected_apps_groups_permissions_by_api_until_the_api_is_deleted(stored_provider: Provider) -> None:
    site = ResourceClient.create(stored_provider, username=f"grace {new_identifier()}")
    api = create_api(stored_provider, "read write", name="Photo API")
    site.get_tokens("openid profile read", api.identifier)
    site.get_tokens("write", api.identifier)
    shown = ["Know who you are", "See your name", f"In Photo API ({api.identifier}):", "Do read", "Do write"]
    assert permissions_of(site.person.get("/account/apps")) == shown
    stored_provider.server.resources.delete(api.id)
    assert permissions_of(site.person.get("/account/apps")) == ["Know who you are", "See your name"]


def test_removed_access_ends_the_tokens(site: ResourceClient) -> None:
    api = create_api(site.provider, "read")
    given = site.get_tokens("read", api.identifier)
    form = site.person.get("/account/apps").hidden_fields()
    site.person.post(f"/account/apps/{site.client.row}/revoke", form)
    assert not site.provider.is_active(site.client, given["access_token"])
    assert site.ask("read", api.identifier, prompt="none").query["error"] == "consent_required"


def test_events_and_the_export_of_an_account_tell_the_apis(stored_provider: Provider) -> None:
    username = f"hedy {new_identifier()}"
    site = ResourceClient.create(stored_provider, username=username)
    api = create_api(stored_provider, "read")
    site.get_tokens("openid read", api.identifier)
    assert latest(stored_provider, "consent_granted") == {"scope": "openid", "resources": {api.identifier: "read"}}
    site.person.decide(site.ask("openid read", api.identifier, prompt="consent"), "no")
    assert latest(stored_provider, "consent_denied") == {"scope": "openid", "resources": {api.identifier: "read"}}
    server = stored_provider.server
    with stored_provider.application.app_context():
        user = server.users.find_row(username)
        exported = export_account(server.database, server.audit, user)
    assert isinstance(user, User)
    assert [row["resources"] for row in (*exported["consents"], *exported["grants"])] == [{api.identifier: "read"}] * 2


def latest(provider: Provider, event: str) -> Any:
    return latest_event(provider, event).detail
