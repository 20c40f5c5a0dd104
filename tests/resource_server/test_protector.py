"""The protector of an API: its challenges, its metadata, and what it says about the request itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.issuer import RESOURCE, Issuer
from website.resource_server import Protector, RefusalError, Requirement

Refuse = Callable[..., RefusalError]
METADATA = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/notes"'
ONE = Requirement(("notes.read", "notes.write"))


@pytest.mark.parametrize(
    ("header", "status", "challenge"),
    [
        (None, 401, f'Bearer scope="notes.read notes.write", {METADATA}'),
        ("", 401, f'Bearer scope="notes.read notes.write", {METADATA}'),
        ("Basic YTpi", 401, f'Bearer scope="notes.read notes.write", {METADATA}'),
        ("Bearer", 400, 'Bearer error="invalid_request", '),
        ("Bearer a b", 400, 'Bearer error="invalid_request", '),
        ("Bearer a, Bearer b", 400, 'Bearer error="invalid_request", '),
        ("Bearer é", 401, 'Bearer error="invalid_token", '),
        ('Bearer a"b', 401, 'Bearer error="invalid_token", '),
        ("Bearer " + "a" * 20_000, 401, 'Bearer error="invalid_token", '),
    ],
)
def test_a_request_without_a_readable_token_gets_a_challenge(
    issuer: Issuer, protector: Protector, header: str | None, status: int, challenge: str
) -> None:
    with pytest.raises(RefusalError) as refused:
        protector.check(header, ONE)
    assert refused.value.status == status
    assert refused.value.headers["WWW-Authenticate"].startswith(challenge)
    assert METADATA in refused.value.headers["WWW-Authenticate"]
    assert issuer.asked == []


def test_a_missing_scope_is_403_and_the_challenge_has_all_scopes(
    issuer: Issuer, protector: Protector, refuse: Refuse
) -> None:
    for text in (issuer.sign(), issuer.seal("sealed")):
        refusal = refuse(protector, text, "notes.read", "notes.write")
        assert (refusal.status, refusal.body["error"]) == (403, "insufficient_scope")
        assert refusal.headers["WWW-Authenticate"] == (
            'Bearer error="insufficient_scope", error_description="The access token lacks the scope notes.write.", '
            f'scope="notes.read notes.write", {METADATA}'
        )


def test_a_login_that_is_too_old_or_too_weak_asks_for_another_one(
    issuer: Issuer, protector: Protector, refuse: Refuse
) -> None:
    now = int(time.time())
    assert protector.check(f"Bearer {issuer.sign(auth_time=now - 50)}", Requirement(max_age=60))
    for text in (issuer.sign(auth_time=now - 90), issuer.sign(), issuer.seal("sealed", auth_time="now")):
        refusal = refuse(protector, text, max_age=60)
        assert (refusal.status, refusal.error) == (401, "insufficient_user_authentication")
        assert 'max_age="60"' in refusal.headers["WWW-Authenticate"]
    assert 'max_age="0"' in refuse(protector, issuer.sign(), max_age=0).headers["WWW-Authenticate"]
    assert protector.check(f"Bearer {issuer.sign(acr='strong')}", Requirement(acr_values=("strong", "stronger")))
    refusal = refuse(protector, issuer.sign(acr="weak"), acr_values=("strong", "stronger"))
    assert 'acr_values="strong stronger"' in refusal.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("resource", "url", "paths"),
    [
        ("https://api.example", "https://api.example", [""]),
        ("https://api.example/", "https://api.example", [""]),
        ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000", ["/mcp", ""]),
        ("https://api.example/a/b", "https://api.example", ["/a/b", ""]),
        ("https://api.example/a/", "https://api.example", ["/a/", ""]),
    ],
)
def test_the_metadata_has_its_place_between_host_and_path(
    issuer: Issuer, resource: str, url: str, paths: list[str]
) -> None:
    metadata = Protector(issuer.url, resource, scopes=["notes.read"], name="Notes").metadata
    well_known = "/.well-known/oauth-protected-resource"
    assert metadata.url == url + well_known + paths[0]
    assert metadata.paths == tuple(well_known + path for path in paths)
    assert metadata.document == {
        "resource": resource,
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["notes.read"],
        "resource_name": "Notes",
    }


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "api", "", "https://", "https://a.example/?b", "https://a.example/#b", "ftp://a.example"],
)
def test_what_is_no_safe_url_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="resource"):
        Protector("https://id.example", url)
    with pytest.raises(ValueError, match="issuer"):
        Protector(url, "https://api.example")


def test_an_audience_that_is_no_url_is_compared_to_the_character(issuer: Issuer, refuse: Refuse) -> None:
    protector = Protector(issuer.url, RESOURCE, audience="notes")
    assert protector.check(f"Bearer {issuer.sign(aud='notes')}")
    for other in ("Notes", "note", RESOURCE, "x"):
        assert refuse(protector, issuer.sign(aud=other)).status == 401


def test_a_scope_is_one_word() -> None:
    for words in ("a b", "", 'a"', "é"):
        with pytest.raises(ValueError, match="word"):
            Requirement((words,))


def test_the_cache_is_short() -> None:
    with pytest.raises(ValueError, match="cache_seconds"):
        Protector("https://id.example", RESOURCE, credentials=("a", "b"), cache_seconds=3600)
