"""Takes every page of the demo, and of production what differs: build/screenshots/<page>-<light|dark>-<390|1280>.png.

Each in light and dark, narrow and wide. The pictures that the documentation shows are replaced in docs/images as well.
Starts servers of its own on free ports, with temporary instance folders, and drives them as a person would.
Usage: python tools/screenshots.py [folder]. CHROMIUM names the browser where it is not on the PATH.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pyotp
from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parent.parent
SCREENSHOTS, SHOWN = REPOSITORY / "build" / "screenshots", REPOSITORY / "docs" / "images"
WIDTHS, SCHEMES, HEIGHT = (390, 1280), ("light", "dark"), 800
REDIRECT_URI = "https://photos.example/callback"
PASSWORD = "correct horse battery staple"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
BROWSER_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip


class Photographer:
    """Drives one browser page through the demo and takes what it shows."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page = page
        self.address = address
        self.folder = folder
        self.complaints: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, text: str) -> None:
        # A page of status 4xx is what was asked for; anything else that the browser minds is a fault.
        if kind == "error" and "status of 4" not in text:
            self.complaints.append(f"{self.page.url}: {text}")

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.address + path)

    def take(self, name: str) -> None:
        """Take the current page in every color scheme and width, and check that it doesn't scroll sideways."""
        for width in (320, *WIDTHS):
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            overflow = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if overflow > 0:
                self.complaints.append(f"{name}: {overflow} px too wide at {width}")
            for scheme in SCHEMES if width in WIDTHS else ():
                self.page.emulate_media(color_scheme=scheme)
                path = self.folder / f"{name}-{scheme}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
        print(name)

    def press(self, name: str) -> None:
        # A click alone does not wait for the page that it leads to.
        with self.page.expect_navigation():
            self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    def fill(self, name: str, text: str) -> None:
        """Type into a field, opening the row that it is folded in."""
        field = self.page.locator(f"#{name}")
        if not field.is_visible():
            self.page.locator("details", has=field).locator("summary").click()
        field.fill(text)

    def check(self, *values: str) -> None:
        for value in values:
            self.page.locator(f"input[value='{value}']").check()


def take_login(camera: Photographer) -> None:
    camera.open("/")
    camera.take("login")
    camera.press("Log in")
    camera.take("login-error")
    camera.page.fill("#username", "alice")
    camera.press("Log in")
    camera.take("home-empty")
    camera.open("/account/apps")
    camera.take("connected-apps-empty")


def take_first_flow(camera: Photographer) -> None:
    """Take a first flow, from the button on the home page to the tokens."""
    camera.open("/")
    for button, name in (
        ("Run your first flow", "try-it"),
        ("Run the flow", ""),
        ("Allow", "try-it-code"),
        ("Exchange the code", "try-it-tokens"),
        ("Call UserInfo", "try-it-userinfo"),
    ):
        camera.press(button)
        if name:
            camera.take(name)
    camera.open("/callback?code=gwac_4o9mzsWkXYyPkgbm4lTrGqJ3nXtH1vQe")
    camera.take("callback-by-hand")


def take_client(camera: Photographer) -> tuple[str, str]:
    """Take the life of a client; return its page, and the link by which it asks for access."""
    page = camera.page
    camera.open("/create_client")
    camera.take("create-client")
    for preset in ("web", "spa", "native", "machine", "device", "grafana", "mcp", "other"):
        camera.open(f"/create_client?type={preset}")
        camera.take(f"create-client-{preset}")
    camera.open("/create_client?type=other")
    page.fill("#client_uri", "photos")
    camera.check("client_credentials", "implicit")
    camera.press("Create client")
    camera.take("create-client-errors")
    page.fill("#client_name", "Photo Press")
    page.fill("#client_uri", "https://photos.example")
    page.fill("#redirect_uri", REDIRECT_URI)
    page.locator("input[value='implicit']").uncheck()
    camera.check("authorization_code", "refresh_token", "client_credentials", "password")
    camera.press("Create client")
    camera.take("client-created")
    link = page.locator("a[href*='/oauth/authorize']").first.get_attribute("href")
    with page.expect_navigation():
        page.get_by_role("link", name="Go to client").click()
    camera.take("client")
    address = page.url
    for name in ("settings", "access", "try"):
        camera.open(f"{address}/{name}")
        camera.take(f"client-{name}")
    return address, link or ""


def take_client_changes(camera: Photographer, client_page: str) -> None:
    for name, path in (("edit-client", "edit"), ("rotate-secret", "rotate_secret"), ("delete-client", "delete")):
        camera.open(f"{client_page}/{path}")
        camera.take(name)
    camera.open(f"{client_page}/rotate_secret")
    camera.press("Create a new secret")
    camera.take("secret-rotated")


def create_another_client(camera: Photographer, name: str) -> None:
    camera.open("/create_client?type=other")
    camera.page.fill("#client_name", name)
    camera.page.fill("#redirect_uri", REDIRECT_URI)
    camera.check("none")
    camera.press("Create client")


def take_apis(camera: Photographer) -> None:
    """Take the life of an API: none yet, its form, its page with a client, its deletion."""
    page = camera.page
    camera.open("/")
    client_id = page.locator("table.list td code").first.text_content()
    camera.open("/apis")
    camera.take("apis-empty")
    camera.open("/create_api")
    camera.take("register-api")
    page.fill("#identifier", "photos")
    page.fill("#scopes", "photos.read")
    page.locator("main summary").click()
    page.fill("#access_token_seconds", "soon")
    camera.press("Register API")
    camera.take("register-api-errors")
    page.fill("#identifier", "https://api.photos.example")
    page.fill("#name", "Photos")
    page.fill("#scopes", "photos.read See your photos\nphotos.write Add photos and delete them")
    page.locator("input[name='opens'][value='some']").check()
    page.fill("#open_scope", "photos.read")
    page.fill("#access_token_seconds", "300")
    camera.press("Register API")
    api = page.url
    camera.open(f"{api}/client")
    page.fill("#client", client_id)
    camera.check("client_credentials", "photos.read")
    camera.take("allow-client")
    camera.press("Save")
    camera.take("api")
    for name, path in (("edit-api", "edit"), ("delete-api", "delete")):
        camera.open(f"{api}/{path}")
        camera.take(name)
    camera.open("/create_api")
    page.fill("#identifier", "https://tools.photos.example/mcp")
    page.fill("#name", "Photo tools")
    camera.press("Register API")
    camera.open("/apis")
    camera.take("apis")


def take_consent(camera: Photographer, link: str, name: str = "consent") -> None:
    camera.open(link)
    camera.take(name)
    # The yes is given in a tab of its own, whose way ends at the client: no such host answers.
    tab = camera.page.context.new_page()
    tab.goto(link)
    with tab.expect_event("requestfailed"):
        tab.get_by_role("button", name="Allow", exact=True).click()
    tab.close()
    camera.open("/account/apps")
    camera.take("connected-apps")


def take_stranger(camera: Photographer) -> None:
    """Take what differs for an application that registered itself: the warning, the way in, the way out."""
    metadata = {
        "client_name": "Postcards",
        "redirect_uris": [REDIRECT_URI],
        "client_uri": "https://photos.example",
        "policy_uri": "https://photos.example/privacy",
        "tos_uri": "https://photos.example/terms",
        "initiate_login_uri": "https://photos.example/login",
        "post_logout_redirect_uris": [REDIRECT_URI],
    }
    client_id = camera.page.request.post(f"{camera.address}/oauth/register", data=metadata).json()["client_id"]
    asked = {
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "openid profile email",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    take_consent(camera, f"{camera.address}/oauth/authorize?{urlencode(asked)}", "consent-self-registered")
    camera.open(f"/oauth/logout?{urlencode({'client_id': client_id, 'post_logout_redirect_uri': REDIRECT_URI})}")
    camera.take("end-session")


def take_device(camera: Photographer) -> None:
    """Take the pages on which a person lets a television in."""
    page = camera.page
    camera.open("/create_client?type=other")
    page.fill("#client_name", "Weekend Television")
    camera.check("urn:ietf:params:oauth:grant-type:device_code", "refresh_token", "none")
    page.locator("input[value='authorization_code']").uncheck()
    camera.press("Create client")
    client_id = page.locator("#client_id").inner_text()
    codes = page.request.post(f"{camera.address}/oauth/device_authorization", form={"client_id": client_id}).json()
    camera.open("/device")
    camera.take("device")
    page.fill("#user_code", "BBBB-BBBB")
    camera.press("Continue")
    camera.take("device-error")
    camera.open(codes["verification_uri_complete"])
    camera.take("device-scanned")
    camera.press("Continue")
    camera.take("device-decision")
    camera.press("Allow")
    camera.take("device-connected")


def take_account(camera: Photographer) -> None:
    page = camera.page
    camera.open("/account")
    camera.take("account")
    camera.fill("name", "Alice Liddell")
    camera.fill("email", "alice at example.org")
    camera.fill("birthdate", "4 May 1852")
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name="Save", exact=True).first.click()
    camera.take("account-errors")
    camera.open("/account/history")
    camera.take("security-history")
    for name, path in (("delete-account", "delete"), ("sign-out-everywhere", "sessions/sign_out_everywhere")):
        camera.open(f"/account/{path}")
        camera.take(name)
    # A second browser, so that there is a session to end.
    phone = page.context.browser.new_context(
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/18.5 Mobile/15E148 Safari/604.1"
    )
    other = phone.new_page()
    other.goto(camera.address + "/")
    other.fill("#username", "alice")
    with other.expect_navigation():
        other.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()
    phone.close()
    camera.open("/account/sessions")
    camera.take("sessions")


def take_passkeys(camera: Photographer) -> None:
    """Take the pages of passkeys at localhost, as browsers refuse them at 127.0.0.1, with a virtual authenticator."""
    page = camera.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    address = camera.address.replace("127.0.0.1", "localhost")
    camera.open("/account/passkeys")
    camera.take("passkeys-elsewhere")
    camera.open(f"{address}/?next=/account/passkeys")
    page.fill("#username", "alice")
    camera.press("Log in")
    camera.take("passkeys-empty")
    camera.press("Add a passkey")
    camera.press("I've saved them")
    page.locator("main summary").click()
    camera.take("passkeys")
    with page.expect_navigation():
        page.get_by_role("link", name="Remove").click()
    camera.take("remove-passkey")
    camera.open(f"{address}/login/passkey/offer")
    camera.take("passkey-offer")
    # Otherwise the device answers as soon as the login page is there.
    devtools.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device, "enabled": False})
    camera.open(f"{address}/?again=1")
    camera.take("passkey-login")
    devtools.send("WebAuthn.disable")
    devtools.detach()


def take_people(camera: Photographer) -> None:
    camera.open("/groups")
    camera.take("groups-empty")
    camera.fill("name", "grafana-admins")
    camera.fill("label", "Grafana administrators")
    camera.press("Create group")
    camera.fill("usernames", "alice")
    camera.press("Add")
    camera.take("group")
    for name, path in (
        ("people", "/people"), ("person", "/people/1"), ("groups", "/groups"), ("events", "/events"),
        ("delete-group", "/groups/grafana-admins/delete"),
    ):  # fmt: skip
        camera.open(path)
        camera.take(name)


def take_mail(camera: Photographer) -> None:
    """Take the demo's emails, and the pages of an email address that is being verified."""
    page = camera.page
    camera.open("/account/email")
    camera.take("email-address")
    page.fill("#email", "alice@wonderland.example")
    camera.press("Send the link")
    while not page.get_by_role("link", name="Open the link").count():
        page.wait_for_timeout(200)
        camera.open("/dev/mail")
    camera.take("dev-mail")
    link = page.get_by_role("link", name="Open the link").first.get_attribute("href")
    camera.open(page.get_by_role("link", name="Show as HTML").first.get_attribute("href") or "")
    camera.take("email")
    camera.open((link or "").removeprefix(camera.address))
    camera.take("verify-email")
    camera.press("Confirm the address")
    camera.take("email-confirmed")


def take_forgotten_password(camera: Photographer) -> None:
    page = camera.page
    camera.open("/forgot_password")
    camera.take("forgot-password")
    page.fill("#username", "ada")
    camera.press("Send the link")
    camera.take("forgot-password-sent")


def take_production(camera: Photographer) -> None:
    page = camera.page
    camera.open("/")
    camera.take("production-login")
    take_forgotten_password(camera)
    camera.open("/")
    while not page.get_by_text("Too many failed logins").count():
        page.fill("#username", "nobody")
        page.fill("#password", "guess")
        camera.press("Log in")
    camera.take("production-login-throttled")
    page.fill("#username", "ada")
    page.fill("#password", PASSWORD)
    camera.press("Log in")
    camera.open("/account/password")
    camera.take("production-password")
    page.fill("#password", "wrong")
    page.fill("#new_password", "short")
    page.fill("#new_password_again", "short")
    camera.press("Change password")
    camera.take("production-password-errors")
    take_second_factors(camera)


def take_joining(camera: Photographer) -> None:
    """Take an invitation from its form to the account, and the sign-up."""
    page = camera.page
    camera.open("/")
    camera.take("login-or-sign-up")
    page.fill("#username", "ada")
    page.fill("#password", PASSWORD)
    camera.press("Log in")
    camera.open("/invitations")
    camera.take("invitations-empty")
    camera.press("Create invitation")
    camera.take("invitations-errors")
    page.fill("#note", "Photographers' club")
    camera.check("photographers")
    page.fill("#uses", "20")
    camera.press("Create invitation")
    camera.take("invitation-created")
    link = page.locator("#invitation_link").text_content() or ""
    camera.open("/invitations")
    camera.take("invitations")
    camera.open("/people/new")
    camera.take("new-person")
    page.fill("#username", "nina")
    camera.press("Create account")
    camera.take("new-person-link")
    for name, path in (
        ("disable-person", "/people/2/disable"), ("reset-factors", "/people/2/factors"),
        ("person-link", "/people/2/link"), ("grant-role", "/people/2/roles/helpdesk/grant"),
    ):  # fmt: skip
        camera.open(path)
        camera.take(name)
    camera.press("Grant the role")
    camera.take("person-with-role")
    camera.open("/groups/photographers/roles/developer/grant")
    camera.take("grant-role-to-group")
    # A role ends the links of its person, so another one sets a password.
    camera.open("/people/new")
    page.fill("#username", "oscar")
    camera.press("Create account")
    first_password = page.locator("main code").first.text_content() or ""
    take_newcomers(camera, link)
    take_required_factor(camera, first_password, create_guarded_client(camera))


def create_guarded_client(camera: Photographer) -> str:
    """Create a client that demands a second factor; return the address by which it asks for access."""
    create_another_client(camera, "Payroll")
    client_id = camera.page.locator("#client_id").inner_text()
    with camera.page.expect_navigation():
        camera.page.get_by_role("link", name="Go to client").click()
    camera.open(f"{camera.page.url}/access")
    camera.page.locator("input[name='factor']").nth(1).check()
    camera.press("Save")
    camera.take("client-access-set")
    asked = {
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    return f"{camera.address}/oauth/authorize?{urlencode(asked)}"


def take_required_factor(camera: Photographer, first_password: str, address: str) -> None:
    """Take what somebody without a second factor sees of an application that demands one."""
    with camera.page.context.browser.new_context(ignore_https_errors=True) as context:
        guest = Photographer(context.new_page(), camera.address, camera.folder)
        guest.open(first_password)
        guest.take("first-password")
        guest.page.fill("#new_password", PASSWORD)
        guest.page.fill("#new_password_again", PASSWORD)
        guest.press("Set password")
        guest.take("first-password-set")
        guest.open(address)
        guest.page.fill("#username", "oscar")
        guest.page.fill("#password", PASSWORD)
        guest.press("Log in")
        guest.take("required-factor")
    camera.complaints += guest.complaints


def take_newcomers(camera: Photographer, link: str) -> None:
    """Take what newcomers see of an invitation and of a sign-up."""
    page = camera.page
    with page.context.browser.new_context(ignore_https_errors=True) as context:
        guest = Photographer(context.new_page(), camera.address, camera.folder)
        guest.open(link)
        guest.take("join")
        guest.page.fill("#username", "ceo@photos.example")
        guest.page.fill("#new_password", "photos")
        guest.press("Create account")
        guest.take("join-errors")
        guest.open("/join?token=expired")
        guest.take("invitation-expired")
        guest.open("/sign_up")
        guest.take("sign-up")
        guest.page.fill("#email", "grace@photos.example")
        guest.press("Send the link")
        guest.take("sign-up-sent")
    camera.complaints += guest.complaints


def take_second_factors(camera: Photographer) -> None:
    """Take the setup of an authenticator app, what comes of it, and the login that asks for it."""
    page = camera.page
    camera.open("/account/authenticator_app")
    camera.take("authenticator-app")
    codes = pyotp.TOTP(page.locator("code.secret").text_content() or "")
    page.fill("#code", codes.now())
    camera.press("Continue")
    camera.take("recovery-codes")
    for name, path in (("authenticator-app-set-up", "authenticator_app"), ("recovery-codes-left", "recovery_codes")):
        camera.open(f"/account/{path}")
        camera.take(name)
    camera.open("/account")
    camera.take("production-account")
    camera.open("/logout")
    camera.press("Log out")
    camera.open("/")
    page.fill("#username", "ada")
    page.fill("#password", PASSWORD)
    camera.press("Log in")
    camera.take("second-factor")
    page.fill("#code", "000000")
    camera.press("Continue")
    page.get_by_text("Use a recovery code").click()
    camera.take("second-factor-errors")


def take_the_rest(camera: Photographer, link: str) -> None:
    camera.open("/oauth/authorize?client_id=unknown&response_type=code")
    camera.take("oauth-error")
    camera.open("/nowhere")
    camera.take("not-found")
    camera.open("/logout")
    camera.take("logout")
    camera.press("Log out")
    camera.take("logged-out")
    camera.open("/oauth/logout")
    camera.take("session-ended")
    camera.open(link)
    camera.take("login-for-client")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_demo(instance: str) -> Iterator[str]:
    """Serve the demo from a temporary instance folder; yield its address."""
    settings = {
        "AUTHLIB_INSECURE_TRANSPORT": "1",
        "OAUTH2_INSTANCE_PATH": instance,
        "OAUTH2_REGISTRATION": "open",
    }
    with running(settings, "http", []) as address:
        yield address


@contextmanager
def running_production(instance: str, more: dict[str, str] | None = None) -> Iterator[str]:
    """Serve a production over https, with a certificate that nobody signed and one user; yield its address.

    With ``more`` settings, the user is an operator.
    """
    settings = {
        "OAUTH2_DEMO": "0",
        "OAUTH2_INSTANCE_PATH": instance,
        "SECRET_KEY": secrets.token_urlsafe(32),
        "OAUTH2_KEY_ENCRYPTION_KEY": secrets.token_urlsafe(32),
        # Nothing listens there.
        "OAUTH2_SMTP_HOST": "127.0.0.1",
        "OAUTH2_SMTP_SECURITY": "none",
        "OAUTH2_MAIL_FROM": "login@example.org",
        **(more or {}),
    }
    commands = [["users", "create", "ada", "--password", PASSWORD]]
    if more:
        commands += [["users", "set", "ada", "--operator"], ["groups", "create", "photographers"]]
    with running(settings, "https", commands) as address:
        yield address


@contextmanager
def running(settings: dict[str, str], scheme: str, commands: list[list[str]]) -> Iterator[str]:
    port = find_free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OAUTH2_", "WEBSITE_"))}
    environment |= settings
    arguments = ["--port", str(port)]
    if scheme == "https":
        environment["OAUTH2_ISSUER"] = f"https://127.0.0.1:{port}"
        arguments += ["--cert", "adhoc"]
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    for command in (["initdb"], *commands):
        subprocess.run([*flask, *command], cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    with (Path(settings["OAUTH2_INSTANCE_PATH"]) / "server.log").open("wb") as log:
        server = subprocess.Popen([*flask, "run", *arguments], cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            wait_for(port)
            yield f"{scheme}://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not start.")


def find_browser() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or sys.exit("No Chromium on the PATH: name one in CHROMIUM.")


def replace_shown_pictures() -> None:
    """Copy what was taken over the documentation's pictures of the same names."""
    for picture in SHOWN.glob("*.png"):
        if (SCREENSHOTS / picture.name).exists():
            shutil.copyfile(SCREENSHOTS / picture.name, picture)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SCREENSHOTS
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as instance, running_demo(instance) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_ARGUMENTS))
        camera = Photographer(browser.new_context().new_page(), address, folder)
        take_login(camera)
        take_first_flow(camera)
        client_page, link = take_client(camera)
        take_client_changes(camera, client_page)
        for name in ("Reading list", "Weather on the wrist"):
            create_another_client(camera, name)
        camera.open("/")
        camera.take("home")
        take_apis(camera)
        take_consent(camera, link)
        take_stranger(camera)
        take_device(camera)
        take_account(camera)
        take_mail(camera)  # before there is a passkey, which an address would be changed with
        take_passkeys(camera)
        take_people(camera)
        take_the_rest(camera, link)
        with tempfile.TemporaryDirectory() as other, running_production(other) as secure_address:
            context = browser.new_context(ignore_https_errors=True)
            secure = Photographer(context.new_page(), secure_address, folder)
            take_production(secure)
        joining = {"OAUTH2_JOINING": "open", "OAUTH2_TERMS_URL": "https://example.org/terms"}
        with tempfile.TemporaryDirectory() as other, running_production(other, joining) as secure_address:
            context = browser.new_context(ignore_https_errors=True)
            joined = Photographer(context.new_page(), secure_address, folder)
            take_joining(joined)
        browser.close()
    if folder == SCREENSHOTS:
        replace_shown_pictures()
    complaints = camera.complaints + secure.complaints + joined.complaints
    if complaints:
        sys.exit("\n".join(["Look at these:", *complaints]))


if __name__ == "__main__":
    main()
