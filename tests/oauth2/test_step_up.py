"""Step-up in the middle of a flow (RFC 9470): by acr_values, essential claims and prompts, told truly in the tokens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from html import escape, unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from sqlalchemy import update

from tests.support.authenticator import LOGIN_PAGE, SETUP_PAGE, Authenticator, enter, set_up
from tests.support.device_flow import DEVICE_PAGE, create_device_client, decide, page_of, poll, start_device
from tests.support.device_flow import enter as enter_user_code
from tests.support.openid_client import OpenIDClient
from tests.support.person import Answer, code_of
from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.token_requests import Provider
from website.models.login_session import LoginSession

NOW = 1_800_000_000


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    """A client of alice, who is logged in by her name alone."""
    client = OpenIDClient.create(stored_provider)
    client.person.log_in(f"alice{time.monotonic_ns()}")
    return client


@pytest.fixture
def app(site: OpenIDClient, clock: time_machine.Coordinates) -> Authenticator:
    """Her authenticator app; she is logged in with it, on another browser than a moment ago."""
    app, answer = set_up(site.person)
    assert answer.status == 200
    clock.shift(3600)
    return app


def name_of(site: OpenIDClient) -> str:
    found = site.person.get("/account").text.partition("<h1>")[2]
    return found.partition("</h1>")[0]


def error_of(answer: Answer) -> str:
    return answer.query["error"]


def claims(*, is_essential: bool = True, **asked: Any) -> str:
    return json.dumps({"id_token": {"acr": {"essential": is_essential, **asked}}})


def test_metadata_lists_the_classes_of_the_mode(site: OpenIDClient) -> None:
    metadata = json.loads(site.provider.get("/.well-known/openid-configuration").body)
    assert metadata["acr_values_supported"] == ["0", "2", "phr"]


def test_wanted_class_is_shown_in_the_middle_of_the_flow_and_told(
    site: OpenIDClient, clock: time_machine.Coordinates
) -> None:
    logged_in_at = int(time.time())
    answer = site.ask(acr_values="2")
    assert urlsplit(answer.location).path == LOGIN_PAGE
    page = site.person.get(answer.location)
    assert page.location.startswith(f"{LOGIN_PAGE}/set_up?")
    setup_page = site.person.get(page.location).location
    assert setup_page.startswith(SETUP_PAGE)
    clock.shift(20)
    _app, answer = set_up(site.person, setup_page)
    way_on = parse_qs(urlsplit(setup_page).query)["next"][0]
    page = site.person.get(way_on)
    claims_of_token = site.judge(site.redeem(code_of(site.person.decide(page)))["id_token"])
    assert claims_of_token["acr"] == "2"
    assert claims_of_token["amr"] == ["otp", "mfa"]
    assert claims_of_token["auth_time"] == logged_in_at


def test_login_that_is_good_enough_goes_on_at_once_with_the_class_that_was_asked_for(
    site: OpenIDClient, app: Authenticator
) -> None:
    for asked, told in (("2", "2"), ("0", "0"), ("1 0", "1"), ("phr 2", "2"), (None, "2")):
        tokens = site.get_tokens(acr_values=asked)
        assert site.judge(tokens["id_token"])["acr"] == told
        assert site.provider.introspect(site.client, tokens["access_token"])["acr"] == told


def test_password_login_steps_up_with_a_code_and_keeps_its_age(
    site: OpenIDClient, app: Authenticator, clock: time_machine.Coordinates
) -> None:
    name = name_of(site)
    server = site.provider.server
    user_id = server.users.find_row(name).id
    with server.database.writing() as session:  # an app that was set up, and a login from before
        session.execute(update(LoginSession).values(acr="0", amr=None))
    before = site.person.door.get_cookie("grantwright").value
    session_id = server.sessions.list_of(server.accounts.subjects.find(str(user_id)))[0].id
    answer = site.ask(acr_values="2")
    page = site.person.get(answer.location)
    assert "Photo Printer" in page.text
    answer = enter(site.person, answer.location, code=app.code())
    assert answer.status == 303
    assert site.person.door.get_cookie("grantwright").value != before
    assert server.sessions.list_of(server.accounts.subjects.find(str(user_id)))[0].id == session_id
    tokens = site.redeem(code_of(site.person.decide(site.person.get(answer.location))))
    said = site.judge(tokens["id_token"])
    assert (said["acr"], said["auth_time"]) == ("2", int(time.time()) - 3600)


@pytest.mark.parametrize(
    "asked", [{"acr_values": "2"}, {"claims": claims(value="2")}, {"claims": claims(values=["2"])}]
)
def test_without_a_page_the_client_learns_that_a_login_is_needed(site: OpenIDClient, asked: dict[str, str]) -> None:
    assert error_of(site.ask(prompt="none", **asked)) == "login_required"


@pytest.mark.parametrize("prompt", [None, "none"])
def test_class_that_no_login_here_has_is_unmet(site: OpenIDClient, prompt: str | None) -> None:
    assert error_of(site.ask(prompt=prompt, acr_values="urn:gold")) == "unmet_authentication_requirements"
    assert error_of(site.ask(prompt=prompt, claims=claims(value="urn:gold"))) == "unmet_authentication_requirements"


def test_what_is_unknown_beside_what_is_known_changes_nothing(site: OpenIDClient, app: Authenticator) -> None:
    assert site.judge(site.get_tokens(acr_values="urn:gold 2")["id_token"])["acr"] == "2"


def test_essential_claim_decides_where_there_are_both(site: OpenIDClient) -> None:
    assert urlsplit(site.ask(acr_values="0", claims=claims(value="2")).location).path == LOGIN_PAGE
    site.get_tokens(acr_values="2", claims=claims(value="0"))


def test_default_acr_values_of_a_client_count_where_a_request_has_none(stored_provider: Provider) -> None:
    strict = OpenIDClient.create(stored_provider, default_acr_values=["urn:gold", "2"])
    strict.person.log_in(f"bob{time.monotonic_ns()}")
    assert urlsplit(strict.ask().location).path == LOGIN_PAGE
    strict.get_tokens(acr_values="0")
    harmless = OpenIDClient.create(stored_provider, default_acr_values=["urn:gold"])
    harmless.person.log_in(f"bob{time.monotonic_ns()}")
    harmless.get_tokens()


def test_new_login_and_second_factor_together(
    site: OpenIDClient, app: Authenticator, clock: time_machine.Coordinates
) -> None:
    name = name_of(site)
    answer = site.ask(prompt="login", acr_values="2", max_age="0")
    assert urlsplit(answer.location).path == "/"
    answer = site.person.post(answer.location, {**site.person.get(answer.location).hidden_fields(), "username": name})
    assert answer.location.startswith(LOGIN_PAGE)
    shown_at = int(time.time())
    clock.shift(300)  # a phone has to be found first
    answer = enter(site.person, answer.location, code=app.code())
    page = site.person.get(answer.location)
    assert page.status == 200, page.location
    said = site.judge(site.redeem(code_of(site.person.decide(page)))["id_token"])
    assert (said["acr"], said["auth_time"]) == ("2", shown_at)


def test_stepping_up_alone_is_no_new_login(site: OpenIDClient, app: Authenticator) -> None:
    answer = site.ask(prompt="login", acr_values="2")
    login_page = answer.location
    next_page = parse_qs(urlsplit(login_page).query)["next"][0]
    enter(site.person, f"{LOGIN_PAGE}?acr=2", code=app.code())
    assert urlsplit(site.person.get(next_page).location).path == "/"


def test_decision_is_not_taken_from_a_weaker_login_than_it_was_asked_in(site: OpenIDClient, app: Authenticator) -> None:
    page = site.ask(acr_values="2")
    assert page.status == 200
    with site.provider.server.database.writing() as session:
        session.execute(update(LoginSession).values(acr="0", amr=None))
    answer = site.person.decide(page)
    assert urlsplit(answer.location).path == LOGIN_PAGE
    answer = enter(site.person, answer.location, code=app.code())
    assert code_of(site.person.decide(site.person.get(answer.location)))


def test_class_that_an_operator_requires_for_a_client_is_asked_for_and_told(
    site: OpenIDClient, app: Authenticator
) -> None:
    site.provider.server.access.rules.replace(site.client.row, None, "2")
    assert site.judge(site.get_tokens(acr_values="0")["id_token"])["acr"] == "2"
    with site.provider.server.database.writing() as session:
        session.execute(update(LoginSession).values(acr="0", amr=None))
    for parameters in ({}, {"acr_values": "0"}):
        assert urlsplit(site.ask(**parameters).location).path == LOGIN_PAGE
        assert error_of(site.ask(prompt="none", **parameters)) == "login_required"
    answer = enter(site.person, site.ask().location, code=app.code())
    assert code_of(site.person.get(answer.location))  # they allowed it above


def test_device_of_such_a_client_needs_the_class_too(site: OpenIDClient, app: Authenticator) -> None:
    client = create_device_client(site.provider)
    site.provider.server.access.rules.replace(client.row, None, "2")
    with site.provider.server.database.writing() as session:
        session.execute(update(LoginSession).values(acr="0", amr=None))
    codes = start_device(site.provider, client, scope="profile")
    enter_user_code(site.person, codes["user_code"])
    answer = site.person.get(page_of(codes["user_code"]))
    assert urlsplit(answer.location).path == LOGIN_PAGE
    answer = enter(site.person, answer.location, code=app.code())
    assert answer.location.startswith(DEVICE_PAGE)
    decide(site.person, codes["user_code"])
    tokens = poll(site.provider, client, codes["device_code"]).json
    assert tokens["access_token"]


def answer_with_passkey(site: OpenIDClient, page: str, options: str, sign: Callable[[Any], str]) -> Answer:
    """Do what the script of a page does: fetch the options, have an authenticator sign, and post its form."""
    fields = site.person.get(page).hidden_fields()
    offered = json.loads(site.person.get(options).text)
    form = urlsplit(page)
    action = {LOGIN_PAGE: f"{LOGIN_PAGE}/passkey", "/": "/login/passkey"}.get(form.path, form.path)
    answer = {"credential": sign(offered["options"]), "challenge": offered["challenge"]}
    return site.person.post(f"{action}?{form.query}", {**fields, **answer})


def test_client_that_demands_a_passkey_has_one_added_and_used_and_reads_so_in_its_id_token(site: OpenIDClient) -> None:
    authenticator = SoftwareAuthenticator(origin="http://localhost")
    step_up = site.ask(acr_values="phr").location
    adding = site.person.get(step_up).location
    assert urlsplit(adding).path == "/account/passkeys"
    answer = answer_with_passkey(site, adding, "/account/passkeys/options", authenticator.create)
    assert answer.status == 200  # recovery codes
    assert f'href="{escape(step_up)}"' in answer.text
    options = f"/login/second_factor/passkey/options?{urlsplit(step_up).query}"
    way_on = answer_with_passkey(site, step_up, options, authenticator.get).location
    said = site.judge(site.redeem(code_of(site.person.decide(site.person.get(way_on))))["id_token"])
    assert (said["acr"], said["auth_time"]) == ("phr", int(time.time()))
    assert said["amr"] == ["hwk", "user", "mfa"]


def test_somebody_without_a_factor_reads_who_wants_one_and_sets_it_up_or_goes_back(site: OpenIDClient) -> None:
    setup = site.person.get(site.person.get(site.ask(acr_values="2", state="s").location).location).location
    assert urlsplit(setup).path == SETUP_PAGE
    page = site.person.get(setup).text
    assert "requires a second factor." in page
    back = site.person.get(unescape(re.findall(r'class="button plain" href="([^"]+)"', page)[0]))
    assert (error_of(back), back.query["state"]) == ("login_required", "s")
    action = unescape(re.findall(r'action="(/account/passkeys\?[^"]+)"', page)[0])
    authenticator = SoftwareAuthenticator(origin="http://localhost")
    answer = answer_with_passkey(site, action, "/account/passkeys/options", authenticator.create)
    assert answer.status == 200  # recovery codes
    way_on = parse_qs(urlsplit(setup).query)["next"][0]
    assert f'href="{escape(way_on)}"' in answer.text
    said = site.judge(site.redeem(code_of(site.person.decide(site.person.get(way_on))))["id_token"])
    assert said["acr"] == "2"


def test_passkey_alone_has_no_time_for_a_second_factor(site: OpenIDClient, clock: time_machine.Coordinates) -> None:
    authenticator = SoftwareAuthenticator(origin="http://localhost")
    answer_with_passkey(site, "/account/passkeys", "/account/passkeys/options", authenticator.create)
    clock.shift(3600)
    login_page = site.ask(max_age="30").location
    way_on = answer_with_passkey(site, login_page, "/login/passkey/options", authenticator.get).location
    assert site.person.get(way_on).status == 200
    clock.shift(61)
    assert urlsplit(site.person.get(way_on).location).path == "/"
