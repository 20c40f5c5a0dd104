"""A waiting request is answered in the browser it began in, by a login as young as it asks for, or expires aloud."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import time_machine
from flask import Flask

from tests.support.embedding_host import PREFIX, Host, Visitor
from tests.support.every_page import PASSWORD, admit
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, RegisteredClient, code_of
from tests.support.token_requests import PRODUCTION

START = 1_900_000_000
MODES = {"demo": {}, "production": PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}}
#: What a client may ask that needs a login of its own.
NEW_LOGINS = [
    {"prompt": "login"},
    {"prompt": "login", "max_age": "0"},
    {"prompt": "select_account"},
    {"max_age": "0"},
    {"max_age": "3600"},
]


@dataclass
class Site:
    """A server with one client, and time that stands still until it is moved."""

    application: Flask
    client: RegisteredClient
    clock: Any

    def browser(self, username: str = "") -> Person:
        person = Person(self.application.test_client())
        if username:
            admit(person, self.application, username)
        return person

    def ask(self, person: Person, **asked: str) -> Answer:
        return person.ask(self.client, scope="profile", state="s1", **Pkce().parameters, **asked)

    def next_of(self, answer: Answer) -> str:
        assert answer.status in (302, 303), answer.text
        assert urlsplit(answer.location).path == "/"
        return answer.query["next"]

    def log_in(self, person: Person, answer: Answer, username: str = "ada") -> Answer:
        page = person.get(answer.location)
        return person.post(answer.location, {**page.hidden_fields(), "username": username, "password": PASSWORD})


@dataclass(frozen=True)
class Furnished:
    """A folder with a server's database and secrets, in which ada has a client; tests take copies of it."""

    config: dict[str, Any]
    folder: Path
    client_id: str


@pytest.fixture(scope="module", params=MODES)
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    config = {**MODES[request.param], "OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    folder = tmp_path_factory.mktemp("furnished")
    with time_machine.travel(START, tick=False), open_application(folder, **config) as application:
        admit(Person(application.test_client()), application, "ada")
        made = application.test_cli_runner().invoke(
            args=[
                "clients",
                "create",
                "Photo Press",
                "--redirect-uri",
                REDIRECT_URI,
                "--auth-method",
                "none",
                "--grant-type",
                "authorization_code",
                "--scope",
                "openid profile",
                "--uri",
                "https://press.example",
            ]  # fmt: skip
        )
        assert made.exit_code == 0, made.output
    return Furnished(config, folder, made.output.split("client_id")[1].split()[0])


@pytest.fixture
def site(furnished: Furnished, tmp_path: Path) -> Iterator[Site]:
    folder = shutil.copytree(furnished.folder, tmp_path / "site")
    with (
        time_machine.travel(START, tick=False) as clock,
        open_application(folder, initdb=False, **furnished.config) as application,
    ):
        yield Site(application, RegisteredClient(furnished.client_id, None), clock)


# Bound to its browser, and to the moment of the request


@pytest.mark.parametrize("asked", NEW_LOGINS, ids=urlencode)
def test_a_request_begun_elsewhere_gives_nothing_to_a_browser_that_is_logged_in(
    site: Site, asked: dict[str, str]
) -> None:
    victim = site.browser("ada")
    site.clock.shift(7200)
    address = site.next_of(site.ask(site.browser(), **asked))
    for _time in range(2):
        answer = victim.get(address)
        assert answer.status == 302
        assert answer.query["error"] == "access_denied"
        assert "code" not in answer.query
    bare = victim.get(address.partition("&")[0])
    assert (bare.status, bare.location) == (400, "")
    assert 'href="/"' in bare.text


@pytest.mark.parametrize("asked", NEW_LOGINS[:4], ids=urlencode)
def test_a_login_that_stood_before_does_not_do_even_in_the_same_browser(site: Site, asked: dict[str, str]) -> None:
    """The request comes without the login's cookie, and then with it: an unattended browser can be made to."""
    name = site.application.config["SESSION_COOKIE_NAME"]
    victim = site.browser("ada")
    login = victim.door.get_cookie(name)  # type: ignore[union-attr]
    site.clock.shift(7200)
    victim.door.delete_cookie(name)  # type: ignore[union-attr]
    address = site.next_of(site.ask(victim, **asked))
    secure = name.startswith("__Host-")
    victim.door.set_cookie(name, login.value, secure=secure)  # type: ignore[union-attr]
    again = victim.get(address)
    assert site.next_of(again)
    assert "again=1" in again.location


@pytest.mark.parametrize("asked", NEW_LOGINS, ids=urlencode)
@pytest.mark.parametrize("was_logged_in", [True, False])
def test_a_login_since_the_request_in_its_browser_does(site: Site, asked: dict[str, str], was_logged_in: bool) -> None:
    person = site.browser("ada" if was_logged_in else "")
    site.browser("ada")
    site.clock.shift(7200)
    entered = site.log_in(person, site.ask(person, **asked))
    site.clock.shift(30)
    page = person.get(entered.location)
    assert page.status == 200
    assert code_of(person.decide(page))


def test_the_age_of_a_login_is_looked_at_though_it_is_a_new_one(site: Site) -> None:
    person = site.browser("ada")
    site.clock.shift(7200)
    entered = site.log_in(person, site.ask(person, max_age="90"))
    site.clock.shift(89)
    assert person.get(entered.location).status == 200
    site.clock.shift(1)
    assert site.next_of(person.get(entered.location))


def test_a_posted_request_belongs_to_the_first_browser_that_opens_it(site: Site) -> None:
    fields = {"response_type": "code", "client_id": site.client.client_id, "scope": "profile", **Pkce().parameters}
    sent = site.browser().post("/oauth/authorize", {**fields, "prompt": "login"}, Origin="https://client.example")
    assert sent.status == 303
    first, second = site.browser(), site.browser("ada")
    site.clock.shift(60)
    entered = site.log_in(first, first.get(sent.location))
    assert second.get(sent.location).query["error"] == "access_denied"
    assert first.get(entered.location).status == 200


def test_the_cookie_is_one_per_browser_and_outlives_login_and_logout(site: Site) -> None:
    def cookie(person: Person) -> Any:
        name = site.application.config["SESSION_COOKIE_NAME"] + "_browser"
        return person.door.get_cookie(name)  # type: ignore[union-attr]

    person, another = site.browser(), site.browser()
    assert cookie(person) is None
    answer = site.ask(person, prompt="login")
    [line] = [value for name, value in answer.headers.items() if name == "Set-Cookie" and "_browser=" in value]
    is_production = site.application.config["SESSION_COOKIE_SECURE"]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))
    assert line.startswith("__Host-") == is_production == ("Secure" in line.split("; "))
    held = cookie(person).value
    site.log_in(person, answer)
    person.log_out()
    site.ask(person, prompt="login")
    assert cookie(person).value == held
    site.ask(another, prompt="login")
    assert cookie(another).value != held


@pytest.mark.parametrize("planted", ["", "x", "a" * 43 + "\\", "a" * 100])
def test_a_cookie_that_is_none_of_ours_is_replaced(site: Site, planted: str) -> None:
    name = site.application.config["SESSION_COOKIE_NAME"] + "_browser"
    person = site.browser()
    person.door.set_cookie(name, planted, secure=name.startswith("__Host-"))  # type: ignore[union-attr]
    site.ask(person, prompt="login")
    assert len(person.door.get_cookie(name).value) == 43  # type: ignore[union-attr]


def test_another_browser_with_the_login_cannot_decide(site: Site) -> None:
    person, thief = site.browser("ada"), site.browser()
    name = site.application.config["SESSION_COOKIE_NAME"]
    page = site.ask(person)
    held = person.door.get_cookie(name).value  # type: ignore[union-attr]
    thief.door.set_cookie(name, held, secure=name.startswith("__Host-"))  # type: ignore[union-attr]
    origin = site.application.config["PREFERRED_URL_SCHEME"] + "://localhost"
    answer = thief.post("/oauth/authorize", {**page.hidden_fields(), "confirm": "yes"}, Origin=origin)
    assert (answer.status, answer.location) == (400, "")


# Expired


def posted(site: Site, person: Person) -> Answer:
    fields = {"response_type": "code", "client_id": site.client.client_id, "state": "s1", **Pkce().parameters}
    sent = person.post("/oauth/authorize", {**fields, "redirect_uri": REDIRECT_URI, "scope": "profile"})
    return person.get(sent.location)


WAYS_TO_WAIT: dict[str, Callable[[Site, Person], Answer]] = {
    "prompt=login": lambda site, person: site.ask(person, prompt="login"),
    "prompt=select_account": lambda site, person: site.ask(person, prompt="select_account"),
    "max_age": lambda site, person: site.ask(person, max_age="3600"),
    "a posted request": posted,
}


@pytest.mark.parametrize("way", WAYS_TO_WAIT)
@pytest.mark.parametrize("later", [601, 86400])
def test_the_client_hears_of_a_request_that_expired_at_the_login_page(site: Site, way: str, later: int) -> None:
    person = site.browser()
    sent = WAYS_TO_WAIT[way](site, person)
    site.clock.shift(later)
    site.ask(site.browser(), prompt="login")  # takes the expired rows away
    entered = site.log_in(person, sent)
    assert entered.status == 303
    answer = person.get(entered.location)
    assert answer.status == 302
    assert answer.location.startswith(REDIRECT_URI)
    assert (answer.query["error"], answer.query["state"]) == ("access_denied", "s1")
    assert "iss" in answer.query


@pytest.mark.parametrize("confirm", ["yes", "no"])
@pytest.mark.parametrize("later", [601, 86400])
def test_the_client_hears_of_a_request_that_expired_on_the_consent_page(site: Site, later: int, confirm: str) -> None:
    person = site.browser("ada")
    page = site.ask(person)
    site.clock.shift(later)
    answer = person.decide(page, confirm)
    assert answer.status == 303
    assert (answer.query["error"], answer.query["state"]) == ("access_denied", "s1")
    assert "code" not in answer.query


def test_where_no_way_back_is_known_the_person_has_a_way_on(site: Site) -> None:
    person = site.browser("ada")
    for query in ("transaction=gone", "transaction=gone&client_id=nobody", "transaction=" + "x" * 5000):
        answer = person.get(f"/oauth/authorize?{query}")
        assert (answer.status, answer.location) == (400, "")
        assert "This request has expired" in answer.text
        assert 'href="/"' in answer.text
    wrong = {"client_id": site.client.client_id, "redirect_uri": "https://evil.example/"}
    answer = person.get(f"/oauth/authorize?transaction=gone&{urlencode(wrong)}")
    assert (answer.status, answer.location) == (400, "")
    assert 'href="https://press.example"' in answer.text


def test_a_state_too_long_for_the_way_back_ends_with_a_way_on(site: Site) -> None:
    person = site.browser()
    sent = person.ask(site.client, state="s" * 4000, prompt="login", **Pkce().parameters)
    site.clock.shift(601)
    answer = person.get(site.log_in(person, sent).location)
    assert answer.status == 400
    assert "This request has expired" in answer.text


# Embedded: the login, and when it was, are the host's


@pytest.fixture
def host(database_uri: str, tmp_path: Path) -> Iterator[Host]:
    made = Host(database_uri, tmp_path)
    made.set_up()
    yield made
    made.close()


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}], ids=urlencode)
def test_a_host_that_tells_when_somebody_logged_in_is_asked_for_a_login_since(
    host: Host, asked: dict[str, str]
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        visitor, stranger = Visitor(host.app.test_client()), Visitor(host.app.test_client())
        visitor.log_in("m1", START)
        client = visitor.create_client()
        clock.shift(7200)
        elsewhere = stranger.below().ask(client, **asked, **Pkce().parameters)
        refused = visitor.get(elsewhere.query["next"])
        assert refused.query["error"] == "access_denied"
        sent = visitor.below().ask(client, **asked, **Pkce().parameters)
        assert urlsplit(sent.location).path == "/login"
        as_it_came = visitor.get(sent.query["next"])
        assert as_it_came.query["error"] == "login_required"
        visitor.log_in("m1", START + 7200)
        assert visitor.get(sent.query["next"]).status == 200


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "99999"}], ids=urlencode)
@pytest.mark.parametrize("was_logged_in", [True, False])
def test_a_host_that_does_not_tell_cannot_prove_a_login(host: Host, asked: dict[str, str], was_logged_in: bool) -> None:
    visitor = Visitor(host.app.test_client())
    visitor.log_in()
    client = visitor.create_client()
    if not was_logged_in:
        visitor.log_out()
    answer = visitor.below().ask(client, **asked, **Pkce().parameters)
    if not was_logged_in:
        assert urlsplit(answer.location).path == "/login"
        visitor.log_in("m2")
        answer = visitor.get(answer.query["next"])
    assert answer.location.startswith(REDIRECT_URI)
    assert answer.query["error"] == "login_required"


def test_an_expired_request_goes_back_to_the_client_below_a_prefix_too(host: Host) -> None:
    with time_machine.travel(START, tick=False) as clock:
        visitor = Visitor(host.app.test_client())
        visitor.log_in("m1", START)
        client = visitor.create_client()
        sent = visitor.below().ask(client, prompt="login", state="s1", **Pkce().parameters)
        assert sent.query["next"].startswith(f"{PREFIX}/oauth/authorize?")
        clock.shift(601)
        visitor.log_in("m1", START + 601)
        answer = visitor.get(sent.query["next"])
        assert (answer.query["error"], answer.query["state"]) == ("access_denied", "s1")
