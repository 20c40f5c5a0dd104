"""A browser that submits any form found on the pages: an account, typing, pressing the button."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Response

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite, Visitor
from tests.support.every_page import Form, Walk, furnish
from tests.support.passkeys import give_passkey


def find_forms(site: OwnSite, client_site: ClientSite) -> tuple[Visitor, list[Form]]:
    """Return somebody with clients, a connected application and a second login, and one form for each view.

    In production the forms are those that ask for a password, as the demo has the others.
    """
    site.admit("sender")
    person = site.admit("sender")
    consent = furnish(person, client_site.redirect_uri)
    give_passkey(site.application, "sender")
    forms = Walk(person, site.application, consent, username="sender").forms_by_endpoint().values()
    return person, [form for form in forms if site.is_demo or form.asks_for_password]


def type_into(page: Page, form: Form) -> None:
    """Type something fitting into each empty field of a form, opening what is folded away."""
    own = page.locator("form[method=post]").nth(form.number)
    for name, text in form.what_to_type():
        field = own.locator(f"[name='{name}']")
        unfold(field)
        field.fill(text)


def unfold(element: Locator) -> None:
    """Open what an element is folded away in, from the outside in."""
    while not element.is_visible():
        element.locator("xpath=ancestor::details[not(@open)]").first.locator("xpath=summary").click()


def press(page: Page, form: Form) -> Response:
    """Press the last button of a form on the page as it stands; return what came back, its page being there."""
    button = page.locator("form[method=post]").nth(form.number).locator("button").last
    unfold(button)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        button.click()
    return answer.value
