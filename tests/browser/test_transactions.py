"""Pages that ask for a single decision, in a browser: few tab stops, all in sight on a small screen, nothing from
elsewhere."""

from __future__ import annotations

from playwright.sync_api import Browser, Page

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite, Visitor
from tests.support.every_page import furnish, show_device

MOST_TAB_STOPS = 4
MOST_BYTES = 200 * 1024


def count_stops(page: Page, label: str) -> int:
    """Press Tab until a button has the focus; return how often."""
    button = page.get_by_role("button", name=label, exact=True)
    for count in range(1, 20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            return count
    raise AssertionError(f"Tab does not lead to {label}")


def test_four_tab_stops_lead_to_allow(chromium: Browser, own_site: OwnSite, client_site: ClientSite) -> None:
    person = own_site.admit("alice")
    addresses = [furnish(person, client_site.redirect_uri), show_device(person)]
    with own_site.open_browser(chromium, person) as context:
        page = context.new_page()
        for address in addresses:
            page.goto(address)
            assert count_stops(page, "Allow") <= MOST_TAB_STOPS


def load(chromium: Browser, site: OwnSite, person: Visitor, address: str) -> dict[str, int]:
    """Open a page in a browser that has nothing yet; return the size of everything that it loads, by its URL."""
    sizes: dict[str, int] = {}
    with site.open_browser(chromium, person) as context:
        page = context.new_page()
        page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.fonts.check('600 16px Inter')")
    return sizes


def test_a_page_loads_little_and_from_here_alone(chromium: Browser, demo: OwnSite, client_site: ClientSite) -> None:
    person = demo.admit("alice")
    for address in ("/", furnish(person, client_site.redirect_uri), "/account"):
        sizes = load(chromium, demo, person, address)
        assert [url for url in sizes if not url.startswith(demo.url)] == []
        assert any(url.endswith(".woff2") for url in sizes)
        assert sum(sizes.values()) < MOST_BYTES, sizes
