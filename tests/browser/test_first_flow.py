"""A newcomer's first flow: from the demo's login to the tokens read, on its pages alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.first_flow import run_first_flow
from tests.browser.own_site import OwnSite

#: What is seen on a page without scrolling, on a small laptop.
NEXT_BUTTONS = {"1. The code arrived": "Exchange the code", "3. The client has its tokens": "Call UserInfo"}


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without"])
def test_a_newcomer_reads_the_tokens_of_a_first_flow_without_leaving_the_pages(
    chromium: Browser, demo: OwnSite, has_scripts: bool
) -> None:
    with demo.open_browser(chromium, java_script_enabled=has_scripts) as context:
        page = context.new_page()
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))

        def see(heading: str) -> None:
            expect(page.get_by_role("heading", name=heading).first).to_be_in_viewport()
            if next_button := NEXT_BUTTONS.get(heading):
                expect(page.get_by_role("button", name=next_button)).to_be_in_viewport(ratio=1)

        run_first_flow(page, see)
        assert hosts == {demo.url.split("/")[2]}
