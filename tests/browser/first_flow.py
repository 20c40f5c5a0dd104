"""A newcomer in the demo: from the login to the tokens of a first flow, pressing what the pages offer."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect


def run_first_flow(page: Page, look: Callable[[str], None] = lambda name: None) -> None:
    """Press what a newcomer presses; ``look`` is called on each page on the way."""
    main = page.get_by_role("main")

    def press(button: str, heading: str) -> None:
        main.get_by_role("button", name=button, exact=True).click()
        expect(main.get_by_role("heading", name=heading).first).to_be_visible()
        look(heading)

    page.goto("/")
    page.get_by_label("Username").fill("ada")
    press("Log in", "Hello, ada")
    press("Run your first flow", "Run the code flow here")
    press("Run the flow", "My first app")
    press("Allow", "1. The code arrived")
    press("Exchange the code", "3. The client has its tokens")
    expect(page.locator("#id-token")).to_contain_text("nonce")
    expect(page.locator("li.failed")).to_have_count(0)
    press("Call UserInfo", "UserInfo")
    expect(page.locator("#userinfo")).to_contain_text("preferred_username")
