"""Forms do their work in a browser that runs no scripts; `test_flows.py` has the whole way.

Those that are sent have among them every piece (tests/support/alike_pages.py) that is in any; `make soak` sends all.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.client_site import ClientSite
from tests.browser.form_sending import find_forms, press, type_into
from tests.browser.own_site import OwnSite
from tests.support.alike_pages import Sample
from tests.support.every_page import REFUSING
from tests.support.kept_database import keep_database


@pytest.mark.parametrize("is_whole", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_every_form_works_without_scripts(
    chromium: Browser, own_site: OwnSite, client_site: ClientSite, is_whole: bool
) -> None:
    person, forms = find_forms(own_site, client_site, None if is_whole else Sample())
    with (
        keep_database(own_site.application) as go_back,
        own_site.open_browser(chromium, java_script_enabled=False) as context,
    ):
        page = context.new_page()
        for form in forms:
            go_back()
            own_site.hand_over(context, person)
            page.goto(form.page)
            type_into(page, form)
            answer = press(page, form)
            expected = (422,) if form.endpoint in REFUSING else (200, 302, 303)
            assert answer.status in expected, f"{form.action} of {form.page}: {answer.status}"


def test_what_belongs_to_one_choice_is_shown_with_it(chromium: Browser, demo: OwnSite) -> None:
    operator = demo.admit("olga")
    with demo.open_browser(chromium, operator, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/create_api")
        listed = page.get_by_label("Scopes for unverified clients")
        for choice, is_shown in (("Only some scopes", True), ("Nothing", False), ("All scopes", False)):
            page.get_by_label(choice, exact=True).check()
            expect(listed).to_be_visible(visible=is_shown)
        # What was typed is sent although it is out of sight. The problem with it isn't.
        page.get_by_label("Only some scopes", exact=True).check()
        listed.fill("photos.read")
        page.get_by_label("Nothing", exact=True).check()
        page.get_by_role("button", name="Register API").click()
        expect(page.locator("#open_scope-error")).to_be_visible()
        expect(listed).to_have_value("photos.read")
