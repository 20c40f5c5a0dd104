"""An application sends the browser here to log out: with the login's own ID token at once, else after a question."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import Answer, Person
from tests.support.registering_client import ask as register
from tests.support.token_requests import Provider
from website import clock

METADATA = "/.well-known/openid-configuration"
LOGOUT = "/oauth/logout"
BACK = "https://client.example/logged-out"
OTHER_SITE = "https://evil.example"
STATE = 'a "state" & <more> %41 \'ü'
Create = Callable[..., Flask]


def create_site(provider: Provider, username: str = "alice", **metadata: object) -> OpenIDClient:
    site = OpenIDClient.create(provider, **{"post_logout_redirect_uris": [BACK], **metadata})
    site.person.log_in(username)
    return site


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    return create_site(stored_provider)


def ask(site: OpenIDClient, person: Person | None = None, **parameters: str) -> Answer:
    return (person or site.person).get(f"{LOGOUT}?{urlencode(parameters)}")


def is_logged_in(site: OpenIDClient, person: Person | None = None) -> bool:
    return (person or site.person).get("/account/apps").status == 200


def id_token_of(site: OpenIDClient) -> str:
    return str(site.get_tokens()["id_token"])


def test_the_login_s_own_id_token_logs_out_at_once_and_the_state_comes_back(site: OpenIDClient) -> None:
    answer = ask(site, id_token_hint=id_token_of(site), post_logout_redirect_uri=BACK, state=STATE)
    assert answer.status == 303
    assert answer.location.partition("?")[0] == BACK
    assert dict(parse_qsl(urlsplit(answer.location).query)) == {"state": STATE}
    assert not is_logged_in(site)
    assert site.ask(prompt="none").query["error"] == "login_required"


def test_an_id_token_that_ran_out_does_too(site: OpenIDClient) -> None:
    hint = id_token_of(site)
    with time_machine.travel(clock.now() + 3600, tick=True):
        assert ask(site, id_token_hint=hint, post_logout_redirect_uri=BACK).location == BACK
        assert not is_logged_in(site)


def test_without_an_id_token_the_person_is_asked(site: OpenIDClient) -> None:
    page = ask(site, client_id=site.client.client_id, post_logout_redirect_uri=BACK, state="s")
    assert page.status == 200
    assert "Log out of" in page.text
    assert "client.example" in page.text
    assert is_logged_in(site)
    answer = site.person.post(LOGOUT, {**page.hidden_fields(), "confirm": "yes"})
    assert (answer.status, answer.location) == (303, f"{BACK}?state=s")
    assert not is_logged_in(site)


def test_who_stays_is_sent_back_logged_in(site: OpenIDClient) -> None:
    page = ask(site, client_id=site.client.client_id, post_logout_redirect_uri=BACK)
    answer = site.person.post(LOGOUT, {**page.hidden_fields(), "confirm": "no"})
    assert (answer.status, answer.location) == (303, BACK)
    assert is_logged_in(site)


def test_an_id_token_of_another_login_logs_nobody_out_unasked(site: OpenIDClient) -> None:
    hint = id_token_of(site)
    other = Person(site.provider.application.test_client())
    for username in ("alice", "mallory"):
        other.log_in(username)
        assert "Log out of" in ask(site, other, id_token_hint=hint, post_logout_redirect_uri=BACK).text
        assert is_logged_in(site, other)


def test_with_nothing_at_all_the_person_is_asked_and_told(site: OpenIDClient) -> None:
    page = ask(site)
    assert page.status == 200
    answer = site.person.post(LOGOUT, {**page.hidden_fields(), "confirm": "yes"})
    assert answer.status == 200
    assert "You're logged out" in answer.text
    assert not is_logged_in(site)


@pytest.mark.parametrize("parameters", [{"state": "s"}, {"logout_hint": "alice", "ui_locales": "tlh"}], ids=str)
def test_what_goes_with_nothing_is_passed_over(site: OpenIDClient, parameters: dict[str, str]) -> None:
    answer = ask(site, id_token_hint=id_token_of(site), **parameters)
    assert (answer.status, answer.location) == (200, "")
    assert "You're logged out" in answer.text


def test_whoever_is_not_logged_in_goes_on(stored_provider: Provider, site: OpenIDClient) -> None:
    stranger = Person(stored_provider.application.test_client())
    hint = id_token_of(site)
    assert ask(site, stranger, id_token_hint=hint, post_logout_redirect_uri=BACK).location == BACK
    assert "You're logged out" in ask(site, stranger).text
    assert is_logged_in(site)


def wrong_requests(site: OpenIDClient) -> list[tuple[str, dict[str, str]]]:
    """Return requests with something wrong, each with the parameter that the page has to name."""
    hint, own = id_token_of(site), site.client.client_id
    other = create_site(site.provider, "bob", post_logout_redirect_uris=[])
    header, claims, signature = hint.split(".")
    return [
        ("post_logout_redirect_uri", {"post_logout_redirect_uri": BACK}),
        ("post_logout_redirect_uri", {"id_token_hint": hint, "post_logout_redirect_uri": f"{BACK}?foo=bar"}),
        ("post_logout_redirect_uri", {"id_token_hint": hint, "post_logout_redirect_uri": f"{BACK}/"}),
        ("post_logout_redirect_uri", {"id_token_hint": hint, "post_logout_redirect_uri": BACK.replace("s:", ":", 1)}),
        ("post_logout_redirect_uri", {"id_token_hint": hint, "post_logout_redirect_uri": OTHER_SITE}),
        ("id_token_hint", {"id_token_hint": "null", "post_logout_redirect_uri": BACK}),
        ("id_token_hint", {"id_token_hint": "null", "client_id": own, "post_logout_redirect_uri": BACK}),
        ("id_token_hint", {"id_token_hint": f"{header}.{claims}.{signature[::-1]}", "post_logout_redirect_uri": BACK}),
        ("id_token_hint", {"id_token_hint": f"eyJhbGciOiJub25lIn0.{claims}.", "post_logout_redirect_uri": BACK}),
        ("id_token_hint", {"id_token_hint": "nonsense"}),
        ("id_token_hint", {"id_token_hint": hint, "client_id": other.client.client_id}),
        ("id_token_hint", {"id_token_hint": hint, "client_id": "nobody", "post_logout_redirect_uri": BACK}),
        ("post_logout_redirect_uri", {"client_id": other.client.client_id, "post_logout_redirect_uri": BACK}),
        ("client_id", {"client_id": "nobody", "post_logout_redirect_uri": BACK}),
        ("client_id", {"client_id": "nobody"}),
        ("malformed", {"client_id": own, "state": "line\nbreak", "post_logout_redirect_uri": BACK}),
        ("malformed", {"id_token_hint": hint, "state": "x" * 9000, "post_logout_redirect_uri": BACK}),
    ]


def ask_by_post(site: OpenIDClient, person: Person, parameters: dict[str, str]) -> Answer:
    kept = person.post(LOGOUT, parameters, Origin=OTHER_SITE)
    assert kept.status == 303
    return person.get(kept.location)


def test_a_request_with_something_wrong_is_named_and_the_person_asked(site: OpenIDClient) -> None:
    for named, parameters in wrong_requests(site):
        for page in (ask(site, **parameters), ask_by_post(site, site.person, parameters)):
            assert (page.status, page.location) == (200, ""), parameters
            assert "Log out of" in page.text
            assert named in page.element("problems")
            assert is_logged_in(site)


def test_after_the_yes_to_a_request_with_something_wrong_nothing_redirects(site: OpenIDClient) -> None:
    for _named, parameters in wrong_requests(site):
        site.person.log_in("alice")
        page = ask(site, **parameters)
        answer = site.person.post(LOGOUT, {**page.hidden_fields(), "confirm": "yes"})
        assert (answer.status, answer.location) == (200, ""), parameters
        assert "You're logged out" in answer.text
        assert not is_logged_in(site)


def test_a_no_to_a_request_with_something_wrong_stays_here(site: OpenIDClient) -> None:
    page = ask(site, id_token_hint=id_token_of(site), post_logout_redirect_uri=OTHER_SITE)
    answer = site.person.post(LOGOUT, {**page.hidden_fields(), "confirm": "no"})
    assert (answer.status, answer.location) == (303, "/")
    assert is_logged_in(site)


def test_somebody_not_logged_in_is_told_what_was_wrong_and_goes_nowhere(site: OpenIDClient) -> None:
    stranger = Person(site.provider.application.test_client())
    for named, parameters in wrong_requests(site):
        for page in (ask(site, stranger, **parameters), ask_by_post(site, stranger, parameters)):
            assert (page.status, page.location) == (200, ""), parameters
            assert named in page.element("problems")


@pytest.mark.parametrize(
    "query", ["state=a&state=b", "id_token_hint=null&id_token_hint=undefined", "state=%ff", "client_id=%00"]
)
def test_a_malformed_query_asks_the_person_too(site: OpenIDClient, query: str) -> None:
    page = site.person.get(f"{LOGOUT}?{query}")
    assert page.status == 200
    assert "malformed" in page.element("problems")
    assert is_logged_in(site)


@pytest.mark.parametrize("transaction", ["made up", "", "e30.e30.e30"])
def test_an_expired_question_is_asked_again(site: OpenIDClient, transaction: str) -> None:
    if transaction:
        assert "expired" in ask(site, transaction=transaction).element("problems")
    page = ask(site)
    fields = {**page.hidden_fields(), "confirm": "yes", "transaction": transaction}
    again = site.person.post(LOGOUT, fields)
    assert "expired" in again.element("problems")
    assert is_logged_in(site)
    assert site.person.post(LOGOUT, {**again.hidden_fields(), "confirm": "yes"}).status == 200
    assert not is_logged_in(site)


def test_the_question_says_which_application_asks(site: OpenIDClient) -> None:
    assert "Photo Printer" in ask(site, client_id=site.client.client_id).text
    assert "An app" in ask(site).text


def test_a_posted_request_of_another_site_is_shown_by_a_get(site: OpenIDClient) -> None:
    fields = {"id_token_hint": id_token_of(site), "post_logout_redirect_uri": BACK, "state": "s"}
    kept = site.person.post(LOGOUT, fields, Origin=OTHER_SITE)
    assert kept.status == 303
    assert fields["id_token_hint"] not in kept.location
    answer = site.person.get(kept.location)
    assert (answer.status, answer.location) == (303, f"{BACK}?state=s")
    assert not is_logged_in(site)


def test_a_decision_needs_the_page_s_own_token(site: OpenIDClient) -> None:
    page = ask(site)
    fields = {**page.hidden_fields(), "confirm": "yes"}
    for wrong in ({**fields, "csrf_token": "x"}, {"confirm": "yes", "transaction": fields["transaction"]}):
        assert site.person.post(LOGOUT, wrong).status == 400
    assert site.person.post(LOGOUT, fields, Origin=OTHER_SITE).status == 400
    assert is_logged_in(site)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_what_a_native_app_registered_matches_to_the_character(provider: Provider, host: str) -> None:
    registered = f"http://{host}:8000/out"
    site = create_site(provider, post_logout_redirect_uris=[registered])
    for other in (f"http://{host}:49152/out", f"http://{host}/out"):
        answer = ask(site, id_token_hint=id_token_of(site), post_logout_redirect_uri=other)
        assert answer.location != other
        assert other not in answer.text
        site.person.log_in("alice")
    assert ask(site, id_token_hint=id_token_of(site), post_logout_redirect_uri=registered).location == registered


@pytest.mark.parametrize(
    "value", ["https://client.example", ["http://evil.example"], ["javascript:x"], [1], 5], ids=repr
)
def test_what_cannot_be_registered_is_refused(provider: Provider, value: object) -> None:
    assert register(provider, post_logout_redirect_uris=value).error == "invalid_client_metadata"


def test_what_ends_with_the_login_is_dead_afterwards(site: OpenIDClient) -> None:
    tokens = site.get_tokens()
    ask(site, id_token_hint=tokens["id_token"])
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert site.provider.get("/oauth/userinfo", **bearer).status == 401


def test_discovery_names_it_and_switched_off_it_is_not_there(provider: Provider, create_application: Create) -> None:
    assert provider.get(METADATA).json["end_session_endpoint"].endswith(LOGOUT)
    without = Provider(create_application(OAUTH2_SPECS={"oidc_rp_initiated_logout": False}))
    assert "end_session_endpoint" not in without.get(METADATA).json
    assert without.get(LOGOUT).status == 404
