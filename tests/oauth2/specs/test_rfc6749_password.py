"""The password grant: legacy, for clients that chose it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.token_requests import FORM, PRODUCTION, TOKEN, Answer, Provider, open_provider

#: Every test here types wrong passwords from one address; tests/users/test_login_throttle.py is about that.
UNTHROTTLED = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 0, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 0}


def test_a_user_name_and_password_give_tokens_of_that_user(provider: Provider) -> None:
    client = provider.create_client("password", "refresh_token")
    first, again = provider.log_in(client, "alice"), provider.log_in(client, "alice")
    other = provider.log_in(client, "bob")
    subjects = [provider.introspect(client, response["access_token"])["sub"] for response in (first, again, other)]
    assert subjects[0] == subjects[1] != subjects[2]
    assert "alice" not in subjects[0]
    assert first.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}


def test_a_client_that_did_not_choose_refresh_tokens_gets_none(provider: Provider) -> None:
    assert "refresh_token" not in provider.log_in(provider.create_client("password"))


@pytest.mark.parametrize("grants", [("authorization_code",), ("client_credentials",), ("refresh_token",)])
def test_a_client_that_did_not_choose_it_cannot_use_it(provider: Provider, grants: tuple[str, ...]) -> None:
    provider.create_user()
    answer = provider.ask_token(provider.create_client(*grants), "password", username="alice", password="valid")
    assert (answer.status, answer.error) == (400, "unauthorized_client")


@pytest.mark.parametrize("missing", ["username", "password"])
def test_both_fields_are_needed(provider: Provider, missing: str) -> None:
    provider.create_user()
    fields = {"username": "alice", "password": "valid"}
    del fields[missing]
    answer = provider.ask_token(provider.create_client("password"), "password", **fields)
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_unknown_user_and_wrong_password_get_the_same_answer(provider: Provider) -> None:
    client = provider.create_client("password")
    provider.create_user()
    wrong = provider.ask_token(client, "password", username="alice", password="wrong")
    unknown = provider.ask_token(client, "password", username="nobody at all", password="valid")
    assert (wrong.status, wrong.error) == (400, "invalid_grant")
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)


def test_it_does_not_make_users(provider: Provider) -> None:
    client = provider.create_client("password")
    assert provider.ask_token(client, "password", username="ghost", password="valid").error == "invalid_grant"
    assert provider.server.users.find_by_name("ghost") is None


def test_an_unregistered_scope_is_refused(provider: Provider) -> None:
    provider.create_user()
    client = provider.create_client("password", scope="profile")
    answer = provider.ask_token(client, "password", username="alice", password="valid", scope="photos")
    assert (answer.status, answer.error) == (400, "invalid_scope")


@pytest.mark.parametrize("name", ["\U0001f98a Zoë", "名前", "Ⅷ", "ﬁ", "İ"])
def test_four_byte_names_are_kept_whole(stored_provider: Provider, name: str) -> None:
    client = stored_provider.create_client("password")
    stored_provider.log_in(client, name)
    assert stored_provider.server.users.find_by_name(name).username == name


@pytest.mark.parametrize("password", ["a\0b", "\x1b[2J", "a\r\nb"])
def test_control_characters_are_refused(stored_provider: Provider, password: str) -> None:
    client = stored_provider.create_client("password")
    answer = stored_provider.ask_token(client, "password", username="alice", password=password)
    assert (answer.status, answer.error) == (400, "invalid_request")


TEXT = st.one_of(st.text(max_size=40), st.text(alphabet="\0\ud800\U0001f511ﷺa%\\'\"", max_size=60))


@given(username=TEXT, password=TEXT, scope=TEXT)
@settings(max_examples=75)
def test_no_text_breaks_the_server(stored_provider: Provider, username: str, password: str, scope: str) -> None:
    client = stored_provider.create_client("password")
    fields = {"grant_type": "password", "username": username, "password": password, "scope": scope}
    raw = urlencode([*fields.items()], errors="surrogatepass").encode()
    headers = {"Authorization": client.basic}
    answer = stored_provider.open("POST", TOKEN, data=raw, content_type=FORM, headers=headers)
    assert answer.status == 400


@pytest.mark.parametrize("name", ["username", "password", "scope", "client_id", "refresh_token", "code", "token"])
@pytest.mark.parametrize("value", ["x" * 10_000, "é" * 10_000, "a" * 300 + "\0"])
def test_long_values_are_refused(stored_provider: Provider, name: str, value: str) -> None:
    client = stored_provider.create_client("password", token_endpoint_auth_method="none")
    fields = {"grant_type": "password", "username": "alice", "password": "valid", name: value}
    answer = stored_provider.post(TOKEN, fields, None if name == "client_id" else client)
    assert answer.status in (400, 401)


# In production: real passwords


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("production")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION, **UNTHROTTLED) as opened:
        yield opened


@pytest.fixture
def ask(production: Provider) -> Callable[[str, str], Answer]:
    client = production.create_client("password")

    def ask(username: str, password: str) -> Answer:
        fields = {"grant_type": "password", "username": username, "password": password}
        return production.post(TOKEN, fields, client)

    return ask


def test_the_password_of_the_demo_opens_nothing_in_production(
    production: Provider, ask: Callable[[str, str], Answer]
) -> None:
    production.server.users.create("carol", "correct horse")
    production.server.users.create("without password")
    assert ask("carol", "correct horse").status == 200
    for username in ("carol", "nobody", "without password"):
        for password in ("valid", "Correct horse", "correct horse ", "None"):
            assert ask(username, password).error == "invalid_grant"


@pytest.mark.usefixtures("real_password_hashes")
def test_passwords_are_stored_as_argon2id(production: Provider) -> None:
    production.server.users.create("dave", "battery staple")
    stored = production.read_everything()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    assert "battery staple" not in stored


def test_an_endless_password_is_refused_without_being_hashed(ask: Callable[[str, str], Answer]) -> None:
    assert ask("carol", "x" * 2000).error == "invalid_grant"


def test_too_many_logins_at_once_are_told_to_come_back(ask: Callable[[str, str], Answer]) -> None:
    """Two are checked, eight wait; the others hear 503 at once instead of taking 19 MiB each."""
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda number: ask("erin", f"wrong {number}"), range(24)))
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {400, 503}
    for answer in refused:
        assert answer.error == "temporarily_unavailable"
        assert answer.headers["Retry-After"]
