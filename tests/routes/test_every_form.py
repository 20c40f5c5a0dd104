"""Every form holds against other sites, and no GET changes anything (U11): a crawler finds them, new ones too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support import canary
from tests.support.authenticator import LOGIN_PAGE, SETUP_PAGE, set_up
from tests.support.every_page import (
    REFUSING,
    Form,
    Walk,
    admit,
    changing_rules,
    furnish,
    invitation_links,
    origin_of,
    page_rules,
    password_links,
    show_device,
    show_first_factor,
    unvisited,
)
from tests.support.kept_database import keep_database
from tests.support.mail_server import UNSENT_MAIL
from tests.support.one_application import open_application
from tests.support.passkeys import give_passkey
from tests.support.person import REDIRECT_URI, Answer, Person
from tests.support.token_requests import PRODUCTION
from tests.support.tried_flow import open_callback
from website.models.base import Base
from website.models.login_session import LoginSession
from website.sessions.assurance import DEVICE_KEY, PASSKEY_ALONE, PRESENCE, SEVERAL

OTHER_SITE = "https://evil.example"
CHANGING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
NO_SIGN_UP = "where joining is open alone there is one, in test_sign_up.py"
NO_INVITATIONS = "in the demo any username can log in"
REQUIRED_PASSWORD = "where a new password is required alone there is one, in test_new_passwords.py"
PASSKEY_AT_LOGIN = "between two factors alone there is one, in test_passkeys.py"
SETUP_AT_LOGIN = "between two factors alone there is one, in test_second_factor.py"
#: Views that take posts, to which no page has a form, by mode, and why that is right.
WITHOUT_FORM = {
    "demo": {
        "authenticator_app.set_up_at_login": SETUP_AT_LOGIN,
        "language_choice.choose_language": "in one language there is no menu; see routes/language/test_languages.py",
        "first_passkey.add_passkey": PASSKEY_AT_LOGIN,
        "try_it.call_userinfo": "the page with the tokens, which the form of the callback answers, has it",
        "password.change_password": "in the demo there are no passwords",
        "required_password.set_required_password": REQUIRED_PASSWORD,
        "set_password.set_new_password": "in the demo there are no passwords",
        "person_acts.create_link": "in the demo there are no passwords",
        "people.require_new_password": "in the demo there are no passwords",
        "forgotten_password.request_link": "in the demo there are no passwords",
        "join.join": NO_INVITATIONS,
        "new_person.create_person": NO_INVITATIONS,
        "invitations.create_invitation": NO_INVITATIONS,
        "invitations.revoke_invitation": NO_INVITATIONS,
        "sign_up.begin_sign_up": NO_SIGN_UP,
    },
    "production": {
        "authenticator_app.set_up_at_login": SETUP_AT_LOGIN,
        "language_choice.choose_language": "in one language there is no menu; see routes/language/test_languages.py",
        "first_passkey.add_passkey": PASSKEY_AT_LOGIN,
        "try_it.call_userinfo": "the page with the tokens, which the form of the callback answers, has it",
        "required_password.set_required_password": REQUIRED_PASSWORD,
        "sign_up.begin_sign_up": NO_SIGN_UP,
        "first_flow.prepare_first_flow": "the demo alone makes clients with a click",
    },
}
#: Views whose forms a script fills in with the answer of an authenticator, which is left empty here.
ANSWERED_BY_SCRIPTS = (
    "passkey_login.log_in_with_passkey",
    "passkey_second_factor.receive_passkey",
    "passkeys.add_passkey",
    "offered_passkey.add_passkey",
)
#: Views that take the username of a new account: the one that is typed here is taken.
TAKING_NAMES = ("join.join", "new_person.create_person")
#: Views that are posted to, yet change nothing; an address that failed a moment ago is not asked for a logo again.
CHANGE_NOTHING = {
    "account.export_own_account",
    "logo_pictures.fetch_logo",
    "try_it.begin",  # what a flow remembers is in the cookie
    "first_flow.prepare_first_flow",  # a client is ready for it
    "client_access.update_access",  # everybody may use the client, as before
    "groups.change_names",  # its fields have the names that are there
    *REFUSING,
    "passkeys.rename_passkey",  # its field has the name that is there
    *ANSWERED_BY_SCRIPTS,
    *TAKING_NAMES,
}
#: Takes requests of other sites, which it shows by a GET; what changes anything has a field and a token more.
SHOWN_BY_A_GET = {"end_session.receive_logout"}
#: What may change without anybody meaning it: the log of events, counts written once a minute, when a login was seen.
NOT_STATE = {"oauth2_event", "oauth2_client_activity"}
NOT_STATE_COLUMNS = {("oauth2_session", "last_seen_at")}
#: What a GET of the authorization endpoint may leave: the request that it shows (A13), the code that it redirects with.
LEFT_BY_AUTHORIZATION_REQUESTS = {"oauth2_authorization_request", "oauth2_authorization_code"}
Tables = dict[str, list[tuple[Any, ...]]]
QUERIES = {
    table.name: f"SELECT {', '.join(name for name in table.c.keys() if (table.name, name) not in NOT_STATE_COLUMNS)}"  # noqa: SIM118
    f" FROM {table.name}"
    for table in Base.metadata.sorted_tables
}


@contextmanager
def open_house(mode: str, folder: Path) -> Iterator[Flask]:
    """Make the demo, or a production server."""
    own_host = {
        "OAUTH2_JOINING": "invitation",
        "OAUTH2_ISSUER": "https://localhost",
        "PREFERRED_URL_SCHEME": "https",
        "OAUTH2_RATE_LIMITS": {"login": 0},  # one address sends every form
        "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 1000,
    }
    # No thread sends emails while tables are compared.
    config = PRODUCTION | own_host | UNSENT_MAIL if mode == "production" else {"OAUTH2_SENDS_NOTICES": False}
    quick_keys = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    # What was prepared is sent minutes later, where the machine is slow.
    config = {**config, "OAUTH2_LANGUAGES": ["en"], "OAUTH2_AUTHORIZATION_CODE_SECONDS": 600}
    with open_application(folder, **config, **quick_keys) as application:
        yield application


@pytest.fixture(scope="module", params=["demo", "production"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def house(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_house(mode, tmp_path_factory.mktemp("every_form")) as application:
        yield application


@dataclass
class Moment:
    """What forms there are at a moment, in whose browser, and how to go back there."""

    forms: dict[str, Form]
    cookies: str
    go_back: Callable[[], None]


class Inhabitant(Person):
    """Somebody with an account in which there is something to see, logged in on two browsers.

    Their logins are by a passkey, so that they may change factors. They walk over every page; then they set up an app,
    walk once more over what it changes, and begin another login, which waits for it.
    """

    def __init__(self, house: Flask, name: str) -> None:
        super().__init__(house.test_client())
        admit(Person(house.test_client()), house, name)
        admit(self, house, name)
        beginnings = [open_callback(self, house), furnish(self, REDIRECT_URI), show_device(self)]
        beginnings += password_links(house, name) + invitation_links(house)
        give_passkey(house, name)
        with house.extensions["grantwright"].database.writing() as session:
            session.execute(update(LoginSession).values(acr=PASSKEY_ALONE, amr=[DEVICE_KEY, PRESENCE, SEVERAL]))
        self.walk = Walk(self, house, *beginnings, username=name)

    def add_second_factor(self, house: Flask, name: str) -> None:
        set_up(self)
        self.walk.go_again("/account", SETUP_PAGE, "/account/recovery_codes")
        assert show_first_factor(self, house, name) == LOGIN_PAGE
        self.walk.go_again(LOGIN_PAGE)

    def keep(self, go_back: Callable[[], None]) -> Moment:
        return Moment(self.walk.forms_by_endpoint(), cookies_of(self), go_back)


@pytest.fixture(scope="module")
def stranger(house: Flask) -> Person:
    return Person(house.test_client())


@pytest.fixture(scope="module")
def strangers_walk(house: Flask, stranger: Person) -> Walk:
    return Walk(stranger, house)


@pytest.fixture(scope="module")
def moments(house: Flask) -> Iterator[tuple[Inhabitant, list[Moment]]]:
    """Alice before she has a second factor, and after it."""
    alice = Inhabitant(house, "alice")
    with keep_database(house) as go_back_before:
        before = alice.keep(go_back_before)
        alice.add_second_factor(house, "alice")
        with keep_database(house) as go_back:
            yield alice, [before, alice.keep(go_back)]


@pytest.fixture(scope="module")
def alice(moments: tuple[Inhabitant, list[Moment]]) -> Inhabitant:
    return moments[0]


def read_tables(house: Flask, without: set[str] = NOT_STATE) -> Tables:
    """Return every row of every table, but for what is no state."""
    connection = house.extensions["grantwright"].database.engine.raw_connection()
    try:
        # By the driver alone: a page is looked at hundreds of times, and SQLAlchemy would build each row anew.
        cursor = connection.cursor()
        return {name: cursor.execute(query).fetchall() for name, query in QUERIES.items() if name not in without}
    finally:
        connection.close()


def post(person: Person, form: Form, token: str | None = None, **headers: str) -> Answer:
    """Post a form filled in, with the token that it stands with, another, or (an empty one) none."""
    pairs = [(name, value) for name, value in form.fill_in() if name != "csrf_token"]
    own = next(value for name, _kind, value in form.fields if name == "csrf_token")
    chosen = own if token is None else token
    return person.post(form.action, pairs + ([("csrf_token", chosen)] if chosen else []), **headers)


def without_form(house: Flask) -> dict[str, str]:
    return WITHOUT_FORM["demo" if house.extensions["grantwright"].settings.demo else "production"]


def token_of(person: Person) -> str:
    return person.get("/").hidden_fields()["csrf_token"]


def cookies_of(person: Person) -> str:
    """Return the header that a person's browser sends its cookies in."""
    return str(person.door.get("/").request.headers["Cookie"])  # type: ignore[union-attr]


def one_for_each_address(walk: Walk) -> list[Form]:
    """Return one of the forms that post to the same address: to log out is on every page."""
    return [*{form.action: form for form in walk.forms}.values()]


def check_refused(house: Flask, person: Person, form: Form, foreign_token: str) -> None:
    before = read_tables(house)
    tries = {
        "without a token": post(person, form, token=""),
        "with a token that is none": post(person, form, token="wrong"),
        "with another browser's token": post(person, form, token=foreign_token),
        "from another site": post(person, form, Origin=OTHER_SITE),
        "from a site that hides": post(person, form, Origin="null"),
    }
    for how, answer in tries.items():
        assert answer.status == 400, f"{form.action} of {form.page}, {how}: {answer.status}"
    assert read_tables(house) == before, f"{form.action} of {form.page} changed something"


def test_the_walk_finds_every_page(house: Flask, alice: Inhabitant, strangers_walk: Walk) -> None:
    assert unvisited(house, [alice.walk, strangers_walk]) == [], "to these no link and no form leads"
    assert all(form.action for form in alice.walk.forms), "a form that posts to another site"


def test_the_walk_finds_every_form(house: Flask, alice: Inhabitant, strangers_walk: Walk) -> None:
    found = {*alice.walk.forms_by_endpoint(), *strangers_walk.forms_by_endpoint()}
    assert {rule.endpoint for rule in changing_rules(house)} - found == set(without_form(house))


def test_every_form_is_refused_unless_it_comes_from_its_page(house: Flask, alice: Inhabitant, stranger: Person) -> None:
    assert alice.walk.forms
    foreign_token = token_of(stranger)
    for form in one_for_each_address(alice.walk):
        check_refused(house, alice, form, foreign_token)


def test_every_form_of_the_logged_out_is_refused_unless_it_comes_from_its_page(
    house: Flask, alice: Inhabitant, stranger: Person, strangers_walk: Walk
) -> None:
    assert strangers_walk.forms
    foreign_token = alice.walk.forms[0].fields[0][2]
    for form in one_for_each_address(strangers_walk):
        check_refused(house, stranger, form, foreign_token)


def test_every_form_is_taken_when_it_does_come_from_its_page(
    house: Flask, alice: Inhabitant, moments: tuple[Inhabitant, list[Moment]]
) -> None:
    """What the tests above refuse is refused for where it comes from: sent rightly, the same fields get through."""
    sent = set()
    for moment in moments[1]:
        own = {"Origin": origin_of(alice, house), "Cookie": moment.cookies}
        moment.go_back()
        for endpoint, form in moment.forms.items():
            if endpoint not in sent:
                sent.add(endpoint)
                try:
                    check_taken(house, form, own)
                finally:
                    moment.go_back()
    assert sent == alice.walk.forms_by_endpoint().keys()


def check_taken(house: Flask, form: Form, own: dict[str, str]) -> None:
    """Have a form do its work, from its own page and by somebody who is logged in."""
    since = canary.mark()
    before = read_tables(house)
    answer = post(Person(house.test_client(use_cookies=False)), form, **own)
    expected = (422,) if form.endpoint in (*REFUSING, *TAKING_NAMES) else (200, 302, 303)
    expected += (422,) if form.endpoint in ANSWERED_BY_SCRIPTS else ()
    assert answer.status in expected, f"{form.action} of {form.page}: {answer.status}"
    changed = read_tables(house) != before
    assert changed or form.endpoint in CHANGE_NOTHING, f"{form.action} of {form.page}"
    canary.check(since, house.config["SQLALCHEMY_DATABASE_URI"], Path(house.instance_path))


def test_no_address_takes_any_changing_method_without_a_token(house: Flask, alice: Inhabitant) -> None:
    visited = {form.action for form in alice.walk.forms} | set(alice.walk.answers) | {"/api/me", "/static/mark.svg"}
    posting = {rule.endpoint for rule in changing_rules(house)}
    reached = set()
    # Without its query: an authorization request in it is kept, as the last test has it.
    for address in sorted({urlsplit(address).path for address in visited}):
        for method in CHANGING_METHODS:
            before = read_tables(house)
            answer = alice.door.open(address, method=method, headers={"Accept": "text/html"})  # type: ignore[union-attr]
            endpoint = alice.walk.endpoint_of(address, method)
            reached.add(endpoint)
            expected = 303 if endpoint in SHOWN_BY_A_GET else 400 if endpoint else 405
            assert answer.status_code == expected, f"{method} {address}"
            assert read_tables(house) == before, f"{method} {address}"
    assert posting - reached - set(without_form(house)) == set()


@pytest.mark.parametrize("part", ['filename="f"; name="f"', ""], ids=["a file", "a part without a name"])
def test_no_form_takes_what_is_no_field(alice: Inhabitant, stranger: Person, part: str) -> None:
    body = f"--b\r\nContent-Disposition: form-data; {part}\r\n\r\nx\r\n--b--\r\n".encode()
    for address in {form.action for form in alice.walk.forms}:
        sent = {"data": body, "content_type": "multipart/form-data; boundary=b", "headers": {"Accept": "text/html"}}
        # A logout request that cannot be read has the person asked.
        expected = 303 if address == "/oauth/logout" else 400
        assert stranger.door.post(address, **sent).status_code == expected, address  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_get_changes_anything(house: Flask, alice: Inhabitant, method: str) -> None:
    visited = set()
    for person in (alice, Person(house.test_client())):
        for address in alice.walk.answers:
            endpoint = alice.walk.endpoint_of(address, "GET")
            is_authorization = endpoint == "authorize.show_authorization"
            ignored = NOT_STATE | (LEFT_BY_AUTHORIZATION_REQUESTS if is_authorization else set())
            before = read_tables(house, ignored)
            answer = person.door.open(address, method=method, headers={"Accept": "text/html"})  # type: ignore[union-attr]
            assert answer.status_code < 500, address
            assert read_tables(house, ignored) == before, f"{method} {address}"
            visited.add(endpoint)
    assert visited == {rule.endpoint for rule in page_rules(house)}


def test_a_posted_authorization_request_is_no_decision(house: Flask, alice: Inhabitant) -> None:
    """Without ``confirm`` it is kept to be shown, whoever sends it; nothing is allowed by it, and no code is made."""
    form = alice.walk.forms_by_endpoint()["authorize.receive_authorization"]
    query = form.page.partition("?")[2]
    before = read_tables(house, NOT_STATE | {"oauth2_authorization_request"})
    answer = alice.post(f"/oauth/authorize?{query}", {}, Origin=OTHER_SITE)
    assert answer.status == 303
    assert "code=" not in answer.location
    assert read_tables(house, NOT_STATE | {"oauth2_authorization_request"}) == before
