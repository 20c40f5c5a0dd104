"""A page of another origin in a real Chromium: the browser lets it call where we say so, and nowhere else (O9)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Error

from tests.browser.client_site import ClientSite
from tests.browser.own_site import OwnSite
from tests.support.person import Pkce, RegisteredClient, code_of

#: What the page's script does: send a form or nothing, and read the answer.
CALL = """async ([address, fields, headers]) => {
  const body = fields && new URLSearchParams(fields);
  const answer = await fetch(address, {method: body ? "POST" : "GET", body, headers});
  return {status: answer.status, challenge: answer.headers.get("WWW-Authenticate"), json: await answer.json()};
}"""


class Script:
    """A script on a page."""

    def __init__(self, browser: BrowserContext, own_site: OwnSite, page_address: str) -> None:
        self._own_site = own_site
        self._page = browser.new_page()
        self._page.goto(page_address)

    def call(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._page.evaluate(CALL, [self._own_site.url + path, fields, headers])
        return answer


def sign_in(own_site: OwnSite, client_site: ClientSite) -> tuple[RegisteredClient, dict[str, str]]:
    """Let a public client in; return it and what its page sends to redeem the code."""
    person, pkce = own_site.admit("ada"), Pkce()
    client = person.create_client(
        client_name="Page", redirect_uri=client_site.redirect_uri, token_endpoint_auth_method="none"
    )
    code = code_of(person.allow(client, redirect_uri=client_site.redirect_uri, **pkce.parameters))
    return client, {
        "grant_type": "authorization_code",
        "client_id": client.client_id,
        "code": code,
        "redirect_uri": client_site.redirect_uri,
        "code_verifier": pkce.verifier,
    }


def test_a_page_of_a_registered_origin_redeems_its_code_and_calls_the_api(
    browser: BrowserContext, demo: OwnSite, client_site: ClientSite
) -> None:
    client, fields = sign_in(demo, client_site)
    script = Script(browser, demo, client_site.redirect_uri)
    assert script.call("/.well-known/oauth-authorization-server")["json"]["issuer"] == demo.url
    answer = script.call("/oauth/token", fields)
    assert answer["status"] == 200
    bearer = {"Authorization": f"Bearer {answer['json']['access_token']}"}
    assert script.call("/api/me", **bearer)["json"]["username"] == "ada"
    refused = script.call("/oauth/token", fields)
    assert (refused["status"], refused["json"]["error"]) == (400, "invalid_grant")
    # The second use of the code took back what the first gave; the script may read the challenge that says so.
    ended = script.call("/api/me", **bearer)
    assert (ended["status"], ended["challenge"].partition(" ")[0]) == (401, "Bearer")
    refresh = {"token": answer["json"]["refresh_token"], "client_id": client.client_id}
    assert script.call("/oauth/revoke", refresh)["status"] == 200


def test_a_page_of_another_origin_is_refused_by_the_browser(
    browser: BrowserContext, demo: OwnSite, client_site: ClientSite
) -> None:
    _client, fields = sign_in(demo, client_site)
    other_origin = f"http://127.0.0.1:{urlsplit(client_site.landing).port}/"
    script = Script(browser, demo, other_origin)
    assert script.call("/.well-known/oauth-authorization-server")["status"] == 200
    assert script.call("/oauth/jwks")["json"]["keys"]
    for path, sent, headers in (
        ("/oauth/token", fields, {}),
        ("/api/me", None, {"Authorization": "Bearer x"}),
        ("/oauth/revoke", {"token": "x"}, {}),
    ):
        with pytest.raises(Error, match="Failed to fetch"):
            script.call(path, sent, **headers)


def test_no_page_at_all_may_introspect(browser: BrowserContext, demo: OwnSite, client_site: ClientSite) -> None:
    client = demo.admit("grace").create_client(redirect_uri=client_site.redirect_uri)
    script = Script(browser, demo, client_site.redirect_uri)
    with pytest.raises(Error, match="Failed to fetch"):
        script.call("/oauth/introspect", {"token": "x"}, **client.basic)
