"""Every form of every page does its work in a browser that runs no scripts; `test_flows.py` has the whole way."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.client_site import ClientSite
from tests.browser.form_sending import find_forms, press, type_into
from tests.browser.own_site import OwnSite
from tests.support.every_page import REFUSING


def test_every_form_works_without_scripts(
    chromium: Browser, own_site: OwnSite, client_site: ClientSite, tmp_path: Path
) -> None:
    person, forms = find_forms(own_site, client_site)
    with (
        own_site.keep(tmp_path) as go_back,
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
