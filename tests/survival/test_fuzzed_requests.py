"""Whatever stands in a request of registration, authorization, logout or a client's form: never a 5xx, never a redirect
to a place that nobody verified.

Each request is a good one with some of its fields spoilt, so that about a third pass every check and reach what comes
behind. The seed is in the test's name: a failure can be had again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask

from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce

#: How many requests of each kind: `make test` sends the first number, `make soak` the second, 20,000 in all.
FEW, MANY = 250, 5_000
#: Of these at least one fifth has to be taken, or the checks in front are all that was tried.
TAKEN = 5

TEXTS = (
    "", " ", "\x00", "\x0b", "\x7f", "\x85", "\u202e", "\ufeff", "\U0001d518", "e\u0301", "a" * 5000, "-1", "0",
    "1e999", "null", "true", "[]", "{}", "%00", "%ZZ", "%2F%2F", "..", "//", "/\\evil.example", "\r\nX-Injected: 1",
    "'\"><script>", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://", "https://",
    "https:///cb", "https://[::1", "https://[::1]:port/", "https://host:99999/cb", "https://a,b/cb",
    "https://a;sandbox/cb", "https://a b/cb", "https://\u0131.example/", "https://user:pw@host/cb",
    "https://host/cb#fragment", "https://host/cb?x=%ff", "http://0/cb", "http://localhost:80@evil.example/",
    "http://127.0.0.1.evil.example/", "com.example.app:/cb", "cursor://x/cb", "openid", "openid openid", "code token",
    "code  id_token", "token code id_token none", "none", "RS256", "HS256", "client_secret_jwt", "private_key_jwt",
    "pairwise", "S256", "plain", "fragment", "form_post", "eyJhbGciOiJub25lIn0.e30.", "e30.e30.e30", "a.b.c.d.e",
    "login consent none", "0 " * 400, "9" * 400,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1.5, [], {}, [[]], [None], [{}], {"keys": []}, {"keys": [{}]}, {"keys": {}},
    {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}, {"keys": [{"kty": "EC", "crv": "P-256", "x": "", "y": 1}]},
    {"keys": [{"kty": "oct", "k": "AA"}]}, ["code", "code"], ["authorization_code"], ["password"], ["\x0b"], "\ud800",
    ["https://client.example/cb"] * 60, [REDIRECT_URI], {"a": {"b": {"c": [{}]}}}, "openid profile", 86400,
)  # fmt: skip
MEMBERS = (
    "redirect_uris", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "grant_types", "response_types",
    "client_name", "client_uri", "logo_uri", "scope", "contacts", "tos_uri", "policy_uri", "jwks_uri", "jwks",
    "software_id", "software_version", "software_statement", "application_type", "sector_identifier_uri",
    "subject_type", "id_token_signed_response_alg", "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc", "userinfo_signed_response_alg", "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc", "request_object_signing_alg", "request_object_encryption_alg",
    "request_object_encryption_enc", "default_max_age", "require_auth_time", "default_acr_values",
    "initiate_login_uri", "request_uris", "post_logout_redirect_uris", "backchannel_logout_uri",
    "backchannel_logout_session_required", "frontchannel_logout_uri", "frontchannel_logout_session_required",
    "require_signed_request_object", "require_pushed_authorization_requests", "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens", "client_name#ja", "client_id", "client_secret",
    "registration_access_token", "is_first_party", "owner_subject", "__class__",
)  # fmt: skip
PARAMETERS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode", "prompt", "max_age",
    "display", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values", "claims", "request",
    "request_uri", "registration", "code_challenge", "code_challenge_method", "resource", "transaction", "confirm",
    "dpop_jkt",
)  # fmt: skip
CLAIMS = (
    '{"id_token":{"auth_time":null}}',
    '{"userinfo":{"name":{"essential":1}}}',
    '{"id_token":[]}',
    "[1",
    '"\\ud800"',
)
LOGOUT_PARAMETERS = (
    "id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales",
    "logout_hint", "sid", "transaction",
)  # fmt: skip
FORM_FIELDS = (
    "client_name", "client_uri", "scope", "redirect_uri", "grant_type", "response_type", "token_endpoint_auth_method",
    "may_introspect", "access_token_format", "pkce", "tos_uri", "policy_uri", "jwks", "jwks_uri", "more", "logo_uri",
    "post_logout_redirect_uris", "backchannel_logout_uri", "frontchannel_logout_uri", "subject_type",
    "application_type",
)  # fmt: skip


class Fuzz:
    """One application, one person, and the requests that a seed makes."""

    def __init__(self, app: Flask, seed: str) -> None:
        self.app, self.random = app, random.Random(seed)  # noqa: S311
        self.http = app.test_client()
        self.person = Person(self.http)
        self.person.log_in("ann")
        self.client = self.person.create_client(scope="openid profile", redirect_uri=REDIRECT_URI)
        self.form = self.person.get("/create_client").hidden_fields()
        del self.form["submission"]  # with it, each form but the first would be one that was sent again

    def spoil(self, fields: dict[str, Any], names: tuple[str, ...], odd: tuple[Any, ...]) -> dict[str, Any]:
        """Return fields of which up to three have been set, emptied or taken away."""
        spoilt = dict(fields)
        for _ in range(self.random.choice((0, 0, 1, 1, 1, 2, 3))):
            name = self.random.choice(names if self.random.random() < 0.6 else tuple(fields))
            if self.random.random() < 0.15:
                spoilt.pop(name, None)
            else:
                spoilt[name] = self.random.choice(odd)
        return spoilt

    def register(self) -> tuple[Answer, bool]:
        document = {"redirect_uris": [REDIRECT_URI], "client_name": "Fuzz", "grant_types": ["authorization_code"]}
        body = json.dumps(self.spoil(document, MEMBERS, TEXTS + VALUES)).encode("utf-8", "surrogatepass")
        if self.random.random() < 0.05:
            body = body[: self.random.randrange(len(body))] + self.random.choice((b"\xff", b"\x00", b"", b"]"))
        answer = self._send("POST", "/oauth/register", data=body, content_type="application/json")
        if answer.status == 201 and self.random.random() < 0.5:
            return self._manage(json.loads(answer.text))
        return answer, answer.status == 201

    def _manage(self, registration: dict[str, Any]) -> tuple[Answer, bool]:
        """Replace a registration, which has to name itself, by one that is spoilt."""
        document = {"client_id": registration["client_id"], "redirect_uris": [REDIRECT_URI]}
        body = json.dumps(self.spoil(document, MEMBERS, TEXTS + VALUES)).encode("utf-8", "surrogatepass")
        headers = {"Authorization": f"Bearer {registration['registration_access_token']}"}
        path = urlsplit(registration["registration_client_uri"]).path
        answer = self._send("PUT", path, data=body, content_type="application/json", headers=headers)
        return answer, answer.status == 200

    def authorize(self) -> tuple[Answer, bool]:
        query = {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": REDIRECT_URI,
            "scope": "openid profile", "state": "s", "nonce": "n", **Pkce().parameters,
        }  # fmt: skip
        spoilt = self.spoil(query, PARAMETERS, TEXTS + CLAIMS)
        if self.random.random() < 0.3:
            answer = self._send("POST", "/oauth/authorize", data=urlencode(spoilt), content_type=FORM)
        else:
            answer = self._send("GET", f"/oauth/authorize?{urlencode(spoilt)}")
        return answer, answer.status == 200 or (answer.status in (302, 303) and "error=" not in answer.location)

    def log_out(self) -> tuple[Answer, bool]:
        query = {"client_id": self.client.client_id, "state": "s"}
        spoilt = self.spoil(query, LOGOUT_PARAMETERS, TEXTS)
        if self.random.random() < 0.3:
            answer = self._send("POST", "/oauth/logout", data=urlencode(spoilt), content_type=FORM)
        else:
            answer = self._send("GET", f"/oauth/logout?{urlencode(spoilt)}")
        return answer, answer.status < 400

    def create_client(self) -> tuple[Answer, bool]:
        fields = {
            "client_name": "Fuzz", "client_uri": "https://client.example", "scope": "profile",
            "redirect_uri": REDIRECT_URI, "grant_type": "authorization_code", "response_type": "code",
            "token_endpoint_auth_method": "client_secret_basic",
        }  # fmt: skip
        spoilt = self.spoil(fields, FORM_FIELDS, TEXTS)
        answer = self._send("POST", "/create_client", data=urlencode({**self.form, **spoilt}), content_type=FORM)
        return answer, answer.status == 200

    def _send(self, method: str, path: str, **more: Any) -> Answer:
        answer = self.http.open(path, method=method, **more)
        return Answer(answer.status_code, answer.headers, answer.get_data(as_text=True))


FORM = "application/x-www-form-urlencoded"
KINDS: dict[str, Callable[[Fuzz], tuple[Answer, bool]]] = {
    "registration": Fuzz.register,
    "authorization": Fuzz.authorize,
    "logout": Fuzz.log_out,
    "client form": Fuzz.create_client,
}
#: Where a redirect may lead: this server's own pages, and the one redirect URI that is registered.
VERIFIED = {"", "localhost", urlsplit(REDIRECT_URI).netloc}


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Flask]:
    limits = {"register": 0}
    settings = {"OAUTH2_RATE_LIMITS": limits, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/db.sqlite"}
    with open_application(tmp_path, **settings) as app:
        yield app


def send(app: Flask, kind: str, number: int) -> None:
    fuzz, taken = Fuzz(app, f"{kind} {number}"), 0
    for _ in range(number):
        answer, is_taken = KINDS[kind](fuzz)
        taken += is_taken
        # A client_id that is a URL names a document, whose host may be there in a moment.
        assert answer.status < 500 or "metadata document can't be fetched" in unescape(answer.text), answer.text
        assert urlsplit(answer.location).netloc in VERIFIED, answer.location
        assert "X-Injected" not in answer.headers
    assert taken * TAKEN >= number, f"only {taken} of {number} were taken: the checks in front are all that was tried"


@pytest.mark.parametrize("kind", KINDS)
def test_no_spoilt_request_fails_the_server(application: Flask, kind: str) -> None:
    send(application, kind, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_twenty_thousand_spoilt_requests_fails_the_server(application: Flask, kind: str) -> None:
    send(application, kind, MANY)
