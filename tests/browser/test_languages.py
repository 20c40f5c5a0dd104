"""One language other than English in a real Chromium, as on a phone: the menu, login and consent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_site import ClientSite, open_client_site
from tests.support.live_server import LiveServer
from tests.support.person import Pkce
from tests.support.waiting import ANSWER_SECONDS


@pytest.fixture
def site() -> Iterator[ClientSite]:
    with open_client_site() as opened:
        yield opened


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="de-DE", viewport={"width": 390, "height": 800})
    context.set_default_timeout(ANSWER_SECONDS * 1000)
    yield context.new_page()
    context.close()


def test_a_person_logs_in_and_allows_an_app_in_german(
    live_server: Callable[..., LiveServer], site: ClientSite, phone: Page
) -> None:
    server = live_server("flask")
    metadata = {"client_name": "Postkarten", "redirect_uris": [site.redirect_uri], "token_endpoint_auth_method": "none"}
    client_id = requests.post(f"{server.url}/oauth/register", json=metadata, timeout=ANSWER_SECONDS).json()["client_id"]
    asked = {
        "client_id": client_id,
        "redirect_uri": site.redirect_uri,
        "response_type": "code",
        "scope": "openid profile",
    }
    phone.goto(f"{server.url}/oauth/authorize?{urlencode({**asked, **Pkce().parameters})}")
    check_page(phone, "de", "Anmelden und weiter zu Postkarten")
    phone.locator("details.languages summary").click()
    phone.get_by_role("button", name="Français").click()
    check_page(phone, "fr", "Connectez-vous pour accéder à Postkarten")
    phone.locator("details.languages summary").click()
    phone.get_by_role("button", name="Deutsch").click()
    phone.get_by_label("Benutzername").fill("alice")
    phone.get_by_role("main").get_by_role("button", name="Anmelden").click()
    check_page(phone, "de", "Postkarten möchte auf Ihr Konto zugreifen")
    expect(phone.get_by_text("Ihren Benutzernamen, Ihre Benutzer-ID und Ihr Profil sehen")).to_be_visible()
    phone.get_by_role("button", name="Erlauben").click()
    phone.wait_for_url(f"{site.landing}?*code=*")


def check_page(page: Page, language: str, heading: str) -> None:
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
