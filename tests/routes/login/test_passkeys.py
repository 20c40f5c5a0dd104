"""The pages of passkeys over HTTP: whose challenge it is, what is bound to what, and that nothing tells on anybody."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import time_machine
from sqlalchemy import text

from tests.support.embedding_host import PREFIX, open_hosts
from tests.support.passkeys import id_of
from tests.support.person import Answer
from tests.support.residents import ADDRESS, Resident, add_user, logged_in, open_nodes, rows
from tests.support.software_authenticator import RS256, SoftwareAuthenticator
from tests.support.token_requests import PRODUCTION, Provider, open_provider

ADDRESS_TRIES = 6
PAGES = ("/account/passkeys", "/account/passkeys/options", "/login/passkey/options", "/login/passkey/offer")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ADDRESS": ADDRESS_TRIES}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **limits) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    add_user(nodes[0], "alice")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        tables = (
            "oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_used_challenge", "oauth2_login_throttle",
        )  # fmt: skip
        for table in tables:
            connection.execute(text(f"DELETE FROM {table}"))


def read_options(browser: Resident, path: str) -> dict[str, Any]:
    answer = browser.get(path, Accept="application/json")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


def add(browser: Resident, authenticator: SoftwareAuthenticator) -> Answer:
    fields = browser.get("/account/passkeys").hidden_fields()
    offered = read_options(browser, "/account/passkeys/options")
    created = authenticator.create(offered["options"])
    return browser.post("/account/passkeys", {**fields, "credential": created, "challenge": offered["challenge"]})


def sign(browser: Resident, authenticator: SoftwareAuthenticator, **changed: Any) -> dict[str, str]:
    """Return what the login page's script posts."""
    fields = {"csrf_token": browser.get("/").hidden_fields()["csrf_token"]}
    offered = read_options(browser, "/login/passkey/options")
    return {
        **fields,
        "credential": authenticator.get(offered["options"], **changed),
        "challenge": offered["challenge"],
    }


def log_in(browser: Resident, authenticator: SoftwareAuthenticator, **changed: Any) -> Answer:
    return browser.post("/login/passkey", sign(browser, authenticator, **changed))


@pytest.fixture
def authenticator(node: Provider) -> SoftwareAuthenticator:
    """Alice's authenticator, with a passkey of hers."""
    made = SoftwareAuthenticator()
    assert add(logged_in(node, "alice"), made).status == 200
    return made


def test_recovery_codes_come_with_the_first_passkey_alone(node: Provider) -> None:
    browser = logged_in(node, "alice")
    answer = add(browser, SoftwareAuthenticator())
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", answer.text)
    assert (answer.status, len(codes), answer.headers["Cache-Control"]) == (200, 10, "no-store")
    assert "Passkey added." in answer.text
    assert 'href="/account/passkeys"' in answer.text
    assert "10 left" in browser.get("/account").text
    answer = add(browser, SoftwareAuthenticator())
    assert (answer.status, answer.location) == (303, "/account/passkeys")
    assert rows(node, "SELECT count(*) FROM oauth2_recovery_code") == [(10,)]


def test_a_passkey_logs_in_on_any_node_and_goes_on_to_where_one_came_for(
    nodes: list[Provider], node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser = Resident(nodes[1].application)
    fields = sign(browser, authenticator)
    answer = browser.post("/login/passkey?next=/account/apps", fields)
    assert (answer.status, answer.location) == (303, "/account/apps")
    assert browser.is_logged_in()
    ((acr, amr),) = rows(node, "SELECT acr, CAST(amr AS TEXT) FROM oauth2_session WHERE acr = 'phr'")
    assert (acr, json.loads(amr)) == ("phr", ["hwk", "user", "mfa"])


def test_a_login_elsewhere_is_never_left(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    add_user(node, "bob")
    browser = logged_in(node, "bob")
    answer = browser.post("/login/passkey?next=//evil.example", sign(browser, authenticator))
    assert (answer.status, answer.location) == (303, "/")
    assert "alice" in browser.get("/account").text


def test_an_answer_is_accepted_once(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    browser = Resident(node.application)
    fields = sign(browser, authenticator)
    assert browser.post("/login/passkey", fields).status == 303
    browser.log_out()
    again = browser.post("/login/passkey", {**fields, "csrf_token": browser.get("/").hidden_fields()["csrf_token"]})
    assert again.status == 422
    assert "That took too long. Try again." in again.text
    assert not browser.is_logged_in()


def test_a_challenge_is_another_browsers_or_too_old(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    browser, other = Resident(node.application), Resident(node.application)
    fields = sign(browser, authenticator)
    other.get("/login/passkey/options")
    stolen = {**fields, "csrf_token": other.get("/").hidden_fields()["csrf_token"]}
    assert "That took too long" in other.post("/login/passkey?next=/account/apps", stolen).text
    with time_machine.travel(time.time() + 301, tick=False):
        answer = browser.post("/login/passkey?next=/account/apps", fields)
    assert answer.status == 422
    assert "That took too long" in answer.text
    assert quote("/account/apps", safe="/") in answer.text  # nothing is lost
    assert rows(node, "SELECT count(*) FROM oauth2_used_challenge") == [(1,)]


def test_a_challenge_serves_its_purpose_alone(node: Provider) -> None:
    browser, authenticator = logged_in(node, "alice"), SoftwareAuthenticator()
    fields = browser.get("/account/passkeys").hidden_fields()
    creation = read_options(browser, "/account/passkeys/options")
    login = read_options(browser, "/login/passkey/options")
    created = authenticator.create({**creation["options"], "challenge": login["options"]["challenge"]})
    for challenge in (login["challenge"], "", "x.y.z", "é"):
        answer = browser.post("/account/passkeys", {**fields, "credential": created, "challenge": challenge})
        assert (answer.status, "That took too long" in answer.text) == (422, True)
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(0,)]


def test_a_challenge_for_one_account_adds_nothing_to_another(node: Provider) -> None:
    add_user(node, "bob")
    browser, authenticator = logged_in(node, "alice"), SoftwareAuthenticator()
    creation = read_options(browser, "/account/passkeys/options")
    browser.log_out()
    browser.log_in("bob")
    fields = browser.get("/account/passkeys").hidden_fields()
    created = authenticator.create(creation["options"])
    answer = browser.post("/account/passkeys", {**fields, "credential": created, "challenge": creation["challenge"]})
    assert answer.status == 422
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(0,)]


def test_nobody_else_renames_or_removes_a_passkey(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    add_user(node, "bob")
    bob = logged_in(node, "bob")
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    token = {"csrf_token": bob.get("/account").hidden_fields()["csrf_token"]}
    assert bob.get(f"/account/passkeys/{passkey}/remove").status == 404
    assert bob.post(f"/account/passkeys/{passkey}/remove", token).status == 404
    assert bob.post(f"/account/passkeys/{passkey}/rename", {**token, "name": "Mine"}).status == 404
    assert rows(node, "SELECT id FROM oauth2_passkey") == [(passkey,)]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u202eb"])
def test_a_name_is_a_line_that_one_can_read(node: Provider, authenticator: SoftwareAuthenticator, name: str) -> None:
    browser = logged_in(node, "alice")
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    answer = browser.submit(f"/account/passkeys/{passkey}/rename", "/account/passkeys", name=name)
    assert (answer.status, "Use 1 to 60 characters" in answer.text) == (422, True)


def test_adding_and_removing_take_a_recent_login(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    browser = logged_in(node, "alice")
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_session SET auth_time = auth_time - 601"))
    page = browser.get("/account/passkeys")
    assert "Log in again to add a passkey" in page.text
    for path in ("/account/passkeys/options", f"/account/passkeys/{passkey}/remove"):
        answer = browser.get(path)
        assert (answer.status, answer.location.startswith("/?next=")) == (303, True)
    token = {"csrf_token": page.hidden_fields()["csrf_token"]}
    assert browser.post(f"/account/passkeys/{passkey}/remove", token).status == 303
    assert browser.post("/account/passkeys", token).status == 303
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(1,)]


@pytest.mark.parametrize(
    ("unusual", "usual"),
    [
        ({"id_bytes": 15}, {"id_bytes": 16}),
        ({"id_bytes": 1024}, {"id_bytes": 1023}),
        ({"algorithm": RS256, "rsa_bits": 1024}, {"algorithm": RS256, "rsa_bits": 2048}),
    ],
    ids=["a short id", "a long id", "a short RSA key"],
)
def test_ids_and_keys_have_a_usual_length(node: Provider, unusual: dict[str, int], usual: dict[str, int]) -> None:
    browser = logged_in(node, "alice")
    assert add(browser, SoftwareAuthenticator(**unusual)).status == 422
    assert add(browser, SoftwareAuthenticator(**usual)).status == 200  # with recovery codes


def test_who_has_no_password_keeps_one_passkey(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    browser = Resident(node.application)
    log_in(browser, authenticator)
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET password_hash = NULL"))
    assert "the only way to log in" in browser.get(f"/account/passkeys/{passkey}/remove").text
    token = {"csrf_token": browser.get("/account").hidden_fields()["csrf_token"]}
    assert browser.post(f"/account/passkeys/{passkey}/remove", token).status == 303
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(1,)]


def test_the_options_are_the_same_for_everybody_and_opening_the_page_writes_nothing(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    """Whether an account exists can't be asked: there is nowhere to say which (U7)."""
    stranger, friend = Resident(node.application), logged_in(node, "alice")
    tables = ("oauth2_used_challenge", "oauth2_event", "oauth2_session", "oauth2_login_throttle")
    before = [rows(node, f"SELECT count(*) FROM {table}") for table in tables]
    offered = [
        read_options(browser, f"/login/passkey/options{query}")["options"]
        for browser in (stranger, friend)
        for query in ("", "?username=alice", "?username=nobody")
    ]
    for options in offered:
        assert options.pop("challenge")
        assert options == offered[0]
    assert offered[0] == {
        "rpId": "id.example", "timeout": 300_000, "allowCredentials": [], "userVerification": "required",
    }  # fmt: skip
    assert [rows(node, f"SELECT count(*) FROM {table}") for table in tables] == before


def test_failures_wait_by_address_and_a_right_passkey_does_not(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser = Resident(node.application)
    with time_machine.travel(time.time(), tick=False):  # the wait is one second, in which this may not have happened
        answers = [log_in(browser, authenticator, origin="https://evil.example") for _ in range(ADDRESS_TRIES + 1)]
    assert [answer.status for answer in answers] == [422] * ADDRESS_TRIES + [429]
    assert "Too many failed logins" in answers[-1].text
    assert answers[-1].headers["Retry-After"]
    failures = [event for event in node.server.audit.list() if (event.event, event.outcome) == ("login", "failure")]
    assert len(failures) == ADDRESS_TRIES
    assert log_in(browser, authenticator).status == 303
    assert browser.address == ADDRESS


def test_a_form_of_another_session_shows_the_login_page_again(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser = Resident(node.application)
    fields = {**sign(browser, authenticator), "csrf_token": "stale"}
    answer = browser.post("/login/passkey?next=/account/apps", fields)
    assert answer.status == 422
    assert "The form expired" in answer.text
    assert "/account/apps" in answer.text
    assert browser.post("/login/passkey", fields, Origin="https://evil.example").status == 400


def test_nothing_is_left_of_them_where_they_are_off(tmp_path: Path) -> None:
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **PRODUCTION, OAUTH2_PASSKEYS=False) as node:
        add_user(node, "alice")
        browser = logged_in(node, "alice")
        assert {browser.get(page).status for page in PAGES} == {404}
        assert "Passkeys" not in browser.get("/account").text
        login = Resident(node.application).get("/")
        assert "passkey" not in login.text.lower()
        assert "connect-src 'none'" in login.headers["Content-Security-Policy"]


def test_they_are_impossible_at_an_ip_address(tmp_path: Path) -> None:
    settings = PRODUCTION | {"OAUTH2_ISSUER": "https://192.0.2.1"}
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as node:
        client = node.application.test_client()
        assert client.get("/login/passkey/options", base_url="https://192.0.2.1").status_code == 404


def test_a_host_application_has_its_own_logins(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/db.sqlite", tmp_path) as create_host:
        host = create_host()
        assert {host.app.test_client().get(f"{PREFIX}{page}").status_code for page in PAGES} == {404}


def test_only_pages_with_passkeys_may_fetch(node: Provider) -> None:
    browser = logged_in(node, "alice")
    may_fetch = {
        path: "connect-src 'self'" in browser.get(path).headers["Content-Security-Policy"]
        for path in ("/account/passkeys", "/account", "/account/sessions")
    }
    assert may_fetch == {"/account/passkeys": True, "/account": False, "/account/sessions": False}


# --- as a second factor


def require_factor(node: Provider) -> None:
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET requires_factor = :yes"), {"yes": True})


def show_passkey(browser: Resident, authenticator: SoftwareAuthenticator, query: str = "", **changed: Any) -> Answer:
    """Answer on the page that asks for a second factor."""
    path = f"/login/second_factor{query}"
    fields = {"csrf_token": browser.get(path).hidden_fields()["csrf_token"]}
    offered = read_options(browser, f"/login/second_factor/passkey/options{query}")
    answer = {"credential": authenticator.get(offered["options"], **changed), "challenge": offered["challenge"]}
    return browser.post(f"/login/second_factor/passkey{query}", {**fields, **answer})


def assurance_of(node: Provider) -> tuple[str, list[str]]:
    """Return class and methods of the only login session."""
    ((acr, amr),) = rows(node, "SELECT acr, CAST(amr AS TEXT) FROM oauth2_session")
    return acr, json.loads(amr)


def test_who_wants_a_passkey_asked_for_after_the_password_shows_one_and_is_asked_from_then_on(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser, elsewhere = logged_in(node, "alice"), logged_in(node, "alice")
    token = {"csrf_token": browser.get("/account").hidden_fields()["csrf_token"]}
    step_up = browser.post("/account/passkeys/ask", {**token, "ask": "on"}).location
    assert step_up == "/login/second_factor?next=/account/passkeys&acr=2"
    assert rows(node, "SELECT count(*) FROM oauth2_user WHERE asks_second_factor") == [(0,)]
    assert show_passkey(browser, authenticator, f"?{urlsplit(step_up).query}").status == 303
    assert browser.submit("/account/passkeys/ask", "/account/passkeys", ask="on").location == "/account/passkeys"
    assert "A passkey is required after your password." in browser.get("/account/passkeys").text
    assert [browser.is_logged_in(), elsewhere.is_logged_in()] == [True, False]
    assert elsewhere.log_in().location == "/login/second_factor"
    assert browser.submit("/account/passkeys/ask", "/account/passkeys", ask="off").location == "/account/passkeys"
    assert elsewhere.log_in().location == "/"
    changes = node.server.audit.list(events=["passkey_asking_changed"])
    assert [change.detail["asked"] for change in changes] == [False, True]
    assert "requirement turned on or off" in browser.get("/account/history").text


def test_a_passkey_is_asked_for_where_there_is_one(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    """With the last one goes the wish to be asked for it, and a long login changes nothing."""
    browser = Resident(node.application)
    log_in(browser, authenticator)
    token = {"csrf_token": browser.get("/account").hidden_fields()["csrf_token"]}
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_session SET auth_time = auth_time - 601"))
    assert browser.post("/account/passkeys/ask", {**token, "ask": "on"}).location.startswith("/?next=")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_session SET auth_time = auth_time + 601"))
    assert browser.post("/account/passkeys/ask", {**token, "ask": "on"}).status == 303
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    browser.submit(f"/account/passkeys/{passkey}/remove")
    assert rows(node, "SELECT count(*) FROM oauth2_user WHERE asks_second_factor") == [(0,)]
    browser.post("/account/passkeys/ask", {**token, "ask": "on"})
    assert rows(node, "SELECT count(*) FROM oauth2_user WHERE asks_second_factor") == [(0,)]


SETUP = "/login/second_factor/set_up"


def asked_to_set_up(node: Provider, next_page: str = "/account/apps") -> Resident:
    """Return a browser of alice between the two factors, who needs a second one and has none."""
    require_factor(node)
    browser = Resident(node.application)
    browser.log_in(next_page=next_page)
    assert browser.get(f"/login/second_factor?next={next_page}").location == f"{SETUP}?next={next_page}"
    return browser


def add_in_login(browser: Resident, authenticator: SoftwareAuthenticator, **changed: Any) -> Answer:
    """Add a passkey on the page in the middle of the login."""
    fields = browser.get(SETUP).hidden_fields()
    offered = read_options(browser, f"{SETUP}/passkey/options")
    answer = {"credential": authenticator.create(offered["options"], **changed), "challenge": offered["challenge"]}
    return browser.post(f"{SETUP}/passkey?next=/account/apps", {**fields, **answer})


@pytest.mark.parametrize(("is_synchronized", "key"), [(False, "hwk"), (True, "swk")])
def test_who_needs_a_second_factor_adds_a_passkey_in_the_middle_of_the_login(
    node: Provider, is_synchronized: bool, key: str
) -> None:
    browser, authenticator = asked_to_set_up(node), SoftwareAuthenticator(is_synchronized=is_synchronized)
    page = browser.get(SETUP)
    assert "Set up a second factor" in page.text
    assert "Or use an authenticator app" in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert not browser.is_logged_in()
    answer = add_in_login(browser, authenticator)
    assert (answer.status, answer.text.count("<li><code>")) == (200, 10)
    assert 'href="/account/apps"' in answer.text
    assert browser.is_logged_in()
    # A new key has signed nothing: two factors, and not yet a login by passkey.
    assert assurance_of(node) == ("2", ["pwd", key, "user", "mfa"])
    assert log_in(Resident(node.application), authenticator).location == "/"


def test_in_the_middle_of_a_login_a_passkey_is_only_ever_a_first_factor(node: Provider) -> None:
    """Who knows the password alone can't add a factor to an account that has one."""
    thief = asked_to_set_up(node)
    fields = thief.get(SETUP).hidden_fields()
    offered = read_options(thief, f"{SETUP}/passkey/options")
    created = SoftwareAuthenticator().create(offered["options"])
    assert add_in_login(asked_to_set_up(node), SoftwareAuthenticator()).status == 200
    answer = thief.post(f"{SETUP}/passkey", {**fields, "credential": created, "challenge": offered["challenge"]})
    assert (answer.status, answer.location.split("?")[0]) == (303, "/")
    assert not thief.is_logged_in()
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(1,)]
    late = Resident(node.application)
    late.log_in()
    assert late.get(f"{SETUP}/passkey/options").status == 403
    answer = late.get(f"{SETUP}?next=/account/apps")
    assert (answer.status, answer.location) == (303, "/login/second_factor?next=/account/apps")


def test_nobody_else_adds_a_passkey_in_the_middle_of_a_login(node: Provider) -> None:
    add_user(node, "bob")
    asked = asked_to_set_up(node)
    offered = read_options(asked, f"{SETUP}/passkey/options")
    answer = {"credential": SoftwareAuthenticator().create(offered["options"]), "challenge": offered["challenge"]}
    stranger, bob = Resident(node.application), Resident(node.application)
    bob.log_in("bob")
    token = {"csrf_token": stranger.get("/").hidden_fields()["csrf_token"]}
    assert stranger.get(f"{SETUP}/passkey/options").status == 403
    assert stranger.post(f"{SETUP}/passkey", {**token, **answer}).status == 303
    token = {"csrf_token": bob.get(SETUP).hidden_fields()["csrf_token"]}
    answered = bob.post(f"{SETUP}/passkey", {**token, **answer})
    assert (answered.status, answered.location.split("?")[0]) == (303, SETUP)
    assert "That took too long. Try again." in bob.get(SETUP).text
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(0,)]
    assert not bob.is_logged_in()


def test_a_passkey_that_does_not_verify_the_person_ends_no_login(node: Provider) -> None:
    browser = asked_to_set_up(node)
    answer = add_in_login(browser, SoftwareAuthenticator(verifies_user=False))
    assert answer.location == f"{SETUP}?next=/account/apps"
    assert "Set up a screen lock or a PIN" in browser.get(answer.location).text
    assert not browser.is_logged_in()


@pytest.mark.parametrize(("verifies_user", "acr"), [(True, "phr"), (False, "2")], ids=["with verification", "without"])
def test_after_the_password_a_passkey_is_the_second_factor(
    node: Provider, authenticator: SoftwareAuthenticator, verifies_user: bool, acr: str
) -> None:
    require_factor(node)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_session"))
    browser = Resident(node.application)
    assert browser.log_in(next_page="/account/apps").location == "/login/second_factor?next=/account/apps"
    options = read_options(browser, "/login/second_factor/passkey/options")["options"]
    assert (len(options["allowCredentials"]), options["userVerification"]) == (1, "preferred")
    authenticator.verifies_user = verifies_user
    answer = show_passkey(browser, authenticator, "?next=/account/apps")
    assert (answer.status, answer.location) == (303, "/account/apps")
    assert assurance_of(node) == (acr, ["pwd", "hwk", "user", "mfa"])


def test_a_passkey_alone_is_enough_where_two_factors_are_needed(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    require_factor(node)
    browser = Resident(node.application)
    answer = log_in(browser, authenticator)
    assert (answer.status, answer.location) == (303, "/")
    assert browser.is_logged_in()


def test_a_step_up_by_a_passkey_rests_on_the_passkey_alone(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_session"))
    browser = logged_in(node, "alice")
    assert show_passkey(browser, authenticator, "?acr=phr").location == "/"
    assert assurance_of(node) == ("phr", ["hwk", "user", "mfa"])


def test_the_second_factor_is_ones_own(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    add_user(node, "bob")
    bobs = SoftwareAuthenticator()
    add(logged_in(node, "bob"), bobs)
    require_factor(node)
    browser = Resident(node.application)
    browser.log_in()
    answer = show_passkey(browser, bobs)
    assert answer.location == "/login/second_factor"
    assert "registered here. Log in another way" in browser.get("/login/second_factor").text
    assert not browser.is_logged_in()
    assert show_passkey(browser, authenticator).location == "/"
    assert browser.is_logged_in()


def test_the_passkeys_of_an_account_are_told_to_nobody_before_the_first_factor(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    assert Resident(node.application).get("/login/second_factor/passkey/options").status == 403


def test_the_last_second_factor_stays_where_one_is_required(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser = Resident(node.application)
    assert log_in(browser, authenticator).status == 303
    require_factor(node)
    ((passkey,),) = rows(node, "SELECT id FROM oauth2_passkey")
    browser.submit(f"/account/passkeys/{passkey}/remove")
    assert "Your account needs a second factor." in browser.get("/account/passkeys").text
    assert rows(node, "SELECT count(*) FROM oauth2_passkey") == [(1,)]


def test_a_login_with_a_passkey_says_so_in_its_event_and_history(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    browser = Resident(node.application)
    log_in(browser, authenticator)
    event = node.server.audit.list(events=["login"], limit=1)[0]
    assert event.detail == {"amr": ["hwk", "user", "mfa"]}
    assert "Logged in with a passkey" in browser.get("/account/history").text


def test_the_password_alone_changes_no_factor_of_an_account_that_has_one(
    node: Provider, authenticator: SoftwareAuthenticator
) -> None:
    """Otherwise it would be worth as much as the factor: an app of one's own, new recovery codes, another passkey."""
    codes = "SELECT code_hash FROM oauth2_recovery_code ORDER BY code_hash"
    thief, before = logged_in(node, "alice"), rows(node, codes)
    (passkey,) = node.server.accounts.passkeys.list_of(int(node.server.users.find_by_name("alice").id))
    for page in (
        "/account/authenticator_app",
        "/account/recovery_codes",
        "/account/passkeys/options",
        "/account/email",
    ):
        assert thief.get(page).location.startswith("/login/second_factor?"), page
    token = {"csrf_token": thief.get("/account").hidden_fields()["csrf_token"]}
    for path in ("authenticator_app", "recovery_codes", "passkeys", f"passkeys/{passkey.id}/remove"):
        assert thief.post(f"/account/{path}", token).location.startswith("/login/second_factor?"), path
    assert rows(node, codes) == before
    owner = Resident(node.application)
    assert log_in(owner, authenticator).status == 303
    assert (
        owner.post(
            f"/account/passkeys/{passkey.id}/remove", token | owner.get("/account/passkeys").hidden_fields()
        ).status
        == 303
    )
    assert node.server.accounts.passkeys.list_of(passkey.user_id) == []
    # Whoever took the passkey's device is logged out of it, and of whatever else they got into.
    assert thief.get("/account").status == 303
    assert owner.get("/account").status == 200


# --- dangerous acts without a password


@pytest.fixture
def keyholder(node: Provider) -> Iterator[tuple[Resident, SoftwareAuthenticator]]:
    """An operator who logged in by a passkey more than ten minutes ago, and has no password; with the passkey."""
    authenticator, browser = SoftwareAuthenticator(), Resident(node.application)
    node.server.users.set_operator(id_of(node, "alice"), True)
    assert add(logged_in(node, "alice"), authenticator).status == 200
    log_in(browser, authenticator)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET password_hash = NULL"))
    with time_machine.travel(time.time() + 700, tick=True):
        yield browser, authenticator


def use_passkey_of(browser: Resident, authenticator: SoftwareAuthenticator, page: Answer) -> Answer:
    """Press the button for the passkey on a page."""
    action, options = (
        unescape(re.search(rf' {name}="([^"]+)"', form_of(page))[1]) for name in ("action", "data-options")
    )
    offered = read_options(browser, options)
    answer = {"credential": authenticator.get(offered["options"]), "challenge": offered["challenge"]}
    return browser.post(action, {**page.hidden_fields(), **answer})


def form_of(page: Answer) -> str:
    found = re.search(r'<form class="passkey".*?</form>', page.text, re.DOTALL)
    assert found, page.text
    return found[0]


def test_who_has_no_password_confirms_a_dangerous_act_by_passkey(
    node: Provider, keyholder: tuple[Resident, SoftwareAuthenticator]
) -> None:
    browser, authenticator = keyholder
    act = f"/people/{add_user(node, 'bob')}/disable"
    page = browser.get(act)
    assert 'name="password"' not in page.text
    assert "Use your passkey to go on" in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert browser.post(act, page.hidden_fields()).status == 422
    assert node.server.users.find_row("bob").disabled_at is None
    answer = use_passkey_of(browser, authenticator, page)
    assert (answer.status, answer.location) == (303, act)
    page = browser.get(act)
    assert "Use your passkey" not in page.text
    assert browser.post(act, page.hidden_fields()).status == 303
    assert node.server.users.find_row("bob").disabled_at is not None


def test_a_passkey_of_another_account_confirms_nothing(
    node: Provider, keyholder: tuple[Resident, SoftwareAuthenticator]
) -> None:
    browser, _authenticator = keyholder
    act, others = f"/people/{add_user(node, 'bob')}/disable", SoftwareAuthenticator()
    assert add(logged_in(node, "bob"), others).status == 200
    page = browser.get(act)
    assert use_passkey_of(browser, others, page).status == 303
    assert "Use your passkey to go on" in browser.get(act).text
    assert browser.post(act, page.hidden_fields()).status == 422


def test_who_has_no_password_deletes_the_account_after_their_passkey(
    node: Provider, keyholder: tuple[Resident, SoftwareAuthenticator]
) -> None:
    browser, authenticator = keyholder
    add_user(node, "root", is_operator=True)
    page = browser.get("/account/delete")
    assert browser.post("/account/delete", page.hidden_fields()).status == 422
    assert use_passkey_of(browser, authenticator, page).location == "/account/delete"
    page = browser.get("/account/delete")
    assert 'name="password"' not in page.text
    assert browser.post("/account/delete", page.hidden_fields()).status == 303
    assert node.server.users.find_row("alice") is None


def test_who_has_no_password_sets_one_after_their_passkey(
    node: Provider, keyholder: tuple[Resident, SoftwareAuthenticator]
) -> None:
    browser, authenticator = keyholder
    new, path = "a new staple for the battery", "/account/password"
    fields = {"new_password": new, "new_password_again": new}
    page = browser.get(path)
    assert browser.post(path, {**page.hidden_fields(), **fields}).status == 422
    assert use_passkey_of(browser, authenticator, page).location == path
    page = browser.get(path)
    assert 'name="password"' not in page.text
    assert browser.post(path, {**page.hidden_fields(), **fields}).location == "/account"
    assert browser.is_logged_in()
    assert Resident(node.application).log_in(password=new).status == 303


def test_who_has_a_password_may_use_their_passkey_instead(node: Provider, authenticator: SoftwareAuthenticator) -> None:
    node.server.users.set_operator(id_of(node, "alice"), True)
    browser = Resident(node.application)
    log_in(browser, authenticator)
    act = f"/people/{add_user(node, 'bob')}/disable"
    with time_machine.travel(time.time() + 700, tick=True):
        page = browser.get(act)
        assert 'name="password"' in page.text
        assert "Use your passkey instead" in page.text
        assert use_passkey_of(browser, authenticator, page).location == act
        assert browser.post(act, page.hidden_fields()).status == 303
