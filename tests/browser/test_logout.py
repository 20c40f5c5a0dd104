"""Logging out in a real Chromium: applications hear of it in frames, and their pages see that something changed."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.own_site import OwnSite
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.support.certificates import make_certificate
from tests.support.openid_client import NONCE
from tests.support.person import Pkce
from tests.support.token_requests import MachineClient
from tests.support.waiting import POLL_SECONDS

#: What a client's page has that asks about the login (OpenID Connect Session Management 1.0, section 3.1).
ASKING_PAGE = """<!doctype html><title>Client</title><output id="heard"></output>
<iframe id="provider" src="{frame}"></iframe>
<script>
addEventListener("message", (event) => {{
  if (event.origin === "{origin}") document.getElementById("heard").textContent = event.data;
}});
function ask() {{
  document.getElementById("provider").contentWindow.postMessage("{message}", "{origin}");
}}
</script>"""


class LogoutClient:
    """An application: where people come back to, what its frame was opened with, and its page that asks."""

    def __init__(self) -> None:
        self.opened: list[dict[str, str]] = []
        self.page = ""
        self.origin = ""

    @property
    def redirect_uri(self) -> str:
        return f"{self.origin}/cb"


@contextmanager
def open_logout_client(certificate: tuple[Path, Path] | None) -> Iterator[LogoutClient]:
    """Serve the application over http, or over https."""
    client = LogoutClient()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _mark, query = self.path.partition("?")
            if path == "/front-channel":
                client.opened.append(dict(parse_qsl(query)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write((client.page if path == "/asking" else "<!doctype html><h1>Here</h1>").encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    # Another site than the provider's 127.0.0.1, as it is in the world.
    client.origin = f"{'https' if certificate else 'http'}://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield client
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def application(own_site: OwnSite, tmp_path: Path) -> Iterator[LogoutClient]:
    certificate = None if own_site.is_demo else make_certificate(tmp_path)
    with open_logout_client(certificate) as opened:
        yield opened


def create_client(site: OwnSite, application: LogoutClient) -> MachineClient:
    metadata = {
        "client_name": "Photo Printer",
        "redirect_uris": [application.redirect_uri],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "openid profile",
        "token_endpoint_auth_method": "client_secret_post",
        "frontchannel_logout_uri": f"{application.origin}/front-channel",
        "frontchannel_logout_session_required": True,
        "post_logout_redirect_uris": [f"{application.origin}/out"],
    }
    client, secret = site.application.extensions["grantwright"].clients.create(metadata, None, is_first_party=True)
    return MachineClient(client.client_id, secret, client.id, "client_secret_post")


def log_in_to(page: Page, site: OwnSite, application: LogoutClient, client: MachineClient) -> dict[str, str]:
    """Log in to the application; return what its callback got, and the ID token."""
    pkce = Pkce()
    asked = {
        "response_type": "code", "client_id": client.client_id, "redirect_uri": application.redirect_uri,
        "scope": "openid profile", "nonce": NONCE, **pkce.parameters,
    }  # fmt: skip
    page.goto(f"{site.url}/oauth/authorize?{urlencode(asked)}")
    page.wait_for_url(re.compile(re.escape(application.redirect_uri)))
    given = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    fields = {
        "grant_type": "authorization_code", "code": given["code"], "redirect_uri": application.redirect_uri,
        "code_verifier": pkce.verifier, "client_id": client.client_id, "client_secret": client.secret or "",
    }  # fmt: skip
    answer = page.request.post(f"{site.url}/oauth/token", form=fields)
    return {**given, "id_token": answer.json()["id_token"]}


def profile_with_foreign_cookies(folder: Path) -> Path:
    """Make a profile in which frames of other sites have their cookies: Debian's Chromium keeps these from them."""
    profile = folder / "profile"
    (profile / "Default").mkdir(parents=True)
    allowed = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
    (profile / "Default" / "Preferences").write_text(json.dumps(allowed))
    return profile


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_application_hears_in_a_frame_and_the_browser_goes_on(
    own_site: OwnSite, chromium: Browser, application: LogoutClient, scripts: bool
) -> None:
    client = create_client(own_site, application)
    context = own_site.open_browser(chromium, own_site.admit("alice"), java_script_enabled=scripts)
    page = context.new_page()
    given = log_in_to(page, own_site, application, client)
    back = f"{application.origin}/out"
    asked = {"id_token_hint": given["id_token"], "post_logout_redirect_uri": back, "state": "s"}
    page.goto(f"{own_site.url}/oauth/logout?{urlencode(asked)}")
    page.wait_for_url(f"{back}?state=s")
    [opened] = application.opened
    assert set(opened) == {"iss", "sid"}
    page.goto(f"{own_site.url}/account/apps")
    expect(page.locator("header")).not_to_contain_text("alice")
    context.close()


def test_a_person_says_yes_to_an_application_s_question(
    own_site: OwnSite, chromium: Browser, application: LogoutClient
) -> None:
    client = create_client(own_site, application)
    context = own_site.open_browser(chromium, own_site.admit("alice"))
    page = context.new_page()
    back = f"{application.origin}/out"
    page.goto(
        f"{own_site.url}/oauth/logout?{urlencode({'client_id': client.client_id, 'post_logout_redirect_uri': back})}"
    )
    expect(page.locator("h1")).to_contain_text("Log out of")
    page.get_by_role("button", name="Log out", exact=True).last.click()
    page.wait_for_url(back)
    context.close()


def test_a_page_of_an_application_sees_whether_the_login_is_still_the_same(
    own_site: OwnSite, chromium: Browser, application: LogoutClient, tmp_path: Path
) -> None:
    client = create_client(own_site, application)
    context = chromium.browser_type.launch_persistent_context(
        profile_with_foreign_cookies(tmp_path),
        executable_path=CHROMIUM,
        args=CHROMIUM_ARGUMENTS,
        ignore_https_errors=True,
    )
    own_site.hand_over(context, own_site.admit("alice"))
    page = context.new_page()
    state = log_in_to(page, own_site, application, client)["session_state"]
    frame, message = f"{own_site.url}/oauth/check_session", f"{client.client_id} {state}"
    application.page = ASKING_PAGE.format(frame=frame, origin=own_site.url, message=message)
    page.goto(f"{application.origin}/asking")
    heard = page.locator("#heard")
    page.evaluate("ask()")
    expect(heard).to_have_text("unchanged")

    other = context.new_page()
    other.goto(f"{own_site.url}/logout")
    other.locator("main form button:not(.reveal)").click()
    expect(other.locator("main")).to_contain_text("logged out")
    page.evaluate("ask()")
    expect(heard).to_have_text("changed")

    application.page = ASKING_PAGE.format(frame=frame, origin=own_site.url, message="nonsense")
    page.reload()
    page.evaluate("ask()")
    expect(heard).to_have_text("error")
    context.close()
