"""A browser that submits any form found on the pages: an account, typing, pressing the button."""

from __future__ import annotations

import itertools

from playwright.sync_api import Locator, Page, Response

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite, Visitor
from tests.support.every_page import Form, Walk, furnish
from tests.support.passkeys import give_passkey

_numbers = itertools.count(1)


def open_furnished_account(site: OwnSite, client_site: ClientSite, form: str = "") -> tuple[Visitor, Walk]:
    """Return a person with clients, a connected application and a second login, and their walk over the pages.

    It ends at the form that the view of this name takes; over every page where none is named.
    """
    name = f"person {next(_numbers)}"
    site.admit(name)
    person = site.admit(name)
    consent = furnish(person, client_site.redirect_uri)
    give_passkey(site.application, name)
    return person, Walk(person, site.application, consent, username=name, until_form=form)


def choose_forms(site: OwnSite, client_site: ClientSite) -> list[Form]:
    """Return a form for each view that takes one: in the demo all, in production those that ask for a password."""
    forms = open_furnished_account(site, client_site)[1].forms_by_endpoint().values()
    return [form for form in forms if site.is_demo or form.asks_for_password]


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
