"""JWT access tokens at an API: which ones the protector believes, and what it does while the issuer is away."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from tests.support.issuer import RESOURCE, Issuer
from website.resource_server import Protector, RefusalError
from website.resource_server.cached_document import CachedDocument
from website.resource_server.refusals import UnavailableError

Refuse = Callable[..., RefusalError]
KEYS, METADATA = "/jwks", "/.well-known/oauth-authorization-server"
#: Longer than from the collection of the tests to their end.
DAY = 86400


def test_a_token_is_verified_with_nothing_but_issuer_and_audience(issuer: Issuer) -> None:
    protector = Protector(issuer.url, RESOURCE)
    token = protector.check(f"Bearer {issuer.sign()}")
    assert (token.subject, token.client_id, token.scopes) == ("user-1", "client-1", ("notes.read",))
    assert [protector.check(f"bearer {issuer.sign()}").subject for _ in range(3)] == ["user-1"] * 3
    assert issuer.asked == [METADATA, KEYS]


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, auto_kid=True)),
        ("PS256", RSAKey.generate_key(2048, auto_kid=True)),
        ("ES384", ECKey.generate_key("P-384", auto_kid=True)),
        ("EdDSA", OKPKey.generate_key("Ed25519", auto_kid=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # of the signer
def test_every_usual_algorithm_is_known(issuer: Issuer, protector: Protector, algorithm: str, key: Key) -> None:
    issuer.keys.append(key)
    assert protector.check(f"Bearer {issuer.sign({'alg': algorithm}, key)}").subject == "user-1"


@pytest.mark.parametrize("audience", [RESOURCE, ["https://other.example", RESOURCE], "HTTPS://API.example:443/notes/"])
def test_the_audience_is_the_resource_in_any_equal_spelling(
    issuer: Issuer, protector: Protector, audience: object
) -> None:
    assert protector.check(f"Bearer {issuer.sign(aud=audience)}").client_id == "client-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://api.example/other"},
        {"aud": "https://api.example/notes/more"},
        {"aud": "https://api.example/Notes"},
        {"aud": "https://api.example/notes//"},
        {"aud": "https://api.example:8443/notes"},
        {"aud": "http://api.example/notes"},
        {"aud": []},
        {"aud": None},
        {"aud": [{"a": 1}, 7, "", "http://[", None]},
        {"iss": "https://evil.example"},
        {"iss": None},
        pytest.param({"exp": int(time.time()) - 30}, id="expired"),
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1e300},
        pytest.param({"nbf": int(time.time()) + DAY}, id="not valid yet"),
        pytest.param({"iat": int(time.time()) + DAY}, id="issued tomorrow"),
        {"sub": None},
        {"sub": 7},
        {"client_id": None},
        {"scope": ["notes.read"]},
        {"cnf": {"jkt": "x"}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"typ": "logout+jwt"}},
        {"header": {"kid": "made-up"}},
        {"header": {"kid": None}},
        {"header": {"crit": ["b64"], "b64": False}},
    ],
    ids=str,
)
def test_a_token_of_the_issuer_that_is_for_something_else_is_refused(
    issuer: Issuer, protector: Protector, refuse: Refuse, changes: dict[str, Any]
) -> None:
    refusal = refuse(protector, issuer.sign(**changes), "notes.read")
    assert (refusal.status, refusal.error) == (401, "invalid_token")
    assert (
        'resource_metadata="https://api.example/.well-known/oauth-protected-resource/notes"'
        in (refusal.headers["WWW-Authenticate"])
    )


def test_the_header_does_not_choose_how_a_token_is_verified(
    issuer: Issuer, protector: Protector, refuse: Refuse
) -> None:
    key, own, claims = issuer.keys[0], ECKey.generate_key("P-256"), issuer.claims()
    header = {"typ": "at+jwt", "kid": key.kid}
    secret = OctKey.import_key(json.dumps(key.as_dict(private=False)))
    unsigned = f"{_encoded({**header, 'alg': 'none'})}.{_encoded(claims)}."
    good = issuer.sign(scope="").split(".")
    for text in (
        unsigned,
        jwt.encode({**header, "alg": "HS256"}, claims, secret),
        jwt.encode({**header, "alg": "ES256"}, claims, own),
        jwt.encode({**header, "alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own),
        f"{good[0]}.{_encoded(claims)}.{good[2]}",
        f"{good[0]}.{good[1]}.",
        "..",
        "a.b.c",
        f"{_encoded([])}.e30.e30",
        f"{_encoded({**header, 'alg': ['ES256']})}.e30.e30",
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode().rstrip('=')}.e30.e30",
    ):
        assert refuse(protector, text).status == 401


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_key_is_used_for_its_own_algorithm_alone(issuer: Issuer, protector: Protector, refuse: Refuse) -> None:
    key = RSAKey.generate_key(2048, {"alg": "RS256", "use": "sig"}, auto_kid=True)
    issuer.keys = [key]
    text = jwt.encode(
        {"alg": "PS256", "typ": "at+jwt", "kid": key.kid}, issuer.claims(),
        RSAKey.import_key({**key.as_dict(private=True), "alg": "PS256"}), algorithms=["PS256"],
    )  # fmt: skip
    assert refuse(protector, text).status == 401
    assert protector.check(f"Bearer {issuer.sign({'alg': 'RS256'}, key)}")


def test_an_algorithm_left_out_is_refused(issuer: Issuer, refuse: Refuse) -> None:
    assert refuse(Protector(issuer.url, RESOURCE, algorithms=["RS256"]), issuer.sign()).status == 401
    with pytest.raises(ValueError, match="HS256"):
        Protector(issuer.url, RESOURCE, algorithms=["HS256"])


def test_the_type_jwt_is_a_choice(issuer: Issuer, refuse: Refuse) -> None:
    protector = Protector(issuer.url, RESOURCE, types=["at+jwt", "JWT"])
    for name in ("JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"):
        assert protector.check(f"Bearer {issuer.sign({'typ': name})}")
    assert refuse(protector, issuer.sign({"typ": None})).status == 401


def test_keys_that_sign_nothing_are_left_out(issuer: Issuer, protector: Protector, refuse: Refuse) -> None:
    good = issuer.keys[0]
    secret = OctKey.generate_key(256, auto_kid=True)
    other = ECKey.generate_key("P-256", {"use": "enc"}, auto_kid=True)
    odd = [7, {}, {"kty": "EC", "kid": "x"}, {"kty": "NEW", "kid": "y"}]
    issuer.key_set = {"keys": [*odd, secret.as_dict(private=True), other.as_dict(), good.as_dict(private=False)]}
    assert protector.check(f"Bearer {issuer.sign()}")
    assert refuse(protector, issuer.sign({"kid": other.kid})).status == 401


def test_a_new_key_is_fetched_and_made_up_keys_are_not_asked_about_again(
    issuer: Issuer, protector: Protector, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protector.check(f"Bearer {issuer.sign()}")
    assert [refuse(protector, issuer.sign({"kid": f"made-up {n}"})).status for n in range(5)] == [401] * 5
    assert issuer.asked.count(KEYS) == 1
    new = ECKey.generate_key("P-256", auto_kid=True)
    issuer.keys.append(new)
    monkeypatch.setattr(protector._jwts._keys, "_pause_seconds", 0)
    assert protector.check(f"Bearer {issuer.sign(key=new)}")
    assert issuer.asked.count(KEYS) == 2


def test_while_the_issuer_is_away_the_keys_in_memory_serve(
    issuer: Issuer, protector: Protector, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert protector.check(f"Bearer {issuer.sign()}")
    for name in ("_pause_seconds", "_fresh_seconds"):
        monkeypatch.setattr(protector._jwts._keys, name, 0)
    issuer.status = 503
    assert protector.check(f"Bearer {issuer.sign()}")
    # A key that isn't known may be new, so its token isn't called invalid.
    assert refuse(protector, issuer.sign(key=ECKey.generate_key("P-256", auto_kid=True))).status == 503
    monkeypatch.setattr(protector._jwts._keys, "_keep_seconds", 0)
    assert refuse(protector, issuer.sign()).status == 503
    monkeypatch.undo()
    issuer.status = 200
    monkeypatch.setattr(protector._jwts._keys, "_fresh_seconds", 0)
    monkeypatch.setattr(protector._jwts._keys, "_pause_seconds", 0)
    assert protector.check(f"Bearer {issuer.sign()}")


def test_without_any_keys_the_response_is_503_and_the_next_attempt_follows_soon(
    issuer: Issuer, protector: Protector, refuse: Refuse
) -> None:
    issuer.status = 500
    refusals = [refuse(protector, issuer.sign(), "notes.read") for _ in range(5)]
    assert {(refusal.status, refusal.headers["Retry-After"]) for refusal in refusals} == {(503, "5")}
    assert all("WWW-Authenticate" not in refusal.headers for refusal in refusals)
    assert len(issuer.asked) <= 2
    issuer.status = 200
    time.sleep(1.1)
    assert protector.check(f"Bearer {issuer.sign()}")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_metadata_of_another_issuer_or_without_https_is_not_used(
    issuer: Issuer, protector: Protector, refuse: Refuse, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    assert refuse(protector, issuer.sign()).status == 503
    assert issuer.asked == [METADATA]


@pytest.mark.parametrize("key_set", [b"no JSON", [], {}, {"keys": 7}, b'"' + b"a" * 300_000 + b'"'], ids=str)
def test_a_key_set_that_is_none_is_not_used(issuer: Issuer, protector: Protector, refuse: Refuse, key_set: Any) -> None:
    issuer.key_set = key_set
    assert refuse(protector, issuer.sign()).status == 503


def test_many_threads_cause_one_request_for_the_keys(issuer: Issuer, protector: Protector) -> None:
    text = issuer.sign()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _n: protector.check(f"Bearer {text}").subject, range(64)))
    assert found == ["user-1"] * 64
    assert issuer.asked == [METADATA, KEYS]


def test_an_old_copy_is_used_by_the_others_while_one_thread_fetches() -> None:
    inner: list[object] = []

    def fetch() -> int:
        inner.append(document.recall())
        return len(inner)

    document = CachedDocument(fetch, fresh_seconds=0, pause_seconds=1)
    assert (document.recall(), document.get()) == (None, 1)
    time.sleep(1.1)
    assert document.recall() is None
    assert (document.get(), inner) == (2, [None, 1])


def test_a_document_that_never_came_is_unavailable() -> None:
    def fetch() -> int:
        raise UnavailableError

    document = CachedDocument(fetch, fresh_seconds=0)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            document.get()
