"""The short form of a new client: what fits on a screen, and the consent page beside it as one types."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.browser.own_site import OwnSite
from tests.support.person import REDIRECT_URI

MOST_FIELDS, SCREEN_PIXELS = 6, 900


def test_a_web_client_is_six_fields_on_one_screen(chromium: Browser, demo: OwnSite) -> None:
    with demo.open_browser(chromium, demo.admit("ada"), viewport={"width": 1280, "height": SCREEN_PIXELS}) as context:
        page = context.new_page()
        page.goto("/create_client?type=web")
        fields = page.locator("main .field").filter(visible=True)
        assert 0 < fields.count() <= MOST_FIELDS
        bottom = page.get_by_role("button", name="Create client").evaluate("b => b.getBoundingClientRect().bottom")
        assert bottom <= SCREEN_PIXELS
        page.get_by_text("Protocol:").click()
        expect(page.locator("[name=token_endpoint_auth_method]").first).to_be_visible()


def test_the_consent_page_follows_the_form(chromium: Browser, demo: OwnSite) -> None:
    with demo.open_browser(chromium, demo.admit("grace")) as context:
        page = context.new_page()
        page.goto("/create_client?type=web")
        preview = page.get_by_role("complementary", name="Preview of the consent page")
        expect(preview).to_contain_text("Your app wants to access your account")
        page.get_by_label("Name", exact=True).fill("Photo <b>Press")
        page.get_by_label("Callback URL").fill(f"{REDIRECT_URI}\n")
        page.get_by_label("See your email address").uncheck()
        page.get_by_label("See your phone number").check()
        expect(preview).to_contain_text("Photo <b>Press wants to access your account")
        expect(preview).to_contain_text("You'll return to client.example.")
        expect(preview.get_by_text("See your phone number")).to_be_visible()
        expect(preview.get_by_text("See your email address")).to_be_hidden()
        for tick in page.get_by_role("group", name="Permissions").get_by_role("checkbox").all():
            tick.uncheck()
        expect(preview).to_contain_text("wants to log you in")
        page.get_by_role("button", name="Create client").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Photo <b>Press is ready")


def test_this_servers_own_callback_is_filled_in_beside_what_was_typed(chromium: Browser, demo: OwnSite) -> None:
    with demo.open_browser(chromium, demo.admit("edith")) as context:
        page = context.new_page()
        page.goto("/create_client?type=web")
        page.get_by_label("Name", exact=True).fill("Photo Press")
        page.get_by_label("See your phone number").check()
        page.get_by_role("link", name="No app yet?").click()
        expect(page.get_by_label("Callback URL")).to_have_value(re.compile(r"/callback$"))
        expect(page.get_by_role("link", name="No app yet?")).to_have_count(0)
        expect(page.get_by_label("See your phone number")).to_be_checked()
        page.get_by_role("button", name="Create client").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Photo Press is ready")
