"""The API that verifies JWTs by itself: what is not an access token for it is refused, whatever its header says."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.examples.conftest import Example
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Pkce, RegisteredClient, code_of

INVALID = 'Bearer realm="photos", error="invalid_token"'


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("jwt_api", KEYS_PAUSE_SECONDS="0.5")


@pytest.fixture(scope="module")
def signing(example: Example) -> Iterator[Flask]:
    """The provider's own application, for its key: what it would sign, were it made to."""
    settings = {
        name: value for name, value in example.provider.environment.items() if name == "SQLALCHEMY_DATABASE_URI"
    }
    with open_application(example.folder / "instance", **settings) as application:
        yield application


def call(example: Example, token: str | None, method: str = "GET", path: str = "/photos") -> requests.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.request(method, example.url(5004) + path, headers=headers, timeout=30)


def good_claims(example: Example) -> dict[str, Any]:
    present = int(time.time())
    return {
        "iss": example.provider.url,
        "aud": [example.provider.url],
        "sub": "somebody",
        "client_id": "some client",
        "scope": "photos:read",
        "iat": present,
        "exp": present + 60,
        "jti": "one",
    }


@pytest.fixture
def sign(example: Example, signing: Flask) -> Callable[..., str]:
    """Sign a token with the provider's current key; changes come over a good one, None takes a claim away."""

    def sign(header: dict[str, str] | None = None, **changes: Any) -> str:
        server = signing.extensions["grantwright"]
        server.cache_invalidation.check()
        key = server.keys.keyring.signing["ES256"].key
        claims = {name: value for name, value in (good_claims(example) | changes).items() if value is not None}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid} | (header or {}), claims, key)

    return sign


def register(example: Example, *options: str) -> RegisteredClient:
    """Create a client as the page does, of the code grant."""
    printed = example.provider.run_command(
        "clients", "create", "Photo album", "--redirect-uri", REDIRECT_URI, "--json", *options
    )
    facts = json.loads(printed)
    return RegisteredClient(facts["client_id"], facts["client_secret"])


def grant(example: Example, client: RegisteredClient, scope: str) -> dict[str, Any]:
    """Have a person log in and allow; return what the token endpoint answers."""
    person, pkce = example.log_in("alice"), Pkce()
    code = code_of(person.allow(client, scope=scope, **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    return ask_token(example, client, **fields, code_verifier=pkce.verifier)


def ask_token(example: Example, client: RegisteredClient, **fields: str) -> dict[str, Any]:
    answer = requests.post(f"{example.provider.url}/oauth/token", data=fields, headers=client.basic, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_person_lets_a_client_in_which_refreshes(example: Example) -> None:
    client = register(example, "--jwt-access-tokens")
    tokens = grant(example, client, "photos:read photos:write")

    answer = call(example, tokens["access_token"])
    assert answer.status_code == 200
    assert answer.json()["photos"] == ["harbour.jpg", "lighthouse.jpg"]
    refreshed = ask_token(example, client, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    deleted = call(example, refreshed["access_token"], "DELETE", "/photos/harbour.jpg")
    assert deleted.json() == {"owner": answer.json()["owner"], "deleted": "harbour.jpg"}
    assert call(example, refreshed["refresh_token"]).status_code == 401


def test_sealed_token_is_refused(example: Example) -> None:
    tokens = grant(example, register(example), "photos:read")

    answer = call(example, tokens["access_token"])

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)


def test_good_token_is_taken(example: Example, sign: Callable[..., str]) -> None:
    assert call(example, sign()).status_code == 200
    assert call(example, sign({"typ": "application/at+jwt"})).status_code == 200
    assert call(example, sign(aud=["https://other.example", example.provider.url])).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": ["https://other.example"]},
        {"aud": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": ""}},
        {"header": {"kid": "another"}},
        {"header": {"kid": ""}},
    ],
    ids=str,
)
def test_token_that_our_provider_signed_for_something_else_is_refused(
    example: Example, sign: Callable[..., str], changes: dict[str, Any]
) -> None:
    answer = call(example, sign(**changes))

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)


@pytest.mark.parametrize("scope", ["", "photos:write", "photos:reads", None])
def test_token_of_another_scope_is_not_enough(example: Example, sign: Callable[..., str], scope: str | None) -> None:
    answer = call(example, sign(scope=scope))

    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="photos", error="insufficient_scope", scope="photos:read"'
    )


def test_token_that_was_changed_is_refused(example: Example, sign: Callable[..., str]) -> None:
    header, _payload, signature = sign(scope="").split(".")
    wider = base64url(json.dumps(good_claims(example)).encode())

    assert call(example, f"{header}.{wider}.{signature}").status_code == 401


def test_header_does_not_choose_how_a_token_is_judged(example: Example, signing: Flask) -> None:
    keys = requests.get(f"{example.provider.url}/oauth/jwks", timeout=30).json()["keys"]
    kid, claims = signing.extensions["grantwright"].keys.keyring.signing["ES256"].kid, good_claims(example)
    header = {"typ": "at+jwt", "kid": kid}
    unsigned = base64url(json.dumps(header | {"alg": "none"}).encode()) + "." + base64url(json.dumps(claims).encode())
    # The public key, which everybody has, as if it were a secret.
    public = OctKey.import_key(json.dumps(keys[0]))
    own = ECKey.generate_key("P-256")
    with_own_key = header | {"alg": "ES256", "jwk": own.as_dict(private=False)}

    for token in (
        unsigned + ".",
        jwt.encode(header | {"alg": "HS256"}, claims, public),
        jwt.encode(header | {"alg": "ES256"}, claims, own),
        jwt.encode(with_own_key, claims, own),
    ):
        assert call(example, token).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "Bearer ..", "Bearer é", "Bearer e30.e30.e30"],
)
def test_what_is_no_token_gets_a_challenge(example: Example, authorization: str) -> None:
    headers = {"Authorization": authorization}

    answer = requests.get(f"{example.url(5004)}/photos", headers=headers, timeout=30)

    assert answer.status_code in (400, 401)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="photos"')
    assert ("error=" in answer.headers["WWW-Authenticate"]) is authorization.startswith("Bearer")


def test_key_that_came_into_use_since_is_fetched_once(example: Example, sign: Callable[..., str]) -> None:
    assert call(example, sign()).status_code == 200
    # The next key was published already; the one after it is new.
    example.provider.run_command("keys", "rotate", "--purpose", "signing")
    example.provider.run_command("keys", "rotate", "--purpose", "signing")
    time.sleep(1.1)  # a node may be so far behind

    assert call(example, sign()).status_code == 200
    before = fetches(example)
    assert [call(example, sign({"kid": f"invented {number}"})).status_code for number in range(5)] == [401] * 5
    assert fetches(example) <= before + 1


def fetches(example: Example) -> int:
    return example.provider.log.count('"/oauth/jwks"')


def test_nobody_is_let_in_before_there_are_keys(example: Example, sign: Callable[..., str]) -> None:
    command = ["uvicorn", "--app-dir", str(example.folder / "examples" / "jwt_api"), "app:api", "--port"]
    with example.serving(command, {"ISSUER": "http://127.0.0.1:1"}) as address:
        headers = {"Authorization": f"Bearer {sign()}"}
        answer = requests.get(f"{address}/photos", headers=headers, timeout=30)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_it_goes_on_while_the_provider_is_down(example: Example, sign: Callable[..., str]) -> None:
    token = sign()
    assert call(example, token).status_code == 200

    with example.provider_down():
        assert call(example, token).status_code == 200
        time.sleep(0.6)
        assert call(example, sign({"kid": "another"})).status_code == 401


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
