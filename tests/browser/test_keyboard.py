"""Whoever has only a keyboard gets everywhere, in the order of the page, and sees where they are."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite, Visitor
from tests.support.alike_pages import Sample, choose_pages, stops_of
from tests.support.every_page import Walk, furnish
from tests.support.person import Pkce

MOST_STOPS = 120
#: Of a date field, besides the field itself and the button of its calendar.
DATE_PARTS = 4
#: Contrast of the mark of focus with what is around it (WCAG 2.2, 1.4.11).
LEAST_CONTRAST = 3
#: Numbers what Tab must reach, in the order of the page; the buttons of a radio group are one stop.
NUMBER_STOPS = """() => {
    document.activeElement.blur();
    const groups = new Map();
    let count = 0;
    const native = 'a[href], button, input, select, textarea, summary';
    for (const element of document.querySelectorAll(`${native}, [tabindex]`)) {
        delete element.dataset.stop;
        if (element.disabled || element.type === 'hidden' || !element.checkVisibility()) continue;
        if (element.tabIndex < 0 && !element.matches(native)) continue;
        const group = element.type === 'radio' ? element.name : null;
        if (!group || !groups.has(group)) {
            if (group) groups.set(group, count);
            count += 1;
        }
        element.dataset.stop = group ? groups.get(group) : count - 1;
        element.dataset.outline = getComputedStyle(element).outline;
    }
    return count;
}"""
#: Notes which stop has the focus, what it is, and what is wrong with how it shows that: now, and after each Tab. The
#: page does so by itself: a browser that is asked at each stop draws the page for each. Returns how many dates it has.
NOTE_FOCUS = """leastContrast => {
    const channels = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = text => {
        const [red, green, blue] = channels(text).map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const isOpaque = text => channels(text).length === 3 || channels(text)[3] === 1;
    const readFocus = () => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        let around = element.parentElement;
        while (around?.parentElement && !isOpaque(getComputedStyle(around).backgroundColor))
            around = around.parentElement;
        const [darker, lighter] = [style.outlineColor, getComputedStyle(around ?? element).backgroundColor]
            .map(luminance).sort((one, other) => one - other);
        const box = element.getBoundingClientRect();
        const problems = [];
        const isPlain = style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2;
        if (isPlain || style.outline === element.dataset.outline) problems.push('no outline');
        else if ((lighter + 0.05) / (darker + 0.05) < leastContrast) problems.push('a faint outline');
        if (box.width < 1 || box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth || box.top >= innerHeight)
            problems.push('out of sight');
        const description = `${element.outerHTML.slice(0, 120)}: ${problems.join(', ')}`;
        return [Number(element.dataset.stop ?? -1), description, problems.length];
    };
    const isListening = 'noted' in window;
    window.noted = [readFocus()];
    if (!isListening) addEventListener('keyup', event => event.key === 'Tab' && noted.push(readFocus()), true);
    return document.querySelectorAll('input[type=date]').length;
}"""


def go_along(page: Page, key: str, stops: list[int]) -> list[str]:
    """Press a key from stop to stop; return what was wrong."""
    dates = page.evaluate(NOTE_FOCUS, LEAST_CONTRAST)
    for _ in range(len(stops) - 1 + DATE_PARTS * dates):
        page.keyboard.press(key)
    noted = iter(page.evaluate("noted"))
    findings = []
    for stop in stops:
        reached, description, problems = next(noted)
        for _part in range(DATE_PARTS):  # day, month and year are stops of one field
            if reached != stop and 'type="date"' in description:
                reached, description, problems = next(noted)
        if reached != stop:
            return [*findings, f"{page.url}: {key} led to stop {reached} instead of {stop}: {description}"]
        findings += [f"{page.url}: {description}"] if problems else []
    return findings


def number_stops(page: Page) -> int:
    """Number what Tab must reach on the page as it stands; return how much that is."""
    count = int(page.evaluate(NUMBER_STOPS))
    assert 0 < count < MOST_STOPS
    return count


def go_there_and_back(page: Page) -> list[str]:
    """Tab through the page from its first stop on, light and wide; then back, dark and narrow."""
    count = number_stops(page)
    # The keyboard has to have been used for the focus to show.
    page.keyboard.press("Shift")
    page.locator("[data-stop='0']").first.focus()
    there = go_along(page, "Tab", list(range(count)))
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme="dark")
    # What a narrow page leaves out is not a stop there.
    count = number_stops(page)
    page.locator(f"[data-stop='{count - 1}']").last.focus()
    return there or go_along(page, "Shift+Tab", list(reversed(range(count))))


def go_over(chromium: Browser, site: OwnSite, person: Visitor, addresses: list[str]) -> None:
    findings = []
    with site.open_browser(chromium, person) as context:
        page = context.new_page()
        for address in addresses:
            page.set_viewport_size({"width": 1280, "height": 800})
            page.emulate_media(color_scheme="light")
            page.goto(address)
            findings += go_there_and_back(page)
    assert not findings, "\n".join(findings)


@pytest.fixture(params=["one of each kind", pytest.param("every page", marks=pytest.mark.soak)])
def sample(request: pytest.FixtureRequest) -> Sample | None:
    """What takes one of the pages that are built alike, or nothing, where every page is to be gone over."""
    return Sample(read=stops_of) if request.param == "one of each kind" else None


def test_tab_reaches_everything_in_the_order_of_the_page(
    chromium: Browser, own_site: OwnSite, client_site: ClientSite, sample: Sample | None
) -> None:
    person = own_site.admit("alice")
    walk = Walk(person, own_site.application, furnish(person, client_site.redirect_uri))
    # What does not ask for a password, the demo has as well.
    asking = {form.page for form in walk.forms if form.asks_for_password}
    pages = choose_pages(walk, sample)
    go_over(chromium, own_site, person, pages if own_site.is_demo else sorted(asking))


def test_tab_reaches_everything_for_the_logged_out(chromium: Browser, own_site: OwnSite, sample: Sample | None) -> None:
    nobody = Visitor(own_site)
    go_over(chromium, own_site, nobody, [*choose_pages(Walk(nobody, own_site.application), sample), "/nowhere"])


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab, or Shift+Tab, until the focus is there."""
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not lead to {target}")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Go to a link or a button by Tab and press it; return on the page that it leads to."""
    tab_to(page, target)
    with page.expect_navigation():
        page.keyboard.press(key)


def test_the_skip_link_skips(chromium: Browser, demo: OwnSite) -> None:
    with demo.open_browser(chromium, demo.admit("alice")) as context:
        page = context.new_page()
        page.goto("/account/apps")
        page.keyboard.press("Tab")
        skip = page.locator("a.skip")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport(ratio=1)
        page.keyboard.press("Enter")
        expect(skip).not_to_be_in_viewport()
        page.keyboard.press("Tab")
        expect(page.locator("main :focus")).to_have_count(1)
        page.keyboard.press("Shift+Tab")
        expect(page.locator("header :focus, .demo-band :focus")).to_have_count(1)


def test_from_the_login_to_a_client_its_token_and_its_end_without_a_mouse(
    chromium: Browser, demo: OwnSite, client_site: ClientSite
) -> None:
    with demo.open_browser(chromium) as context:
        page = context.new_page()
        main = page.get_by_role("main")
        page.goto("/")
        expect(page.get_by_label("Username")).to_be_focused()
        page.keyboard.type("ada")
        press(page, main.get_by_role("button", name="Log in"))
        press(page, main.get_by_role("link", name="Create a client"))
        fill_in_client(page, client_site.redirect_uri)
        expect(main.get_by_role("heading", level=1)).to_have_text("Weather is ready")
        client_id = page.locator("#client_id").inner_text().strip()
        asked = {"client_id": client_id, "redirect_uri": client_site.redirect_uri, **Pkce().parameters}
        page.goto(f"/oauth/authorize?{urlencode({'response_type': 'code', 'scope': 'profile', **asked})}")
        press(page, main.get_by_role("button", name="Allow"), "Space")
        page.wait_for_url(f"{client_site.landing}?code=*")
        page.goto("/")
        press(page, page.get_by_role("link", name="Account", exact=True))
        press(page, main.get_by_role("link", name="Connected apps"))
        press(page, main.get_by_role("button", name="Remove"))
        expect(page.get_by_role("status")).to_have_text("Weather no longer has access.")
        press(page, page.get_by_role("link", name="Clients", exact=True))
        press(page, main.get_by_role("link", name="Weather"))
        press(page, main.get_by_role("link", name="Settings"))
        press(page, main.get_by_role("link", name="Delete"))
        press(page, main.get_by_role("button", name="Delete"), "Space")
        expect(page.get_by_role("status")).to_have_text("Weather was deleted.")
        press(page, page.get_by_role("banner").get_by_role("button", name="Log out"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Log in to Grantwright")


def fill_in_client(page: Page, redirect_uri: str) -> None:
    """Fill in the form of a client, first wrongly, and create it."""
    main = page.get_by_role("main")
    press(page, main.get_by_role("link", name="Custom client"))
    press(page, main.get_by_role("button", name="Create client"))
    # The summary of what is wrong leads to each field by a link.
    tab_to(page, page.locator(".error-summary a").first)
    page.keyboard.press("Enter")
    expect(page.locator("#client_name")).to_be_focused()
    page.keyboard.type("Weather")
    tab_to(page, page.locator("#redirect_uri"))
    page.keyboard.type(redirect_uri)
    box = page.locator("[name=grant_type][value=refresh_token]")
    was_checked = box.is_checked()
    tab_to(page, box)
    page.keyboard.press("Space")
    assert box.is_checked() is not was_checked
    tab_to(page, page.locator("[name=token_endpoint_auth_method]:checked"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    tab_to(page, main.locator("form details", has=page.locator("[name=pkce]")).locator("summary").first)
    page.keyboard.press("Enter")
    expect(page.locator("details [name=pkce]").first).to_be_visible()
    tab_to(page, page.locator("#scope"), "Shift+Tab")
    press(page, main.get_by_role("button", name="Create client"), "Space")
