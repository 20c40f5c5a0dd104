"""A person with a real Chromium: log in, create a client, allow, deny, revoke, log out."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.client_site import ClientSite, open_client_site
from tests.browser.own_site import OwnSite
from tests.support.person import Pkce, RegisteredClient
from tests.support.waiting import ANSWER_SECONDS


@pytest.fixture
def site() -> Iterator[ClientSite]:
    with open_client_site() as opened:
        yield opened


def log_in(page: Page, demo: OwnSite, name: str = "alice") -> None:
    page.set_default_timeout(ANSWER_SECONDS * 1000)
    page.goto(demo.url)
    page.get_by_label("name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("header")).to_contain_text(name)


def create_client(page: Page, demo: OwnSite, redirect_uri: str, name: str = "Photo Printer") -> RegisteredClient:
    page.goto(f"{demo.url}/create_client?type=other")
    page.locator("[name=client_name]").fill(name)
    page.locator("[name=redirect_uri]").fill(redirect_uri)
    page.locator("[name=grant_type][value=refresh_token]").check()
    page.locator("main form button:not(.reveal)").click()
    return RegisteredClient(
        page.locator("#client_id").inner_text().strip(), page.locator("#client_secret").inner_text().strip()
    )


def authorize_address(demo: OwnSite, client: RegisteredClient, redirect_uri: str, pkce: Pkce) -> str:
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": "profile",
        "state": "the state",
        **pkce.parameters,
    }
    return f"{demo.url}/oauth/authorize?{urlencode(parameters)}"


def redeem(demo: OwnSite, client: RegisteredClient, redirect_uri: str, address: str, pkce: Pkce) -> dict[str, str]:
    code = parse_qs(urlsplit(address).query)["code"][0]
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": pkce.verifier,
    }
    answer = requests.post(f"{demo.url}/oauth/token", data=fields, headers=client.basic, timeout=ANSWER_SECONDS)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def status_of_api(demo: OwnSite, token: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(f"{demo.url}/api/me", headers=headers, timeout=ANSWER_SECONDS).status_code


def test_a_person_allows_and_the_client_may_redirect_on_to_a_third_origin(
    page: Page, demo: OwnSite, site: ClientSite
) -> None:
    log_in(page, demo)
    client, pkce = create_client(page, demo, site.redirect_uri), Pkce()
    page.goto(authorize_address(demo, client, site.redirect_uri, pkce))
    expect(page.locator("main")).to_contain_text("Photo Printer")
    expect(page.locator("main")).to_contain_text(urlsplit(site.redirect_uri).netloc)
    page.locator("button[value=yes]").click()
    page.wait_for_url(f"{site.landing}**")
    token = redeem(demo, client, site.redirect_uri, page.url, pkce)
    assert status_of_api(demo, token) == 200


def test_login_on_the_way_to_a_client_goes_through_to_it(
    browser: BrowserContext, demo: OwnSite, site: ClientSite
) -> None:
    developer = browser.new_page()
    log_in(developer, demo, "developer")
    client, pkce = create_client(developer, demo, site.redirect_uri), Pkce()
    developer.goto(f"{demo.url}/logout")
    developer.locator("main form button:not(.reveal)").click()
    page = browser.new_page()
    page.goto(authorize_address(demo, client, site.redirect_uri, pkce))
    page.get_by_label("name").fill("bob")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("bob")
    page.locator("button[value=yes]").click()
    page.wait_for_url(f"{site.landing}**")
    # Remembered: from now on the way leads straight through, also when it begins with a login.
    page.goto(f"{demo.url}/logout")
    page.locator("main form button:not(.reveal)").click()
    page.goto(authorize_address(demo, client, site.redirect_uri, Pkce()))
    page.get_by_label("name").fill("bob")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.landing}**")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_the_answer_is_posted_to_a_client_that_wants_it_so(
    browser: BrowserContext, demo: OwnSite, site: ClientSite, has_scripts: bool
) -> None:
    person = browser.new_page()
    log_in(person, demo)
    client, pkce = create_client(person, demo, site.redirect_uri), Pkce()
    cookies = browser.storage_state()
    context = browser.browser.new_context(java_script_enabled=has_scripts, storage_state=cookies)  # type: ignore[union-attr]
    page = context.new_page()
    state = quote("<b>\"'&é=%20+")
    address = authorize_address(demo, client, site.redirect_uri, pkce).replace("the+state", state)
    page.goto(f"{address}&response_mode=form_post")
    page.locator("button[value=yes]").click()
    if not has_scripts:
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url(site.redirect_uri)
    assert page.locator("#state").inner_text() == "<b>\"'&é=%20+"
    token = redeem(demo, client, site.redirect_uri, f"?code={page.locator('#code').inner_text()}", pkce)
    assert status_of_api(demo, token) == 200
    context.close()


def test_a_person_denies_and_the_client_is_told(page: Page, demo: OwnSite, site: ClientSite) -> None:
    log_in(page, demo)
    client = create_client(page, demo, site.redirect_uri)
    page.goto(authorize_address(demo, client, site.redirect_uri, Pkce()))
    page.locator("button[name=confirm]:not([value=yes])").click()
    page.wait_for_url(f"{site.redirect_uri}**")
    parameters = parse_qs(urlsplit(page.url).query)
    assert parameters["error"] == ["access_denied"]
    assert parameters["state"] == ["the state"]


def test_a_person_takes_access_back_and_every_token_dies(page: Page, demo: OwnSite, site: ClientSite) -> None:
    log_in(page, demo)
    client, pkce = create_client(page, demo, site.redirect_uri), Pkce()
    page.goto(authorize_address(demo, client, site.redirect_uri, pkce))
    page.locator("button[value=yes]").click()
    page.wait_for_url(f"{site.landing}**")
    token = redeem(demo, client, site.redirect_uri, page.url, pkce)
    page.goto(f"{demo.url}/account/apps")
    expect(page.locator("main")).to_contain_text("Photo Printer")
    page.locator("main form button:not(.reveal)").first.click()
    page.wait_for_load_state()
    assert status_of_api(demo, token) == 401
    fields = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    refused = requests.post(f"{demo.url}/oauth/token", data=fields, headers=client.basic, timeout=ANSWER_SECONDS)
    assert refused.json()["error"] == "invalid_grant"
    page.goto(authorize_address(demo, client, site.redirect_uri, Pkce()))
    expect(page.locator("button[value=yes]")).to_be_visible()


def test_logging_out_kills_the_cookie_everywhere(browser: BrowserContext, demo: OwnSite) -> None:
    page = browser.new_page()
    log_in(page, demo)
    cookies = browser.cookies()
    page.goto(f"{demo.url}/logout")
    expect(page.locator("main")).to_contain_text("alice")
    page.locator("main form button:not(.reveal)").click()
    expect(page.locator("main")).not_to_contain_text("alice")
    browser.clear_cookies()
    browser.add_cookies(cookies)
    page.goto(demo.url)
    expect(page.get_by_label("name")).to_be_visible()


def test_two_people_on_one_browser_do_not_mix(page: Page, demo: OwnSite, site: ClientSite) -> None:
    log_in(page, demo, "alice")
    create_client(page, demo, site.redirect_uri, "Only Alice's")
    page.goto(f"{demo.url}/logout")
    page.locator("main form button:not(.reveal)").click()
    log_in(page, demo, "bob")
    page.goto(demo.url)
    expect(page.locator("main")).not_to_contain_text("Only Alice's")


def test_no_page_runs_a_script_from_a_name(page: Page, demo: OwnSite, site: ClientSite) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    log_in(page, demo, '"><svg onload=alert(3)>')
    client = create_client(page, demo, site.redirect_uri, name)
    for address in ("/", "/account/apps", authorize_address(demo, client, site.redirect_uri, Pkce())):
        page.goto(address if address.startswith("http") else f"{demo.url}{address}")
        expect(page.locator("body")).to_be_visible()
    assert dialogs == []


def test_every_page_works_without_scripts_at_320_pixels(chromium: object, demo: OwnSite, site: ClientSite) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})  # type: ignore[attr-defined]
    try:
        page = context.new_page()
        log_in(page, demo)
        client = create_client(page, demo, site.redirect_uri)
        page.goto(authorize_address(demo, client, site.redirect_uri, Pkce()))
        page.locator("button[value=yes]").click()
        page.wait_for_url(f"{site.landing}**")
        with_scripts = chromium.new_context(viewport={"width": 320, "height": 640})  # type: ignore[attr-defined]
        wide = with_scripts.new_page()
        log_in(wide, demo)
        for address in ("/", "/create_client", "/account/apps", "/logout", "/nothing"):
            wide.goto(f"{demo.url}{address}")
            overflow = wide.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, address
        with_scripts.close()
    finally:
        context.close()
