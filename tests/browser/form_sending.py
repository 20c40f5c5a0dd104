"""Any form found on the pages, sent: over the wire, or by a browser that types and presses the button."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from playwright.sync_api import Locator, Page, Response

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite, Visitor
from tests.support.alike_pages import Sample
from tests.support.every_page import Form, Walk, furnish, is_page
from tests.support.passkeys import give_passkey


def find_forms(site: OwnSite, client_site: ClientSite, sample: Sample | None = None) -> tuple[Visitor, list[Form]]:
    """Return somebody with clients, a connected application and a second login, and one form for each view.

    In production the forms are those that ask for a password, as the demo has the others. With a sample, of those that
    are built alike one is there.
    """
    site.admit("sender")
    person = site.admit("sender")
    consent = furnish(person, client_site.redirect_uri)
    give_passkey(site.application, "sender")
    walk = Walk(person, site.application, consent, username="sender")
    forms = {
        form.endpoint: form for form in walk.forms_by_endpoint().values() if site.is_demo or form.asks_for_password
    }
    if sample:
        markup = {name: f"<body>{markup_of(form, walk.answers[form.page].text)}" for name, form in forms.items()}
        forms = {name: forms[name] for name in sample.choose(markup)}
    return person, [*forms.values()]


def markup_of(form: Form, page: str) -> str:
    return re.findall(r"<form\b[^>]*\bmethod=\"post\".*?</form>", page, re.DOTALL | re.IGNORECASE)[form.number]


def read_what_comes(site: OwnSite, person: Visitor, form: Form, *, is_spoilt: bool) -> str:
    """Send a form over the wire, as a browser would in which somebody is logged in; return the page that comes of it.

    It is empty where there is none of the site.
    """
    sender = Visitor(site)
    sender.session.cookies.update(person.session.cookies)
    answer = sender.post(form.action, form.spoil() if is_spoilt else form.fill_in(), Origin=site.url)
    while answer.location:
        address = urljoin(site.url + form.action, answer.location)
        if not address.startswith(f"{site.url}/"):
            return ""
        answer = sender.get(address)
    return answer.text if is_page(answer) or answer.status >= 400 else ""


def type_into(page: Page, form: Form) -> None:
    """Type something fitting into each empty field of a form, opening what is folded away."""
    own = page.locator("form[method=post]").nth(form.number)
    for name, text in form.what_to_type():
        field = own.locator(f"[name='{name}']")
        if not is_of_another_choice(field):
            unfold(field)
            field.fill(text)


def is_of_another_choice(field: Locator) -> bool:
    """Tell whether a page hides a field because it belongs to an option that isn't chosen."""
    dependent = field.locator("xpath=ancestor::*[@class='depends']")
    return dependent.count() > 0 and dependent.evaluate("element => getComputedStyle(element).display === 'none'")


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
