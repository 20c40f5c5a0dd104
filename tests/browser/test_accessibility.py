"""Every page in every state, light and dark, wide and narrow: axe finds nothing, nothing sticks out or is too small.

The pages come from the walk over ``url_map``; the states from their forms: sent as they are meant, and sent wrongly.
Those that are looked at have among them every piece (tests/support/alike_pages.py) that is in any, in the demo or in
production; `make soak` looks at every one, in every view.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_site import ClientSite
from tests.browser.first_flow import run_first_flow
from tests.browser.form_sending import find_forms, press, read_what_comes, type_into
from tests.browser.own_site import OwnSite, Visitor, open_site
from tests.support.alike_pages import Sample, choose_pages
from tests.support.authenticator import SETUP_PAGE, Authenticator
from tests.support.every_page import NONSENSE, PASSWORD, Form, Walk, furnish, show_device, unvisited
from tests.support.kept_database import keep_database
from tests.support.mail_server import UNSENT_MAIL
from tests.support.passkeys import give_passkey
from website.errors.catalogue import CATALOGUE
from website.models.base import Base

HEIGHT = 800
#: Width and scheme: each page once in each width and once in each scheme. All four pairs are for `make soak`.
TWO_VIEWS = ((1280, "light"), (320, "dark"))
ALL_VIEWS = (*TWO_VIEWS, (1280, "dark"), (320, "light"))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
#: target-size is a rule of axe's that sleeps unless it is named.
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,
}
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 4
MOST_FAILED_LOGINS = 20
#: So many tests share the pages of an account, as one would take too long.
PARTS = 2
RUN_AXE = """async options => (await axe.run(options)).violations.flatMap(
    ({id, nodes}) => nodes.map(node => `${id}: ${node.html.slice(0, 160)} ${node.any.concat(node.all, node.none)
        .map(check => check.message).join('; ')}`))"""
#: What is smaller than 24 pixels (WCAG 2.2, 2.5.8). A box counts with its label; a link in a line of text is exempt.
FIND_SMALL_TARGETS = """() => {
    const isInText = element => element.matches('a') && getComputedStyle(element).display === 'inline'
        && element.closest('p, li, dd, td, h1')?.textContent.trim() !== element.textContent.trim();
    const size = element => {
        const boxes = [element, ...(element.labels ?? [])].map(part => part.getBoundingClientRect());
        return Math.min(Math.max(...boxes.map(box => box.width)), Math.max(...boxes.map(box => box.height)));
    };
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter(element => element.type !== 'hidden' && element.checkVisibility() && !element.matches('.skip'))
        .filter(element => !isInText(element) && size(element) < 24)
        .map(element => element.outerHTML.slice(0, 160));
}"""
#: What is required is left out, what is not is filled with nonsense.
SPOIL = """([number, nonsense]) => {
    for (const field of document.querySelectorAll('form[method=post]')[number].elements) {
        if (['checkbox', 'radio'].includes(field.type)) field.checked = false;
        else if (!['hidden', 'submit', 'fieldset'].includes(field.type)) field.value = field.required ? '' : nonsense;
    }
}"""
Views = tuple[tuple[int, str], ...]


@dataclass
class Examiner:
    """Looks at pages, each in several widths and schemes, and keeps what is wrong with them."""

    page: Page
    views: Views = TWO_VIEWS
    findings: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Half a megabyte, sent once.
        self.page.add_init_script(AXE_SCRIPT)

    def examine(self, name: str) -> None:
        """Look at the page as it stands, once its stylesheets have come: a word of it is there before they are."""
        self.page.wait_for_load_state()
        # The next page comes as this one goes: what is laid out again for nothing takes as long as to load a page.
        self.views = self.views[::-1]
        for width, scheme in self.views:
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found = [*self.page.evaluate(RUN_AXE, OPTIONS)]
            found += [f"too small: {target}" for target in self.page.evaluate(FIND_SMALL_TARGETS)]
            too_wide = self.page.evaluate("document.documentElement.scrollWidth") - width
            found += [f"{too_wide} px too wide"] if too_wide > 0 else []
            self.findings.update(dict.fromkeys(f"{name}, {scheme}, {width} px: {finding}" for finding in found))

    def visit(self, address: str) -> None:
        self.page.goto(address)
        self.examine(address)

    def report(self) -> None:
        assert not self.findings, "\n".join(self.findings)


def press_and_follow(page: Page, form: Form) -> None:
    page.evaluate("document.documentElement.className = 'former'")
    if "attachment" not in press(page, form).headers.get("content-disposition", ""):
        page.locator("html:not(.former)").wait_for()
        page.wait_for_load_state()


def examine_pages(chromium: Browser, site: OwnSite, person: Visitor | None, addresses: list[str], look: Look) -> None:
    with site.open_browser(chromium, person) as context:
        examiner = Examiner(context.new_page(), look.views)
        for address in addresses:
            examiner.visit(address)
        examiner.report()


@dataclass(frozen=True)
class Look:
    """In which views pages are looked at; with a sample, only those in which there is something new."""

    views: Views
    sample: Sample | None = None


@pytest.fixture(scope="module")
def pages_of_long_names() -> Sample:
    """What was looked at with names that are as long as names get: it does for shorter ones as well."""
    return Sample()


@pytest.fixture(scope="module")
def pages_of_any_names(pages_of_long_names: Sample) -> Sample:
    return Sample(other=pages_of_long_names)


@pytest.fixture(params=["one of each kind", pytest.param("every page and view", marks=pytest.mark.soak)])
def is_whole(request: pytest.FixtureRequest) -> bool:
    return request.param == "every page and view"


@pytest.fixture
def views(is_whole: bool) -> Views:
    return ALL_VIEWS if is_whole else TWO_VIEWS


@pytest.fixture
def look(is_whole: bool, views: Views, pages_of_any_names: Sample) -> Look:
    return Look(views, None if is_whole else pages_of_any_names)


@pytest.fixture
def look_at_long_names(is_whole: bool, views: Views, pages_of_long_names: Sample) -> Look:
    return Look(views, None if is_whole else pages_of_long_names)


@dataclass
class Furnished:
    """A site, somebody there who has something of everything, and the pages of theirs that are looked at."""

    site: OwnSite
    person: Visitor
    walk: Walk
    chosen: dict[bool, list[str]] = field(default_factory=dict)

    def choose(self, sample: Sample | None) -> list[str]:
        if (sample is None) not in self.chosen:
            self.chosen[sample is None] = choose_pages(self.walk, sample)
        return self.chosen[sample is None]


@pytest.fixture(scope="module", params=["demo", "production"])
def furnished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, client_site: ClientSite
) -> Iterator[Furnished]:
    with open_site(tmp_path_factory.mktemp("furnished"), is_demo=request.param == "demo") as site:
        person = site.admit(LONG)
        consent = furnish(person, client_site.redirect_uri, name=LONG)
        give_passkey(site.application, LONG)
        yield Furnished(site, person, Walk(person, site.application, consent, show_device(person, LONG)))


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_of_an_account_that_has_everything(
    chromium: Browser, furnished: Furnished, part: int, look_at_long_names: Look
) -> None:
    assert unvisited(furnished.site.application, [furnished.walk]) == []
    addresses = furnished.choose(look_at_long_names.sample)[part::PARTS]
    examine_pages(chromium, furnished.site, furnished.person, addresses, look_at_long_names)


def test_pages_of_an_account_that_has_nothing(chromium: Browser, own_site: OwnSite, look: Look) -> None:
    person = own_site.admit("newcomer")
    addresses = choose_pages(Walk(person, own_site.application), look.sample)
    examine_pages(chromium, own_site, person, addresses, look)


def test_pages_of_nobody(chromium: Browser, own_site: OwnSite, client_site: ClientSite, look: Look) -> None:
    consent = furnish(own_site.admit("developer"), client_site.redirect_uri)
    # The request of a client leads to the login page that says so.
    walk = Walk(Visitor(own_site), own_site.application, consent)
    assert any("next=" in address for address in walk.pages)
    examine_pages(chromium, own_site, None, choose_pages(walk, look.sample), look)


def test_pages_of_second_factors(chromium: Browser, own_site: OwnSite, views: Views) -> None:
    person = own_site.admit("careful")
    with own_site.open_browser(chromium, person) as context:
        examiner = Examiner(context.new_page(), views)
        page = examiner.page
        examiner.visit(SETUP_PAGE)
        text = page.locator("code.secret").text_content() or ""
        app = Authenticator(base64.b32decode(text + "=" * (-len(text) % 8)))
        page.fill("#code", app.code())
        page.locator("main form button:not(.reveal)").last.click()
        page.locator(".recovery-codes").wait_for()
        examiner.examine("recovery codes")
        for address in ("/account", SETUP_PAGE, "/account/recovery_codes"):
            examiner.visit(address)
        context.clear_cookies()
        page.goto("/")
        page.fill("#username", "careful")
        if page.locator("#password").count():
            page.fill("#password", PASSWORD)
        page.locator("main form button:not(.reveal)").last.click()
        page.locator("#code").wait_for()
        examiner.examine("second factor")
        page.fill("#code", "000000")
        page.locator("main form button:not(.reveal)").first.click()
        page.locator("#code-error").wait_for()
        page.locator("details.more summary").click()
        examiner.examine("wrong second factor")
        examiner.report()


def test_pages_of_a_required_second_factor(chromium: Browser, own_site: OwnSite, views: Views) -> None:
    own_site.admit("required")
    command = own_site.application.test_cli_runner().invoke(args=["users", "require-factor", "required"])
    assert command.exit_code == 0, command.output
    with own_site.open_browser(chromium) as context:
        examiner = Examiner(context.new_page(), views)
        page = examiner.page
        page.goto("/")
        page.fill("#username", "required")
        if page.locator("#password").count():
            page.fill("#password", PASSWORD)
        page.locator("main form button:not(.reveal)").last.click()
        page.locator("code.secret").wait_for(state="attached")
        examiner.examine("second factor to set up")
        page.locator("main summary").first.click()
        page.fill("#code", "000000")
        page.locator("main form button:not(.reveal)").first.click()
        page.locator("#code-error").wait_for()
        examiner.examine("wrong code of a second factor to set up")
        examiner.report()


def test_pages_of_joining(chromium: Browser, tmp_path_factory: pytest.TempPathFactory, views: Views) -> None:
    settings = {"OAUTH2_JOINING": "open", "OAUTH2_TERMS_URL": "https://terms.example/1", **UNSENT_MAIL}
    with open_site(tmp_path_factory.mktemp("joining"), is_demo=False, **settings) as site:
        operator = site.admit("operator")
        with site.open_browser(chromium, operator) as context:
            examiner = Examiner(context.new_page(), views)
            page, button = examiner.page, "main form button:not(.reveal, .small)"
            examiner.visit("/invitations")
            page.locator(button).last.click()
            page.locator(".field-error").first.wait_for()
            examiner.examine("invitation without a note")
            page.fill("#note", LONG)
            page.locator(button).last.click()
            link = page.locator("#invitation_link").text_content()
            examiner.examine("invitation")
            examiner.visit("/invitations")
            page.goto("/people/new")
            page.fill("#username", "nina")
            page.locator(button).last.click()
            page.locator("main code").wait_for()
            examiner.examine("link for a first password")
            first_password = page.locator("main code").text_content() or ""
            context.clear_cookies()
            examiner.visit(first_password)
            for address in ("/", "/sign_up", "/join", link or ""):
                examiner.visit(address)
            page.fill("#username", "admin")
            page.locator(button).click()
            page.locator(".field-error").first.wait_for()
            examiner.examine("invitation that isn't accepted")
            page.goto("/sign_up")
            page.fill("#email", f"{LONG[:60]}@people.example")
            page.locator(button).click()
            page.get_by_text("Check your email").first.wait_for()
            examiner.examine("sign-up sent")
            examiner.report()


def test_pages_of_a_first_flow(chromium: Browser, demo: OwnSite, views: Views) -> None:
    with demo.open_browser(chromium) as context:
        examiner = Examiner(context.new_page(), views)
        run_first_flow(examiner.page, examiner.examine)
        examiner.report()


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.soak)])
def test_pages_of_error_codes(chromium: Browser, demo: OwnSite, every: int) -> None:
    """One template has them all, in the demo and in production, so a few of them stand for the rest."""
    with demo.open_browser(chromium) as context:
        examiner = Examiner(context.new_page())
        for code in [*CATALOGUE][::every]:
            examiner.visit(f"/errors/{code}")
        examiner.report()


def test_pages_of_errors(chromium: Browser, own_site: OwnSite) -> None:
    with own_site.open_browser(chromium, own_site.admit("erring")) as context:
        examiner = Examiner(context.new_page())
        for address in ("/nowhere", "/oauth/authorize?client_id=unknown", f"/{'long' * 1000}"):
            examiner.visit(address)
        examiner.page.goto("/create_client?type=other")
        context.clear_cookies()
        examiner.page.locator("main form button:not(.reveal)").click()
        examiner.page.wait_for_url(re.compile(r"[?&]next="))
        examiner.examine("form that had expired")
        # A form of nobody's: its page has no origin.
        address = urljoin(examiner.page.url, "/create_client")
        examiner.page.goto("about:blank")
        examiner.page.set_content(f'<form method="post" action="{address}"><button>Send</button></form>')
        with examiner.page.expect_navigation() as navigation:
            examiner.page.get_by_role("button").click()
        assert navigation.value.status == 400
        examiner.examine("form that is not taken")
        examiner.report()


def test_page_of_a_server_without_tables(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        open_site(tmp_path_factory.mktemp("without_tables")) as site,
        site.open_browser(chromium) as context,
    ):
        Base.metadata.drop_all(site.application.extensions["grantwright"].database.engine)
        page = context.new_page()
        page.goto("/create_client")
        examiner = Examiner(page)
        examiner.visit("/?next=/create_client")
        examiner.report()


@dataclass(frozen=True)
class Sending:
    """A site, and somebody there who sends its forms, each of which finds it as it was."""

    site: OwnSite
    person: Visitor
    forms: list[Form]
    go_back: Callable[[], None]


@pytest.fixture(scope="module", params=["demo", "production"])
def sending(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, client_site: ClientSite
) -> Iterator[Sending]:
    with open_site(tmp_path_factory.mktemp("sending"), is_demo=request.param == "demo") as site:
        person, forms = find_forms(site, client_site)
        with keep_database(site.application) as go_back:
            yield Sending(site, person, forms, go_back)


@pytest.mark.parametrize("is_spoilt", [False, True], ids=["as they are meant", "wrongly"])
def test_forms_that_are_sent(chromium: Browser, sending: Sending, is_spoilt: bool, look: Look) -> None:
    site, person = sending.site, sending.person
    with site.open_browser(chromium) as context:
        examiner = Examiner(context.new_page(), look.views)
        for form in sending.forms:
            if is_spoilt and not form.is_to_be_filled_in:
                continue
            sending.go_back()
            if look.sample:
                markup = read_what_comes(site, person, form, is_spoilt=is_spoilt)
                if not (markup and look.sample.takes(markup)):
                    continue
                sending.go_back()
            site.hand_over(context, person)
            send(examiner, site, form, is_spoilt)
        examiner.report()


def send(examiner: Examiner, site: OwnSite, form: Form, is_spoilt: bool) -> None:
    """Send a form and look at what comes of it."""
    page = examiner.page
    page.goto(form.page)
    if is_spoilt:
        page.evaluate(SPOIL, [form.number, NONSENSE])
    else:
        type_into(page, form)
    press_and_follow(page, form)
    if page.url.startswith(site.url):
        examiner.examine(f"{form.action} sent {'wrongly' if is_spoilt else 'as it is meant'}")


def test_login_that_fails_again_and_again(chromium: Browser, own_site: OwnSite) -> None:
    with own_site.open_browser(chromium) as context:
        page = context.new_page()
        examiner = Examiner(page)
        page.goto("/")
        page.locator("main form button:not(.reveal)").click()
        expect(page.locator(".field-error")).to_be_visible()
        examiner.examine("login without a name")
        if not own_site.is_demo:
            for _ in range(MOST_FAILED_LOGINS):
                page.get_by_label("Username").fill("nobody")
                page.get_by_label("Password", exact=True).fill("not it")
                with page.expect_navigation():
                    page.locator("main form button:not(.reveal)").click()
                if page.get_by_text("Too many failed logins").count():
                    break
            expect(page.locator(".field-error")).to_contain_text("Too many failed logins")
            examiner.examine("login that has to wait")
        examiner.report()
