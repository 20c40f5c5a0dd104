"""The single-page application in Chromium: flows, what it leaves behind, what neither it nor the server lets pass."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.examples.conftest import Example
from tests.support.waiting import ANSWER_SECONDS

#: Ask the API by a script of the page; the answer's status, or what the browser says instead.
ASK_API = """address => fetch(`${address}/api/me`, {headers: {Authorization: "Bearer made-up"}})
    .then(response => response.status, error => error.name)"""
ASK_TOKEN = """address => fetch(`${address}/oauth/token`, {method: "POST", body: new URLSearchParams()})
    .then(response => response.status, error => error.name)"""


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("spa")


@pytest.fixture
def address(example: Example) -> str:
    return example.url(5002) + "/"


@pytest.fixture
def complaints(page: Page, address: str) -> list[str]:
    """What the browser has to say about the application's page: a policy that stops the page's own parts, say."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if page.url.startswith(address) else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def log_in(page: Page, address: str, username: str) -> None:
    page.set_default_timeout(ANSWER_SECONDS * 1000)
    page.goto(address)
    page.get_by_role("button", name="Log in with Grantwright").click()
    page.get_by_label("name").fill(username)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator("#username")).to_have_text(username)


def begin_login(page: Page, address: str) -> str:
    """Begin a login, and come as far as the provider; return the state."""
    page.goto(address)
    page.get_by_role("button", name="Log in with Grantwright").click()
    page.get_by_label("name").wait_for()
    return dict(parse_qsl(urlsplit(parse_qs(urlsplit(page.url).query)["next"][0]).query))["state"]


def test_person_logs_in_refreshes_and_logs_out(page: Page, address: str, complaints: list[str]) -> None:
    tokens: list[str] = []
    page.on("request", lambda request: tokens.append(request.headers.get("authorization", "")))
    log_in(page, address, "alice")
    until = page.locator("#until").inner_text()

    page.wait_for_timeout(1100)
    page.get_by_role("button", name="Refresh the token").click()
    expect(page.locator("#until")).not_to_have_text(until)
    page.get_by_role("button", name="Ask the API again").click()
    expect(page.locator("#username")).to_have_text("alice")

    with page.expect_response("**/oauth/revoke") as revoked:
        page.get_by_role("button", name="Log out").click()
    assert revoked.value.status == 200
    expect(page.get_by_role("status")).to_contain_text("You're logged out here")
    expect(page.get_by_role("button", name="Log in with Grantwright")).to_be_visible()
    assert complaints == []

    # Both access tokens are dead: the grant was revoked.
    used = dict.fromkeys(token for token in tokens if token)
    assert len(used) == 2
    for token in used:
        assert page.request.get(f"{provider_of(page)}/api/me", headers={"Authorization": token}).status == 401


def provider_of(page: Page) -> str:
    return str(page.evaluate("fetch('settings.json').then(response => response.json())")["issuer"])


def test_nothing_is_left_where_something_could_find_it(page: Page, address: str) -> None:
    log_in(page, address, "bob")

    assert page.url == address
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"
    # Cookies ignore ports: the provider of this machine has one for scripts to read, which leads to no login.
    assert {name.partition("=")[0] for name in page.evaluate("document.cookie").split("; ")} <= {"grantwright_state"}
    page.reload()
    expect(page.get_by_role("button", name="Log in with Grantwright")).to_be_visible()
    expect(page.locator("#logged-in")).to_be_hidden()


@pytest.mark.parametrize(
    ("changes", "notice"),
    [
        ({"state": "another"}, "This login wasn't started here."),
        ({"iss": "https://evil.example"}, "This response isn't from Grantwright."),
        ({"iss": ""}, "This response isn't from Grantwright."),
        ({"error": "access_denied"}, "The login failed: access_denied."),
    ],
    ids=str,
)
def test_wrong_answer_is_refused_before_its_code_is_used(
    example: Example, page: Page, address: str, changes: dict[str, str], notice: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = {"code": "stolen", "state": begin_login(page, address), "iss": example.provider.url}

    page.goto(f"{address}?{urlencode(answer | changes)}")

    expect(page.get_by_role("status")).to_have_text(notice)
    assert not [url for url in asked if url.endswith("/oauth/token")]
    assert page.url == address
    # It works once: the right answer after the wrong one is too late.
    page.goto(f"{address}?{urlencode(answer)}")
    expect(page.get_by_role("status")).to_have_text("This login wasn't started here.")


def test_access_that_was_taken_back_ends_the_login(example: Example, page: Page, address: str) -> None:
    log_in(page, address, "carol")

    example.sign_out_everywhere(example.log_in("carol"))
    page.get_by_role("button", name="Ask the API again").click()

    expect(page.get_by_role("status")).to_contain_text("status 401")
    expect(page.get_by_role("button", name="Log in with Grantwright")).to_be_visible()


def test_provider_answers_the_registered_origin_only(example: Example, page: Page, address: str) -> None:
    provider = example.provider.url
    page.goto(address)
    assert page.evaluate(ASK_API, provider) == 401
    assert page.evaluate(ASK_TOKEN, provider) == 400

    # The same files under another name are another origin.
    page.goto(address.replace("127.0.0.1", "localhost"))
    assert page.evaluate(ASK_API, provider) == "TypeError"
    assert page.evaluate(ASK_TOKEN, provider) == "TypeError"


def test_policy_lets_nothing_in_and_nothing_out(page: Page, address: str, complaints: list[str]) -> None:
    page.goto(address)
    third = address.replace("127.0.0.1", "localhost")

    assert page.evaluate("third => fetch(third).then(() => 'sent', error => error.name)", third) == "TypeError"
    page.evaluate(
        """() => { const script = document.createElement("script");
        try { script.textContent = "document.title = 'taken'"; document.body.append(script); } catch {} }"""
    )
    assert page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
    ) == ("TypeError")
    assert page.title() == "Single-page application"
    assert any("connect-src" in complaint for complaint in complaints)


def test_page_says_when_the_provider_does_not_answer(example: Example, page: Page, address: str) -> None:
    page.route(f"{example.provider.url}/**", lambda route: route.abort())

    page.goto(address)

    expect(page.get_by_role("status")).to_have_text("Grantwright isn't responding.")
