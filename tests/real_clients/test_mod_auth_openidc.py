"""mod_auth_openidc in Chromium: Apache lets a person in to its page by OpenID Connect, refreshes, and logs out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.real_clients.apache import redirect_uri_of, run_apache
from tests.real_clients.conftest import OpenIDProvider
from tests.support.commands import run
from tests.support.ports import reserve_port

#: How Apache asks, and what is registered for it.
WAYS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "code": ({}, {}),
    "code, by form_post": ({"OIDCResponseMode": "form_post"}, {}),
    "code id_token, in the fragment": ({"OIDCResponseType": "code id_token"}, {"response_types": ["code id_token"]}),
    "RS256": ({"OIDCIDTokenSignedResponseAlg": "RS256"}, {"id_token_signed_response_alg": "RS256"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_person_logs_in_refreshes_and_logs_out(
    openid_provider: OpenIDProvider, run_folder: Path, page: Page, way: str
) -> None:
    directives, metadata = WAYS[way]
    port = reserve_port(run_folder)
    redirect_uri = redirect_uri_of(port)
    goodbye = f"http://127.0.0.1:{port}/"
    registered = openid_provider.create_client(redirect_uri, post_logout_redirect_uris=[goodbye], **metadata)
    with run_apache(port, openid_provider.issuer, registered, directives) as apache:
        page.goto(f"{apache.url}/private/")
        page.get_by_label("name").fill("alice")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Allow", exact=True).click()
        expect(page).to_have_title("In")
        assert page.locator("#user").inner_text() == "alice"

        first = ask_what_it_holds(page, redirect_uri)
        assert first["userinfo"]["sub"] == first["id_token"]["sub"]
        page.goto(f"{redirect_uri}?refresh={apache.url}/private/&access_token={first['access_token']}")
        assert page.title() == "In"
        second = ask_what_it_holds(page, redirect_uri)
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        assert openid_provider.registry.is_active(registered, second["access_token"])

        page.goto(f"{redirect_uri}?logout={apache.url}/")
        expect(page).to_have_title("Out")
        # By way of the provider, where nobody is logged in any more either.
        page.goto(f"{openid_provider.issuer}/account/apps")
        expect(page.get_by_label("name")).to_be_visible()
        assert apache.complaints == []
        # It gave back what it held.
        assert not openid_provider.registry.is_active(registered, second["access_token"])
        assert openid_provider.registry.refresh(registered, second["refresh_token"]).error == "invalid_grant"


def test_only_members_of_a_group_are_let_in(openid_provider: OpenIDProvider, run_folder: Path, page: Page) -> None:
    """An authenticating proxy with allowed groups: it sees all groups of people, as it is first-party."""
    registry, port = openid_provider.registry, reserve_port(run_folder)
    registered = openid_provider.create_client(
        redirect_uri_of(port), policy={"is_first_party": True}, scope="openid profile email groups"
    )
    for name in ("carol", "dave"):
        registry.create_user(name)
    run(registry, "groups", "create", "staff")
    run(registry, "groups", "add", "staff", "carol")
    demands = {"scope": "openid profile email groups", "requirement": "claim groups:staff"}
    with run_apache(port, openid_provider.issuer, registered, {}, **demands) as apache:
        for name, title in (("carol", "In"), ("dave", "401 Unauthorized")):
            page.context.clear_cookies()
            page.goto(f"{apache.url}/private/")
            page.get_by_label("name").fill(name)
            page.keyboard.press("Enter")
            expect(page).to_have_title(title)


def ask_what_it_holds(page: Page, redirect_uri: str) -> dict[str, Any]:
    """Return what the module tells the one whose login it is: tokens and claims."""
    answer = page.goto(f"{redirect_uri}?info=json")
    assert answer is not None
    held: dict[str, Any] = json.loads(answer.text())
    return held
