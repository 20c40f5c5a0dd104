"""Introspected access tokens at an API: what the protector makes of the answers, and of none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.issuer import RESOURCE, Issuer
from website.resource_server import Protector, RefusalError
from website.resource_server import introspection as introspection_module

Refuse = Callable[..., RefusalError]
INTROSPECT = "/introspect"


def test_an_active_token_for_this_api_is_accepted(issuer: Issuer, protector: Protector) -> None:
    token = protector.check(f"Bearer {issuer.seal('sealed', scope='notes.read notes.write')}")
    assert (token.subject, token.scopes) == ("user-1", ("notes.read", "notes.write"))
    assert "sealed" not in repr(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"token_type": None},
        {"token_type": "DPoP"},
        {"aud": "https://api.example/other"},
        {"aud": None},
        {"iss": "https://evil.example"},
        pytest.param({"exp": int(time.time()) - 30}, id="expired"),
        {"exp": None},
        {"client_id": None},
        {"cnf": {"jkt": "x"}},
    ],
    ids=str,
)
def test_every_other_answer_refuses(
    issuer: Issuer, protector: Protector, refuse: Refuse, changes: dict[str, Any]
) -> None:
    assert refuse(protector, issuer.seal("sealed", **changes)).status == 401


def test_a_client_acting_for_itself_has_no_subject(issuer: Issuer, protector: Protector) -> None:
    assert protector.check(f"Bearer {issuer.seal('one', sub=None)}").subject is None
    assert protector.check(f"Bearer {issuer.sign(sub='client-1')}").subject is None


def test_each_call_asks_unless_answers_are_cached(issuer: Issuer, protector: Protector, refuse: Refuse) -> None:
    caching = Protector(issuer.url, RESOURCE, credentials=("api", "secret"), cache_seconds=60)
    text = issuer.seal("sealed")
    for _ in range(3):
        assert protector.check(f"Bearer {text}")
    assert issuer.asked.count(INTROSPECT) == 3
    for _ in range(3):
        assert caching.check(f"Bearer {text}")
    assert issuer.asked.count(INTROSPECT) == 4
    issuer.tokens.clear()
    assert caching.check(f"Bearer {text}")
    assert refuse(protector, text).status == 401


def test_a_cached_token_is_refused_after_its_end(issuer: Issuer, refuse: Refuse) -> None:
    caching = Protector(issuer.url, RESOURCE, credentials=("api", "secret"), cache_seconds=60, leeway_seconds=0)
    text = issuer.seal("sealed", exp=int(time.time()) + 2)
    assert caching.check(f"Bearer {text}")
    time.sleep(2.1)
    assert refuse(caching, text).status == 401


def test_the_cache_is_bounded(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(introspection_module, "MAX_CACHED", 2)
    caching = Protector(issuer.url, RESOURCE, credentials=("api", "secret"), cache_seconds=60)
    for text in ("one", "two", "three", "three", "one"):
        assert caching.check(f"Bearer {issuer.seal(text)}")
    assert issuer.asked.count(INTROSPECT) == 4


def test_a_jwt_is_introspected_where_revocation_counts(issuer: Issuer, refuse: Refuse) -> None:
    asking = Protector(issuer.url, RESOURCE, credentials=("api", "secret"), introspects_jwts=True)
    text = issuer.sign()
    assert refuse(asking, text).status == 401
    issuer.seal(text)
    assert asking.check(f"Bearer {text}")
    before = issuer.asked.count(INTROSPECT)
    for made_up in (issuer.sign({"kid": "made-up"}), issuer.sign(aud="https://other.example"), "a.b.c"):
        assert refuse(asking, made_up).status == 401
    assert issuer.asked.count(INTROSPECT) == before


def test_without_credentials_only_jwts_are_accepted(issuer: Issuer, refuse: Refuse) -> None:
    protector = Protector(issuer.url, RESOURCE)
    assert refuse(protector, issuer.seal("sealed")).status == 401
    assert issuer.asked == []
    with pytest.raises(ValueError, match="credentials"):
        Protector(issuer.url, RESOURCE, introspects_jwts=True)


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
def test_an_answer_that_is_no_answer_is_503(issuer: Issuer, protector: Protector, refuse: Refuse, status: int) -> None:
    assert protector.check(f"Bearer {issuer.seal('sealed')}")
    issuer.status = status
    refusal = refuse(protector, "sealed")
    assert (refusal.status, refusal.headers["Retry-After"]) == (503, "5")
    assert "WWW-Authenticate" not in refusal.headers


def test_an_issuer_that_is_not_there_is_503_and_the_log_says_which(
    refuse: Refuse, caplog: pytest.LogCaptureFixture
) -> None:
    protector = Protector("http://127.0.0.1:1", RESOURCE, credentials=("api", "the-secret"))
    assert refuse(protector, "sealed").status == 503
    assert "http://127.0.0.1:1" in caplog.text
    assert "sealed" not in caplog.text
    assert "the-secret" not in caplog.text
