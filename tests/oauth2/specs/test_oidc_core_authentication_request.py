"""What a client may ask about the login: prompt, max_age, hints; and what is asked wrongly."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine

from tests.support.openid_client import OpenIDClient
from tests.support.person import REDIRECT_URI, Answer, code_of
from tests.support.token_requests import Provider

START = 1_900_000_000


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    return OpenIDClient.create(stored_provider)


def error_of(answer: Answer) -> str:
    assert answer.status in (302, 303)
    return dict(parse_qsl(urlsplit(answer.location).query)).get("error", "")


def is_login_page(answer: Answer) -> bool:
    return answer.status in (302, 303) and urlsplit(answer.location).path == "/"


def log_in_there(site: OpenIDClient, answer: Answer, username: str = "alice") -> Answer:
    """Log in on the page that the answer leads to; return where that goes on to, opened."""
    assert is_login_page(answer)
    page = site.person.get(answer.location)
    assert page.status == 200
    assert 'name="username"' in page.text
    entered = site.person.post(answer.location, {**page.hidden_fields(), "username": username})
    assert entered.status == 303
    return site.person.get(entered.location)


# prompt=none


def test_none_shows_no_page_to_somebody_who_is_not_logged_in(site: OpenIDClient) -> None:
    answer = site.ask(prompt="none", state="s" * 128)
    assert error_of(answer) == "login_required"
    assert dict(parse_qsl(urlsplit(answer.location).query))["state"] == "s" * 128


def test_none_shows_no_page_to_somebody_who_was_not_asked(site: OpenIDClient) -> None:
    site.person.log_in()
    assert error_of(site.ask(prompt="none")) == "consent_required"


def test_none_answers_at_once_where_all_is_well_with_the_same_login(site: OpenIDClient) -> None:
    site.person.log_in()
    first = site.judge(site.get_tokens()["id_token"])
    second = site.judge(site.redeem(code_of(site.ask(prompt="none")))["id_token"])
    assert (first["sub"], first["auth_time"], first["sid"]) == (second["sub"], second["auth_time"], second["sid"])


@pytest.mark.parametrize("prompt", ["none login", "none consent", "magic", "login magic"])
def test_what_makes_no_sense_is_refused(site: OpenIDClient, prompt: str) -> None:
    site.person.log_in()
    assert error_of(site.ask(prompt=prompt)) == "invalid_request"


# Logging in anew


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
def test_somebody_who_is_logged_in_logs_in_again_once(site: OpenIDClient, asked: dict[str, str]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        site.person.log_in()
        first = site.judge(site.get_tokens()["id_token"])
        clock.shift(2)
        second = site.judge(site.redeem(code_of(log_in_there(site, site.ask(**asked))))["id_token"])
    assert second["auth_time"] == first["auth_time"] + 2


def test_logging_in_again_within_the_same_second_is_enough(site: OpenIDClient) -> None:
    with time_machine.travel(START, tick=False):
        site.person.log_in()
        site.get_tokens()
        assert code_of(log_in_there(site, site.ask(prompt="login")))


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_somebody_who_is_not_logged_in_logs_in_once(site: OpenIDClient, asked: dict[str, str]) -> None:
    page = log_in_there(site, site.ask(**asked))
    assert page.status == 200
    assert code_of(site.person.decide(page))


def test_coming_back_without_logging_in_asks_again(site: OpenIDClient) -> None:
    site.person.log_in()
    site.get_tokens()
    login = site.ask(prompt="login")
    back = dict(parse_qsl(urlsplit(login.location).query))["next"]
    assert is_login_page(site.person.get(back))


def test_another_user_may_log_in_where_any_will_do(site: OpenIDClient) -> None:
    site.person.log_in("alice")
    first = site.judge(site.get_tokens()["id_token"])
    page = log_in_there(site, site.ask(prompt="select_account"), "bob")
    second = site.judge(site.redeem(code_of(site.person.decide(page)))["id_token"])
    assert second["sub"] != first["sub"]


def test_logging_in_again_keeps_what_other_clients_have_and_another_user_ends_it(site: OpenIDClient) -> None:
    site.person.log_in("alice")
    held = site.get_tokens()
    log_in_there(site, site.ask(prompt="login"), "alice")
    assert site.provider.is_active(site.client, held["access_token"])
    log_in_there(site, site.ask(prompt="login"), "bob")
    assert not site.provider.is_active(site.client, held["access_token"])


# How long ago


def test_a_login_that_is_young_enough_does_and_an_older_one_does_not(site: OpenIDClient) -> None:
    with time_machine.travel(START, tick=False) as clock:
        site.person.log_in()
        site.get_tokens()
        clock.shift(9)
        token = site.redeem(code_of(site.ask(max_age="10")))["id_token"]
        assert site.judge(token)["auth_time"] == START
        clock.shift(1)
        assert is_login_page(site.ask(max_age="10"))
        assert error_of(site.ask(max_age="10", prompt="none")) == "login_required"


@pytest.mark.parametrize("max_age", ["-1", "1.5", "soon", "9" * 11, "٣"])
def test_an_age_is_a_number_of_seconds(site: OpenIDClient, max_age: str) -> None:
    assert error_of(site.ask(max_age=max_age)) == "invalid_request"


# Consent


def test_consent_is_asked_for_again_where_the_client_wants_it(site: OpenIDClient) -> None:
    site.person.log_in()
    site.get_tokens()
    assert site.ask().status in (302, 303)
    page = site.ask(prompt="consent")
    assert page.status == 200
    assert code_of(site.person.decide(page))


# Hints


def test_a_hint_of_the_same_user_answers_silently_even_long_after(site: OpenIDClient) -> None:
    site.person.log_in()
    with time_machine.travel(START, tick=False) as clock:
        site.person.log_in()
        token = site.get_tokens()["id_token"]
        clock.shift(3600)
        assert code_of(site.ask(prompt="none", id_token_hint=token))


def test_a_hint_of_another_user_is_never_answered_for_this_one(site: OpenIDClient) -> None:
    site.person.log_in("alice")
    hint = site.get_tokens()["id_token"]
    site.person.log_in("bob")
    site.get_tokens()
    assert error_of(site.ask(prompt="none", id_token_hint=hint)) == "login_required"
    asked = site.ask(id_token_hint=hint)
    assert error_of(log_in_there(site, asked, "bob")) == "login_required"
    assert code_of(log_in_there(site, site.ask(id_token_hint=hint), "alice"))


@pytest.mark.parametrize("is_posted", [False, True])
def test_a_hint_is_kept_nowhere_and_still_holds(site: OpenIDClient, is_posted: bool) -> None:
    site.person.log_in("alice")
    hint = site.get_tokens()["id_token"]
    site.person.log_in("bob")
    asked = {"scope": "openid", "id_token_hint": hint, **site.pkce.parameters}
    sent = {"response_type": "code", "client_id": site.client.client_id, "redirect_uri": REDIRECT_URI, **asked}
    answer = site.person.post("/oauth/authorize", sent) if is_posted else site.ask(**asked)
    answer = site.person.get(answer.location) if is_posted else answer
    assert is_login_page(answer)
    assert hint not in site.provider.read_everything()
    assert hint not in answer.location
    assert error_of(log_in_there(site, answer, "bob")) == "login_required"


def test_a_hint_that_is_no_id_token_of_ours_is_refused(site: OpenIDClient) -> None:
    site.person.log_in()
    given = site.get_tokens()
    head, body, signature = given["id_token"].split(".")
    unsigned = "eyJhbGciOiJub25lIn0." + body + "."
    jwt_client = OpenIDClient.create(site.provider)
    keys = site.provider.server.keys
    foreign = keys.sign(None, {"iss": "https://elsewhere.example", "sub": "x"}, "RS256")
    other_kind = keys.sign("at+jwt", {"iss": "http://127.0.0.1:5000", "sub": "x"}, "RS256")
    broken = f"{head}.{body}.{signature[:-4]}AAAA"
    for hint in ("nonsense", given["access_token"], unsigned, foreign, other_kind, broken):
        assert error_of(jwt_client.ask(id_token_hint=hint)) == "invalid_request"


def test_a_login_hint_stands_in_the_form_as_text(site: OpenIDClient) -> None:
    page = site.person.get(site.ask(login_hint='ada"><script>').location)
    assert 'value="ada&#34;&gt;&lt;script&gt;"' in page.text


# The rest


@pytest.mark.parametrize("name", ["display", "ui_locales", "claims_locales", "extra"])
def test_wishes_and_unknown_parameters_disturb_nothing(site: OpenIDClient, name: str) -> None:
    site.person.log_in()
    assert site.get_tokens(**{name: "popup"})["id_token"]


def test_a_posted_request_is_asked_for_the_same(site: OpenIDClient) -> None:
    fields = {
        "response_type": "code", "client_id": site.client.client_id, "redirect_uri": REDIRECT_URI, "scope": "openid",
        "prompt": "none", **site.pkce.parameters,
    }  # fmt: skip
    kept = site.person.post("/oauth/authorize", fields)
    assert kept.status == 303
    assert error_of(site.person.get(kept.location)) == "login_required"
