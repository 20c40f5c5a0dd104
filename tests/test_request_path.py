"""A path is read in one way only: what could be read in two is refused before limits and routes look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.embedding_host import PREFIX, Host
from tests.support.token_requests import FORM, PRODUCTION, Provider, open_provider
from website.request_path import RequestPaths, is_plain

LIMITS = {"authorize": 3, "login": 3, "token": 3, "register": 3}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    settings = {**PRODUCTION, "OAUTH2_RATE_LIMITS": LIMITS, "OAUTH2_REGISTRATION": "open"}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


def post(provider: Provider, path: str, **overrides: str) -> int:
    # As a WSGI server hands it over: decoded, and otherwise as it came.
    return provider.open(
        "POST", "/", data="a=b", content_type=FORM, environ_overrides={"PATH_INFO": path, **overrides}
    ).status


@pytest.mark.parametrize("spelling", ["//", "///", "/./", "/.", "/../", "/a/../", "/\\", "/\0", "/\t", "//.", "/\x7f"])
@pytest.mark.parametrize("path", ["/", "/oauth/authorize", "/oauth/token", "/oauth/register", "/account"])
def test_no_other_spelling_of_a_path_is_answered(provider: Provider, path: str, spelling: str) -> None:
    address = {"REMOTE_ADDR": "198.51.100.1"}
    assert post(provider, spelling + path[1:], **address) == 404
    assert post(provider, spelling.rstrip("/") + path, **address) == 404 or spelling.strip("/") == ""


@pytest.mark.parametrize("path", ["", "/"])
def test_the_empty_path_is_the_first_page_and_has_its_limit(provider: Provider, path: str) -> None:
    address = {"REMOTE_ADDR": f"198.51.100.{3 + len(path)}"}
    assert [post(provider, path, **address) for _ in range(4)] == [400, 400, 400, 429]


@pytest.mark.parametrize("method", ["post", "Post", "get"])
def test_a_method_in_small_letters_is_no_way_around_a_limit(provider: Provider, method: str) -> None:
    answers = [provider.open("POST", "/", environ_overrides={"REQUEST_METHOD": method}) for _ in range(2)]
    assert {(answer.status, answer.error) for answer in answers} == {(400, "invalid_request")}


@pytest.mark.parametrize("path", ["/oauth/token/", "/oauth/authorize/", "/account/"])
def test_a_slash_at_the_end_makes_another_address_which_is_nobodys(provider: Provider, path: str) -> None:
    assert post(provider, path, REMOTE_ADDR="198.51.100.9") == 404


@given(st.text(alphabet="/.\\%ao\0\t é;", max_size=12))
@settings(max_examples=400)
def test_a_plain_path_means_the_same_to_everybody(text: str) -> None:
    path = "/" + text
    parts = path.split("/")[1:]
    body = parts[:-1] if len(parts) > 1 and parts[-1] == "" else parts
    clear = all(part and part not in (".", "..") for part in body) and not set(path) & set("\\\0\t")
    assert is_plain(path) == (path == "/" or clear)


@given(
    st.sampled_from(["/", "/oauth/authorize", "/oauth/token", "/oauth/register"]),
    st.lists(st.sampled_from(["/", "//", "/.", "/..", "\\", "\0", "/x/..", ""]), max_size=4),
)
@settings(max_examples=100)
def test_whatever_is_put_before_a_limited_path_is_limited_or_not_there(
    provider: Provider, path: str, before: list[str]
) -> None:
    status = post(provider, "".join(before) + path, REMOTE_ADDR="198.51.100.10")
    is_itself = "".join(before) in ("", "/") and ("".join(before) + path in (path, "/"))
    assert is_itself or status == 404


def test_embedded_the_same_holds_below_the_prefix(tmp_path: Path, sqlite_uri: str) -> None:
    host = Host(sqlite_uri, tmp_path)
    host.set_up()
    door = host.app.test_client()
    assert door.get(f"{PREFIX}/oauth/jwks").status_code == 200
    for path in ("//oauth/jwks", "/./oauth/jwks", "/../oauth/jwks", "/oauth//jwks", "\\oauth/jwks", "/\0"):
        for spelling in (PREFIX + path, f"//{PREFIX[1:]}{path}", f"/.{PREFIX}{path}"):
            assert door.get("/", environ_overrides={"PATH_INFO": spelling}).status_code == 404
    host.close()


OWN = ("/", "/oauth/token", "/account", "/static/<path:filename>", "/.well-known/openid-configuration")


@pytest.mark.parametrize(
    ("issuer", "came", "script_name", "path"),
    [
        ("https://h.example/auth", "/auth/oauth/token", "/auth", "/oauth/token"),
        ("https://h.example/auth", "/oauth/token", "/auth", "/oauth/token"),
        ("https://h.example/auth", "/auth", "/auth", "/"),
        ("https://h.example/auth", "/auth/", "/auth", "/"),
        ("https://h.example/auth", "/authority", "/auth", "/authority"),
        ("https://h.example/auth", "/auth/auth/oauth/token", "/auth", "/auth/auth/oauth/token"),
        ("https://h.example/a/b", "/a/b/account", "/a/b", "/account"),
        ("https://h.example/oauth", "/oauth/token", "/oauth", "/oauth/token"),
        ("https://h.example/oauth", "/oauth/oauth/token", "/oauth", "/oauth/token"),
        ("https://h.example/oauth", "/oauth/account", "/oauth", "/account"),
        ("https://h.example", "/auth/oauth/token", "", "/auth/oauth/token"),
        ("", "/oauth/token", "", "/oauth/token"),
    ],
)
def test_the_issuers_path_is_taken_off_where_a_proxy_kept_it(
    issuer: str, came: str, script_name: str, path: str
) -> None:
    environ = {"SCRIPT_NAME": "", "PATH_INFO": came}
    assert RequestPaths(issuer, lambda: OWN).put_in_place(environ)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path)


def test_a_path_that_was_taken_off_already_is_not_taken_off_again() -> None:
    environ = {"SCRIPT_NAME": "/auth", "PATH_INFO": "/auth/oauth/token"}
    assert RequestPaths("https://h.example/auth", lambda: OWN).put_in_place(environ)
    assert environ["PATH_INFO"] == "/auth/oauth/token"


@pytest.mark.usefixtures("secure_transport_required")
@pytest.mark.parametrize("issuer", ["https://h.example//a", "https://h.example/a/../b", "https://h.example/./a"])
def test_an_issuer_whose_path_is_unclear_stops_the_start(
    create_application: Callable[..., object], issuer: str
) -> None:
    with pytest.raises(Exception, match="OAUTH2_ISSUER"):
        create_application(**{**PRODUCTION, "OAUTH2_ISSUER": issuer})


def test_paths_that_are_too_long_to_be_answered_take_no_memory(provider: Provider) -> None:
    before = is_plain.cache_info().currsize
    for number in range(20):
        assert post(provider, f"/{number}{'a' * 60_000}", REMOTE_ADDR="198.51.100.10") == 414
    assert is_plain.cache_info().currsize == before
