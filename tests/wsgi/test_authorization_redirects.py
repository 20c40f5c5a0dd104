"""Authorization requests answered without Flask: as the pages answer them, and each judged once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask, request
from werkzeug.test import Client, TestResponse

from tests.support.every_page import admit
from tests.support.one_application import open_application
from tests.support.openid_client import EVERY_RESPONSE_TYPE, NONCE
from tests.support.person import REDIRECT_URI, Person, Pkce
from tests.support.token_requests import FORM, PRODUCTION
from website.oauth2 import OAuth2Request, Response
from website.resources import ResourceScope
from website.wsgi import Endpoints, OuterLayer

AUTHORIZE, API = "/oauth/authorize", "https://api.example/photos"
PKCE = Pkce().parameters
MODES = {
    "demo": {},
    "production": PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"},
    "frames of other sites": {"OAUTH2_SESSION_COOKIE_SAMESITE": "None"},
}
#: What differs between two answers to the same request.
RANDOM = (
    (r"(code|access_token|id_token|session_state|transaction)(=|%3D)[\w.-]+", r"\1=*"),
    (r"'nonce-[\w-]+'", "'nonce-*'"),
    (r"Expires=(?!Thu, 01 Jan 1970)[^;]+", "Expires=*"),
    (r"^(grantwright|__Host-grantwright)(\w*)=[^;]+", r"\1\2=*"),
)


@dataclass
class Site:
    """A client, somebody who let it in, and the same server with and without Flask for its redirects."""

    application: Flask
    client_id: str
    #: The cookies of the person's browser.
    cookies: dict[str, str]
    #: The requests that came to Flask, and those that were judged.
    at_pages: list[str] = field(default_factory=list)
    judged: list[OAuth2Request] = field(default_factory=list)

    def ask(
        self, parameters: dict[str, str | None], cookies: dict[str, str] | None = None, method: str = "GET",
        *, by_pages: bool = False,
    ) -> TestResponse:  # fmt: skip
        """Send a request, as the server is or, ``by_pages``, with all of it left to Flask."""
        wanted = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": REDIRECT_URI, "scope": "openid",
            "state": "kept", "nonce": NONCE, **PKCE, **parameters,
        }  # fmt: skip
        sent = urlencode({name: value for name, value in wanted.items() if value is not None})
        held = self.cookies if cookies is None else cookies
        server = self.application.extensions["grantwright"]
        front: Any = self.application
        if by_pages:
            front = OuterLayer(lambda *given: Flask.wsgi_app(self.application, *given), server, Endpoints(server))
        return Client(front, use_cookies=False).open(
            AUTHORIZE,
            method=method,
            base_url=server.settings.issuer or "http://127.0.0.1:5000",
            environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
            query_string=None if method == "POST" else sent,
            data=sent if method == "POST" else None,
            content_type=FORM if method == "POST" else None,
            headers={"Accept": "text/html", "Cookie": "; ".join(f"{name}={text}" for name, text in held.items())},
        )

    def name(self, suffix: str = "") -> str:
        return f"{self.application.config['SESSION_COOKIE_NAME']}{suffix}"


def write(answer: TestResponse) -> tuple[int, list[tuple[str, str]]]:
    """Return status and headers in their order, without what is random."""
    headers = []
    for name, value in answer.headers:
        for pattern, replacement in RANDOM:
            value = re.sub(pattern, replacement, value)
        is_counted = name == "X-Request-Id" or (name == "Content-Length" and value != "0")
        headers.append((name, "*" if is_counted else value))
    return answer.status_code, headers


@pytest.fixture(scope="module", params=MODES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_application(tmp_path_factory.mktemp("site"), **MODES[request.param]) as application:
        yield prepare(application)


def prepare(application: Flask) -> Site:
    registry = application.extensions["grantwright"].registry
    metadata = {
        "client_name": "Photo Press", "redirect_uris": [REDIRECT_URI], "scope": "openid profile email",
        "grant_types": ["authorization_code", "implicit"], "response_types": [*EVERY_RESPONSE_TYPE],
        "token_endpoint_auth_method": "client_secret_basic",
    }  # fmt: skip
    client, _secret = application.extensions["grantwright"].clients.create(metadata, None)
    site = Site(application, client.client_id, {})
    application.before_request(lambda: site.at_pages.append(f"{request.method} {request.path}"))
    registry.add_authorization_request_source(site.judged.append)
    registry.add_response_mode("aloud", answer_aloud)
    registry.add_response_mode("beside", answer_beside)
    registry.add_authorization_request_extension(fail_if_asked)
    person = Person(application.test_client())
    admit(person, application, "ada")
    scopes = [ResourceScope("read", "Read"), ResourceScope("list", "List")]
    application.extensions["grantwright"].resources.create(API, "Photos", scopes)
    assert person.allow(client.client_id, scope="openid profile", nonce=NONCE, **PKCE).query["code"]
    assert person.allow(client.client_id, scope="openid read", resource=API, nonce=NONCE, **PKCE).query["code"]
    person.get("/")
    door: Any = person.door
    names = [site.name(suffix) for suffix in ("", "_state", "_browser", "_cross_site")]
    site.cookies = {name: door.get_cookie(name).value for name in names if door.get_cookie(name) is not None}
    assert {site.name(), site.name("_state"), site.name("_browser")} <= site.cookies.keys()
    return site


def answer_aloud(_request: OAuth2Request, _redirect_uri: str, _pairs: Any) -> Response:
    return Response(200, (("Cache-Control", "no-store"),), b"read out")


def answer_beside(_request: OAuth2Request, redirect_uri: str, _pairs: Any) -> Response:
    return Response(302, (("Location", redirect_uri), ("Link", "<https://client.example>")))


def fail_if_asked(asked: OAuth2Request) -> None:
    if asked.payload.state == "broken":
        raise RuntimeError("an extension of one's own that fails")


Change = Callable[[Site], dict[str, str]]


def nobody(_site: Site) -> dict[str, str]:
    return {}


def without(*suffixes: str) -> Change:
    return lambda site: {name: value for name, value in site.cookies.items() if name not in map(site.name, suffixes)}


def with_cookie(suffix: str, value: str) -> Change:
    return lambda site: {**site.cookies, site.name(suffix): value}


def permanent(site: Site) -> dict[str, str]:
    signer: Any = site.application.session_interface
    signer = signer.get_signing_serializer(site.application)
    return with_cookie("", signer.dumps({**signer.loads(site.cookies[site.name()]), "_permanent": True}))(site)


#: By name: the parameters that are different, the method, the cookies.
REDIRECTS: dict[str, tuple[dict[str, str | None], str, Change | None]] = {
    **{f"a response of {name}": ({"response_type": name}, "GET", None) for name in EVERY_RESPONSE_TYPE},
    "plain OAuth": ({"scope": "profile", "nonce": None}, "GET", None),
    "a mode that is named": ({"response_mode": "query"}, "GET", None),
    "no page": ({"prompt": "none"}, "GET", None),
    "a recent login": ({"max_age": "600"}, "GET", None),
    "HEAD": ({}, "HEAD", None),
    "no state": ({"state": None}, "GET", None),
    "nobody, and no page": ({"prompt": "none"}, "GET", nobody),
    "no consent, and no page": ({"prompt": "none", "scope": "openid email"}, "GET", None),
    "a scope that is not allowed": ({"scope": "openid photos"}, "GET", None),
    "an error in the fragment": ({"response_type": "id_token", "nonce": None}, "GET", None),
    "a response type that is not there": ({"response_type": "tokens"}, "GET", None),
    "an API": ({"scope": "openid read", "resource": API}, "GET", None),
    "a token for an API": ({"scope": "openid read", "resource": API, "response_type": "token"}, "GET", None),
    "an API that is not there": ({"resource": "https://nowhere.example"}, "GET", None),
    "a scope of an API that is not named": ({"scope": "openid read"}, "GET", None),
    "no challenge": ({"code_challenge": None, "nonce": None}, "GET", None),
    "a request that expired": ({"transaction": "gone"}, "GET", None),
}  # fmt: skip
PAGES: dict[str, tuple[dict[str, str | None], str, Change | None]] = {
    "a form to post": ({"response_mode": "form_post"}, "GET", None),
    "a login": ({}, "GET", nobody),
    "a login of HEAD": ({}, "HEAD", nobody),
    "another login": ({"prompt": "login"}, "GET", None),
    "another account": ({"prompt": "select_account"}, "GET", None),
    "consent": ({"scope": "openid email"}, "GET", None),
    "consent at an API": ({"scope": "openid list", "resource": API}, "GET", None),
    "an unknown client": ({"client_id": "nobody"}, "GET", None),
    "an unknown redirect URI": ({"redirect_uri": "https://elsewhere.example"}, "GET", None),
    "a redirect URI that is missing": ({"redirect_uri": None}, "GET", None),
    "a request that expired, of an unknown client": ({"transaction": "gone", "client_id": "nobody"}, "GET", None),
    "a control character": ({"scope": "openid\x07"}, "GET", None),
    "a post": ({}, "POST", None),
    "a post that is refused": ({"scope": "photos"}, "POST", None),
    "no cookie of the state": ({}, "GET", without("_state")),
    "the state of another login": ({}, "GET", with_cookie("_state", "another")),
    "a state, and a session that ended": ({"prompt": "none"}, "GET", with_cookie("", "ended")),
    "a browser without a name": ({"transaction": "gone"}, "GET", without("_browser")),
    "a session that lasts": ({}, "GET", permanent),
    "a mode of one's own that is a page": ({"response_mode": "aloud"}, "GET", None),
    "a mode of one's own with other headers": ({"response_mode": "beside"}, "GET", None),
    "a failure": ({"state": "broken"}, "GET", None),
}  # fmt: skip


def compare(site: Site, parameters: dict[str, str | None], method: str, change: Change | None) -> TestResponse:
    """Send a request both ways, judged once each time; return the answer of the server as it is."""
    cookies = change(site) if change else None
    site.judged.clear()
    by_pages = site.ask(parameters, cookies, method, by_pages=True)
    times_judged = len(site.judged)
    site.at_pages.clear()
    site.judged.clear()
    answer = site.ask(parameters, cookies, method)
    assert write(answer) == write(by_pages)
    assert len(site.judged) == times_judged <= 1
    return answer


@pytest.mark.parametrize("case", REDIRECTS)
def test_a_redirect_needs_no_flask_and_is_the_same(site: Site, case: str) -> None:
    assert compare(site, *REDIRECTS[case]).status_code == 302
    assert site.at_pages == []


@pytest.mark.parametrize("case", PAGES)
def test_whatever_needs_a_page_goes_on_to_it_as_it_was_judged(site: Site, case: str) -> None:
    parameters, method, change = PAGES[case]
    compare(site, parameters, method, change)
    assert site.at_pages == [f"{method} {AUTHORIZE}"]


def test_the_second_cookie_of_a_login_is_put_right_by_a_page(site: Site) -> None:
    is_on = site.name("_cross_site") in site.cookies
    site.at_pages.clear()
    answer = site.ask({}, without("_cross_site")(site))
    assert bool(site.at_pages) == is_on
    assert any(site.name("_cross_site") in cookie for cookie in answer.headers.getlist("Set-Cookie")) == is_on


def test_a_login_signed_by_a_former_key_is_known_after_a_rotation(site: Site) -> None:
    config, key = site.application.config, site.application.config["SECRET_KEY"]
    try:
        config["SECRET_KEY"] = "another key, drawn when this one was to be replaced"
        assert "/?next=" in site.ask({}, without("_state")(site)).location
        config["SECRET_KEY_FALLBACKS"] = [key]
        site.at_pages.clear()
        if site.name("_cross_site") not in site.cookies:  # which a page has signed by the new key
            assert "code=" in site.ask({}).location
            assert site.at_pages == []
    finally:
        config["SECRET_KEY"], config["SECRET_KEY_FALLBACKS"] = key, None
    assert "code=" in site.ask({}).location
