"""Passkeys in Chromium with a virtual authenticator: added, used alone, beside a password, offered, refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from tests.browser.own_site import OwnSite, open_site
from tests.support.every_page import PASSWORD
from tests.support.virtual_authenticator import VirtualAuthenticator

#: Playwright lets pages without scripts keep what is only for them to itself: it is in the page, and not shown.
NEEDS_SCRIPTS = "Passkeys need JavaScript."
#: Otherwise the virtual authenticator answers before the button can be pressed.
WITHOUT_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"
ADD, LOG_IN = "Add a passkey", "Log in with a passkey"


@pytest.fixture(scope="module", params=["demo", "production"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSite]:
    folder = tmp_path_factory.mktemp(request.param)
    with open_site(folder, is_demo=request.param == "demo", host="localhost") as opened:
        yield opened


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSite]:
    with open_site(tmp_path_factory.mktemp("alone"), is_demo=False, host="localhost") as opened:
        yield opened


@contextmanager
def open_page(site: OwnSite, chromium: Browser, username: str = "", **options: Any) -> Iterator[Page]:
    """Open a page of a new browser profile, logged in as somebody if a name is given."""
    person = site.admit(username) if username else None
    with site.open_browser(chromium, person, **options) as context:
        yield context.new_page()


def add_passkey(page: Page) -> None:
    """Add a first passkey, with which there are recovery codes."""
    page.goto("/account/passkeys")
    page.get_by_role("button", name=ADD).click()
    expect(page.get_by_role("status")).to_have_text("Passkey added. You can log in with it from now on.")
    save_codes(page)


def save_codes(page: Page) -> None:
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.get_by_role("button", name="I've saved them").click()


def forget_login(context: BrowserContext) -> None:
    context.clear_cookies()


def log_in_by_password(page: Page, username: str) -> None:
    page.get_by_label(re.compile("^Username")).fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def expect_logged_in(page: Page, username: str) -> None:
    expect(page.locator(".signed-in b")).to_have_text(username)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_passkey_is_added_and_logs_in_without_a_username(chromium: Browser, site: OwnSite, width: int) -> None:
    with open_page(site, chromium, f"ada{width}", viewport={"width": width, "height": 800}) as page:
        authenticator = VirtualAuthenticator(page)
        add_passkey(page)
        (credential,) = authenticator.credentials
        assert (credential["rpId"], credential["isResidentCredential"]) == ("localhost", True)
        forget_login(page.context)
        page.add_init_script(WITHOUT_AUTOFILL)
        page.goto("/?next=/account")
        expect(page.get_by_label(re.compile("^Username"))).to_have_attribute("autocomplete", "username webauthn")
        page.get_by_role("button", name=LOG_IN).click()
        expect(page.get_by_role("heading", name=f"ada{width}")).to_be_visible()
        assert page.url == f"{site.url}/account"
        page.goto("/account/passkeys")
        expect(page.locator(".row-value")).to_have_text("Used just now")


def test_the_field_for_the_username_offers_the_passkey_by_itself(chromium: Browser, site: OwnSite) -> None:
    """Chromium's virtual authenticator chooses at once what a person would choose from the list under the field."""
    with open_page(site, chromium, "betty") as page:
        VirtualAuthenticator(page)
        add_passkey(page)
        forget_login(page.context)
        page.goto("/?next=/account/passkeys")
        expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
        expect_logged_in(page, "betty")


def test_a_passkey_is_renamed_and_removed_and_then_unknown(chromium: Browser, site: OwnSite) -> None:
    with open_page(site, chromium, "kate") as page:
        authenticator = VirtualAuthenticator(page)
        add_passkey(page)
        page.locator("main summary").click()
        page.get_by_label("Name").fill("Work laptop")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".row-heading")).to_have_text("Work laptop")
        page.locator("main summary").click()
        page.get_by_role("link", name="Remove Work laptop").click()
        page.get_by_role("button", name="Remove passkey").click()
        expect(page.get_by_role("status")).to_contain_text("Passkey removed.")
        forget_login(page.context)
        page.goto("/")
        # The browser still has it, and uses it at once.
        expect(page.locator("#passkey-problem")).to_contain_text("This passkey isn't registered here.")
        assert len(authenticator.credentials) == 1


def test_a_device_has_one_passkey_of_an_account(chromium: Browser, site: OwnSite) -> None:
    with open_page(site, chromium, "dora") as page:
        VirtualAuthenticator(page)
        add_passkey(page)
        page.get_by_role("button", name=ADD).click()
        expect(page.locator("#passkey-problem")).to_have_text("This device already has a passkey for your account.")


def test_who_isnt_verified_gets_no_passkey_and_is_told_in_plain_words(chromium: Browser, site: OwnSite) -> None:
    with open_page(site, chromium, "emma") as page:
        authenticator = VirtualAuthenticator(page)
        authenticator.verify_user(False)
        page.goto("/account/passkeys")
        page.get_by_role("button", name=ADD).click()
        expect(page.locator("#passkey-problem")).to_have_text("No passkey was added. Try again.")
        authenticator.verify_user(True)
        add_passkey(page)
        forget_login(page.context)
        authenticator.verify_user(False)
        page.add_init_script(WITHOUT_AUTOFILL)
        page.goto("/?next=/account")
        page.get_by_role("button", name=LOG_IN).click()
        problem = "No passkey was used. Try again, or log in another way."
        expect(page.locator("#passkey-problem")).to_have_text(problem)


def test_a_device_without_a_passkey_says_so_and_the_password_still_works(
    chromium: Browser, production: OwnSite
) -> None:
    production.admit("fanny")
    with open_page(production, chromium) as page:
        VirtualAuthenticator(page)
        page.goto("/?next=/account")
        page.get_by_role("button", name=LOG_IN).click()
        expect(page.locator("#passkey-problem")).to_contain_text("No passkey was used.")
        page.get_by_label(re.compile("^Username")).fill("fanny")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.get_by_role("link", name="Not now").click()
        expect(page.get_by_role("heading", name="fanny")).to_be_visible()


def test_a_copied_passkey_is_refused(chromium: Browser, production: OwnSite) -> None:
    with open_page(production, chromium, "greta") as page:
        authenticator = VirtualAuthenticator(page)
        add_passkey(page)
        (copy,) = authenticator.credentials
        forget_login(page.context)
        page.goto("/?next=/account")
        expect(page.get_by_role("heading", name="greta")).to_be_visible()
        authenticator.forget()
        authenticator.take({**copy, "signCount": 0})
        forget_login(page.context)
        page.goto("/?next=/account")
        expect(page.locator("#passkey-problem")).to_contain_text("This passkey may have been copied")


def test_a_passkey_is_offered_once_after_a_login_by_password(chromium: Browser, production: OwnSite) -> None:
    production.admit("henny")
    with open_page(production, chromium) as page:
        authenticator = VirtualAuthenticator(page)
        page.goto("/?next=/account/apps")
        log_in_by_password(page, "henny")
        expect(page.get_by_role("heading", name="Log in faster next time?")).to_be_visible()
        page.get_by_role("link", name="Not now").click()
        assert page.url == f"{production.url}/account/apps"
        page.get_by_role("button", name="Log out").click()
        page.goto("/")
        log_in_by_password(page, "henny")
        expect_logged_in(page, "henny")
        assert authenticator.credentials == []


def test_the_offer_adds_a_passkey_and_goes_on(chromium: Browser, production: OwnSite) -> None:
    production.admit("ida")
    with open_page(production, chromium) as page:
        authenticator = VirtualAuthenticator(page)
        page.goto("/?next=/account/apps")
        log_in_by_password(page, "ida")
        page.get_by_role("button", name=ADD).click()
        expect(page.get_by_role("status")).to_contain_text("Passkey added.")
        save_codes(page)
        assert page.url == f"{production.url}/account/apps"
        assert len(authenticator.credentials) == 1


def test_who_doesnt_want_to_be_asked_isnt_asked_in_any_browser(chromium: Browser, production: OwnSite) -> None:
    production.admit("jane")
    for is_first in (True, False):
        with open_page(production, chromium) as page:
            VirtualAuthenticator(page)
            page.goto("/")
            log_in_by_password(page, "jane")
            if is_first:
                page.get_by_role("button", name="Don't ask again").click()
            expect_logged_in(page, "jane")


def test_the_offer_never_stands_in_a_clients_way(chromium: Browser, production: OwnSite) -> None:
    production.admit("kate")
    with open_page(production, chromium) as page:
        VirtualAuthenticator(page)
        page.goto("/?next=/oauth/authorize%3Fclient_id%3Dnone")
        log_in_by_password(page, "kate")
        expect(page.get_by_role("heading", name="Unknown app")).to_be_visible()


def test_without_scripts_the_page_says_so_and_the_password_works(chromium: Browser, production: OwnSite) -> None:
    production.admit("lena")
    with open_page(production, chromium, java_script_enabled=False) as page:
        page.goto("/?next=/account/passkeys")
        assert not page.get_by_role("button", name=LOG_IN).is_visible()
        assert NEEDS_SCRIPTS in page.content()
        log_in_by_password(page, "lena")
        expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
        assert not page.get_by_role("button", name=ADD).is_visible()
        assert NEEDS_SCRIPTS in page.content()


def test_the_demo_at_an_ip_address_leads_to_localhost(chromium: Browser, demo: OwnSite) -> None:
    with open_page(demo, chromium) as page:
        VirtualAuthenticator(page)
        page.goto("/?next=/account/passkeys")
        assert not page.get_by_role("button", name=LOG_IN).is_visible()
        page.get_by_role("link", name="open this page there").click()
        at_localhost = demo.url.replace("127.0.0.1", "localhost")
        expect(page).to_have_url(f"{at_localhost}/?next=/account/passkeys")
        page.get_by_label("Username").fill("mona")
        page.get_by_role("button", name="Log in", exact=True).click()
        page.get_by_role("button", name=ADD).click()
        expect(page.get_by_role("status")).to_contain_text("Passkey added.")
        page.goto(f"{demo.url}/account/passkeys")  # where another login is
        page.get_by_label("Username").fill("mona")
        page.get_by_role("button", name="Log in", exact=True).click()
        page.get_by_role("link", name="Open this page at localhost").click()
        expect(page.locator(".row-heading")).to_have_count(1)


def test_a_browser_without_passkeys_is_told_where_one_wants_them(chromium: Browser, site: OwnSite) -> None:
    with open_page(site, chromium, "nora") as page:
        page.add_init_script("delete window.PublicKeyCredential")
        page.goto("/account/passkeys")
        assert not page.get_by_role("button", name=ADD).is_visible()
        expect(page.locator("#passkey-problem")).to_have_text("This browser doesn't have passkeys.")
        forget_login(page.context)
        page.goto("/")
        assert not page.get_by_role("button", name=LOG_IN).is_visible()
        expect(page.locator("#passkey-problem")).to_have_text("")


@contextmanager
def open_page_of_keyholder(site: OwnSite, chromium: Browser, username: str, **options: Any) -> Iterator[Page]:
    """Open a page logged in a while ago as somebody who has a passkey and no password."""
    with open_page(site, chromium, username, **options) as page:
        VirtualAuthenticator(page)
        add_passkey(page)
        with site.application.extensions["grantwright"].database.engine.begin() as connection:
            connection.execute(text("UPDATE oauth2_session SET auth_time = auth_time - 700, acr = 'phr'"))
            connection.execute(
                text("UPDATE oauth2_user SET password_hash = NULL WHERE username = :name"), {"name": username}
            )
        yield page


def test_who_has_no_password_confirms_by_passkey(chromium: Browser, production: OwnSite) -> None:
    with open_page_of_keyholder(production, chromium, "paula") as page:
        page.goto("/account/delete")
        expect(page.get_by_role("button", name="Delete account")).to_have_count(0)
        page.get_by_role("button", name="Use your passkey").click()
        page.get_by_role("button", name="Delete account").click()
        expect(page.get_by_role("status")).to_have_text("Your account was deleted.")
