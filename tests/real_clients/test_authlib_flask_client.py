"""Authlib's Flask client in Chromium: a person logs in by OpenID Connect, the application refreshes, and logs out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.real_clients.conftest import OpenIDProvider
from tests.real_clients.flask_relying_party import RelyingParty, create_relying_party, serve
from tests.support.commands import run
from tests.support.ports import reserve_port
from tests.support.token_requests import MachineClient
from tests.support.waiting import ANSWER_SECONDS


@pytest.fixture
def party(run_folder: Path) -> RelyingParty:
    return RelyingParty(f"http://127.0.0.1:{reserve_port(run_folder)}")


@pytest.fixture
def registered(openid_provider: OpenIDProvider, party: RelyingParty) -> MachineClient:
    # Tokens end with the login, as they do for a site: only the test has it on loopback.
    policy = {"ends_with_login": True}
    return openid_provider.create_client(
        party.redirect_uri, policy=policy, post_logout_redirect_uris=[f"{party.url}/goodbye"]
    )


@pytest.fixture
def address(openid_provider: OpenIDProvider, party: RelyingParty, registered: MachineClient) -> Iterator[str]:
    app = create_relying_party(party, openid_provider.issuer, registered)
    with serve(party, app, int(party.url.rpartition(":")[2])):
        yield party.url


def log_in(page: Page, username: str) -> None:
    """Do as a person does at the provider: say who one is, and allow it."""
    page.get_by_label("name").fill(username)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow", exact=True).click()


def test_person_logs_in_refreshes_and_logs_out(
    openid_provider: OpenIDProvider, party: RelyingParty, registered: MachineClient, address: str, page: Page
) -> None:
    page.goto(address)
    log_in(page, "alice")
    expect(page.locator("#preferred_username")).to_have_text("alice")
    assert page.locator("#sub").inner_text() == page.locator("#subject").inner_text()  # UserInfo's, and the ID token's
    [first] = party.tokens.values()

    page.get_by_role("button", name="An hour later").click()
    expect(page.locator("#preferred_username")).to_have_text("alice")
    [second] = party.tokens.values()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert openid_provider.registry.is_active(registered, second["access_token"])

    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#notice")).to_have_text("You are logged out.")
    page.goto(f"{openid_provider.issuer}/account/apps")
    expect(page.get_by_label("name")).to_be_visible()
    assert not openid_provider.registry.is_active(registered, second["access_token"])
    assert openid_provider.registry.refresh(registered, second["refresh_token"]).error == "invalid_grant"


def test_an_application_reads_groups_from_the_id_token_alone(
    openid_provider: OpenIDProvider, party: RelyingParty, registered: MachineClient, address: str, page: Page
) -> None:
    registry = openid_provider.registry
    registry.create_user("carol")
    run(registry, "groups", "create", "readers")
    run(registry, "groups", "add", "readers", "carol")
    run(registry, "claims", "set", registered.client_id, "groups", "--group", "readers", "--in", "id_token")
    page.goto(address)
    log_in(page, "carol")
    expect(page.locator("#preferred_username")).to_have_text("carol")
    [held] = party.tokens.values()
    assert held["userinfo"]["groups"] == ["readers"]  # what Authlib read in the ID token
    userinfo = requests.get(
        f"{openid_provider.issuer}/oauth/userinfo",
        headers={"Authorization": f"Bearer {held['access_token']}"},
        timeout=ANSWER_SECONDS,
    ).json()
    assert "groups" not in userinfo


def test_a_logout_at_the_provider_ends_what_the_application_holds(
    openid_provider: OpenIDProvider, party: RelyingParty, registered: MachineClient, address: str, page: Page
) -> None:
    page.goto(address)
    log_in(page, "bob")
    expect(page.locator("#preferred_username")).to_have_text("bob")
    [held] = party.tokens.values()

    page.goto(f"{openid_provider.issuer}/logout")
    page.locator("main").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_have_text("You're logged out.")
    assert not openid_provider.registry.is_active(registered, held["access_token"])
    assert openid_provider.registry.refresh(registered, held["refresh_token"]).error == "invalid_grant"
