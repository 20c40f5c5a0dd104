"""Clients that sign who they are, by keys or by their secret: at each address, once, and for this server alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from flask import Flask
from jwcrypto import jwk, jws

from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, secret_key, sign
from tests.support.token_requests import INTROSPECT, REVOKE, TOKEN, Answer, MachineClient, Provider
from tests.support.waiting import POLL_SECONDS
from website.clients.metadata import check_metadata

ISSUER = "http://127.0.0.1:5000"
METADATA = "/.well-known/oauth-authorization-server"
KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
Create = Callable[..., Flask]


def create_client(provider: Provider, *keys: jwk.JWK, **metadata: Any) -> MachineClient:
    fields = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks_of(*keys), **metadata}
    return provider.create_client(**{name: value for name, value in fields.items() if value is not None})


def create_secret_client(provider: Provider, **metadata: Any) -> MachineClient:
    return provider.create_client(token_endpoint_auth_method="client_secret_jwt", **metadata)


def prove(provider: Provider, assertion: str, path: str = TOKEN, **fields: str) -> Answer:
    fields = {"grant_type": "client_credentials", **fields} if path == TOKEN else fields
    return provider.post(path, {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **fields})


@pytest.fixture
def client(stored_provider: Provider) -> MachineClient:
    return create_client(stored_provider, key_for("ES256"))


# What is taken


@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_a_client_proves_who_it_is_by_its_own_key(provider: Provider, algorithm: str) -> None:
    key = key_for(algorithm)
    client = create_client(provider, key)
    answer = prove(provider, sign(key, algorithm, assertion_claims(client.client_id, ISSUER)))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("algorithm", ["HS256", "HS384"])
def test_a_client_proves_who_it_is_by_its_secret_without_sending_it(stored_provider: Provider, algorithm: str) -> None:
    client = create_secret_client(stored_provider)
    assertion = sign(secret_key(client.secret or ""), algorithm, assertion_claims(client.client_id, ISSUER))
    assert prove(stored_provider, assertion).status == 200


AT_TOKEN = f"{ISSUER}{TOKEN}"


@pytest.mark.parametrize(
    ("path", "audience"),
    [
        (TOKEN, ISSUER),
        (TOKEN, f"{ISSUER}/"),
        (TOKEN, AT_TOKEN),
        (TOKEN, [ISSUER]),
        (TOKEN, [ISSUER, AT_TOKEN]),
        (TOKEN, [AT_TOKEN, f"{ISSUER}/"]),
        (REVOKE, AT_TOKEN),
        (REVOKE, f"{ISSUER}{REVOKE}"),
        (REVOKE, [ISSUER, AT_TOKEN, f"{ISSUER}{REVOKE}"]),
        (INTROSPECT, f"{ISSUER}{INTROSPECT}"),
        (INTROSPECT, [ISSUER, f"{ISSUER}{INTROSPECT}"]),
    ],
)
def test_the_audience_is_one_string_of_ours_or_a_list_of_nothing_else_with_the_issuer(
    stored_provider: Provider, client: MachineClient, path: str, audience: Any
) -> None:
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, audience))
    assert prove(stored_provider, assertion, path, **({} if path == TOKEN else {"token": "x"})).status == 200


@pytest.mark.parametrize(
    "audience",
    [
        [],
        [AT_TOKEN],
        [ISSUER, "https://elsewhere.example"],
        [ISSUER, AT_TOKEN, "https://elsewhere.example"],
        [ISSUER, 7],
        [[ISSUER]],
        [None],
        {},
        "",
        f"{AT_TOKEN}/",
        f"{ISSUER}//",
        f"{ISSUER}{REVOKE}",
        [ISSUER, f"{ISSUER}{INTROSPECT}"],
        f"{ISSUER}/api/me",
        ISSUER.upper(),
    ],
)
def test_an_audience_that_is_not_ours_alone_is_refused(
    stored_provider: Provider, client: MachineClient, audience: Any
) -> None:
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, audience))
    answer = prove(stored_provider, assertion)
    assert (answer.status, answer.error) == (401, "invalid_client")


def test_a_setting_takes_the_issuer_alone(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_CLIENT_ASSERTION_AUDIENCE="issuer"))
    client = create_client(provider, key_for("ES256"))

    def status(audience: Any) -> int:
        return prove(provider, sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, audience))).status

    assert status(ISSUER) == 200
    assert [status(other) for other in (AT_TOKEN, [ISSUER], f"{ISSUER}/", [ISSUER, AT_TOKEN])] == [401] * 4


@pytest.mark.parametrize(
    "times", [(0, 3600), (-1800, 1800), (None, 3600), (None, 600), (0, 900), (-3600, -10), (5, 3605)]
)
def test_an_assertion_lives_an_hour_at_most(
    stored_provider: Provider, client: MachineClient, times: tuple[int | None, int]
) -> None:
    present = int(time.time())
    issued_at = None if times[0] is None else present + times[0]
    claims = assertion_claims(client.client_id, ISSUER, iat=issued_at, exp=present + times[1])
    assert prove(stored_provider, sign(key_for("ES256"), "ES256", claims)).status == 200


@pytest.mark.parametrize("times", [(0, 3605), (-1800, 1860), (None, 3700), (-86400, 60), (-3700, -30), (-4000, -100)])
def test_one_that_lives_longer_is_refused(
    stored_provider: Provider, client: MachineClient, times: tuple[int | None, int]
) -> None:
    present = int(time.time())
    issued_at = None if times[0] is None else present + times[0]
    claims = assertion_claims(client.client_id, ISSUER, iat=issued_at, exp=present + times[1])
    assert prove(stored_provider, sign(key_for("ES256"), "ES256", claims)).status == 401


def test_a_jti_is_kept_as_long_as_its_assertion_lives(stored_provider: Provider, client: MachineClient) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        present = int(time.time())
        claims = assertion_claims(client.client_id, ISSUER, exp=present + 3600)
        assertion = sign(key_for("ES256"), "ES256", claims)
        assert prove(stored_provider, assertion).status == 200
        for seconds in (301, 3599, 3659):
            clock.move_to(present + seconds)
            stored_provider.application.test_cli_runner().invoke(args=["prune"])
            assert prove(stored_provider, assertion).status == 401
        for seconds in (3599, 3659):
            clock.move_to(present + seconds)
            other = {**claims, "jti": f"late {seconds}"}
            assert prove(stored_provider, sign(key_for("ES256"), "ES256", other)).status == 200


def test_it_does_wherever_a_client_authenticates(stored_provider: Provider, client: MachineClient) -> None:
    def assertion() -> str:
        return sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))

    token = prove(stored_provider, assertion()).json["access_token"]
    described = prove(stored_provider, assertion(), INTROSPECT, token=token)
    assert described.json["active"] is True
    assert prove(stored_provider, assertion(), REVOKE, token=token, client_id=client.client_id).status == 200
    assert prove(stored_provider, assertion(), INTROSPECT, token=token).json == {"active": False}


def test_of_several_keys_the_named_one_is_tried_and_without_a_name_the_first_two(stored_provider: Provider) -> None:
    keys = [jwk.JWK.generate(kty="EC", crv="P-256", kid=f"k{number}") for number in range(2)]
    client = create_client(stored_provider, *keys, key_for("RS256"))
    for number, key in enumerate(keys):
        claims = assertion_claims(client.client_id, ISSUER)
        assert prove(stored_provider, sign(key, "ES256", claims)).status == 200
        unnamed = sign(key, "ES256", assertion_claims(client.client_id, ISSUER), kid=None)
        assert prove(stored_provider, unnamed).status == 401  # a kid that is no text
        wrongly = sign(key, "ES256", assertion_claims(client.client_id, ISSUER), kid=f"k{(number + 1) % 2}")
        assert prove(stored_provider, wrongly).status == 401
        plain = jwk.JWK(**{name: value for name, value in key.export(as_dict=True).items() if name != "kid"})
        assert prove(stored_provider, sign(plain, "ES256", assertion_claims(client.client_id, ISSUER))).status == 200


def test_a_new_secret_signs_and_the_former_one_while_it_lasts(stored_provider: Provider) -> None:
    client = create_secret_client(stored_provider)
    renewed = stored_provider.server.clients.rotate_secret(client.row, 3600)
    for secret in (client.secret or "", renewed):
        claims = assertion_claims(client.client_id, ISSUER)
        assert prove(stored_provider, sign(secret_key(secret), "HS256", claims)).status == 200
    stored_provider.server.clients.rotate_secret(client.row, 0)
    claims = assertion_claims(client.client_id, ISSUER)
    assert prove(stored_provider, sign(secret_key(client.secret or ""), "HS256", claims)).status == 401


def test_kept_secrets_are_encrypted_anew_with_the_keys(stored_provider: Provider) -> None:
    client = create_secret_client(stored_provider)
    assert stored_provider.server.clients.reencrypt_secrets() >= 1
    claims = assertion_claims(client.client_id, ISSUER)
    assert prove(stored_provider, sign(secret_key(client.secret or ""), "HS256", claims)).status == 200


# What is refused, in one and the same way

PRESENT = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "somebody"},
    "without an issuer": {"iss": None},
    "about somebody else": {"sub": "somebody"},
    "for another audience": {"aud": "https://elsewhere.example"},
    "for several audiences": {"aud": [ISSUER, "https://elsewhere.example"]},
    "for no audience": {"aud": None},
    "for an audience that is no text": {"aud": {"a": 1}},
    "expired": {"exp": PRESENT - 3600},
    "without an end": {"exp": None},
    "with an end that is no number": {"exp": "soon"},
    "with an end that is true": {"exp": True},
    "that lives for hours": {"exp": PRESENT + 7200},
    "that is not valid yet": {"nbf": PRESENT + 3600},
    "of the future": {"iat": PRESENT + 3600},
    "with a time beyond numbers": {"iat": 10**400},
    "without a jti": {"jti": None},
    "with an endless jti": {"jti": "x" * 256},
    "with a jti that is a number": {"jti": 7},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_an_assertion_that_says_something_else_is_refused(
    stored_provider: Provider, client: MachineClient, changes: dict[str, Any]
) -> None:
    answer = prove(
        stored_provider, sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER, **changes))
    )
    assert (answer.status, answer.error) == (401, "invalid_client")
    assert answer.json["error_description"] == "Client authentication failed."


def test_one_assertion_is_good_for_one_request(stored_provider: Provider, client: MachineClient) -> None:
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
    assert [prove(stored_provider, assertion).status for _ in range(3)] == [200, 401, 401]


def test_two_clients_may_use_the_same_jti(stored_provider: Provider, client: MachineClient) -> None:
    other = create_client(stored_provider, key_for("ES256"))
    for each in (client, other):
        claims = assertion_claims(each.client_id, ISSUER, jti="one-and-the-same")
        assert prove(stored_provider, sign(key_for("ES256"), "ES256", claims)).status == 200


def test_of_many_at_once_with_one_assertion_one_succeeds(stored_provider: Provider, client: MachineClient) -> None:
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(prove(stored_provider, assertion).status)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 7


def test_no_signature_but_the_clients_own_does(stored_provider: Provider, client: MachineClient) -> None:
    claims = assertion_claims(client.client_id, ISSUER)
    public = json.dumps(jwks_of(key_for("ES256"))["keys"][0])
    stranger = jwk.JWK.generate(kty="EC", crv="P-256", kid="key-ES256")
    head, body, _signature = sign(key_for("ES256"), "ES256", claims).split(".")
    none = sign(stranger, "ES256", claims).split(".")
    forged = {
        "another key of the same name": sign(stranger, "ES256", claims),
        "a key in the header": sign(stranger, "ES256", claims, jwk=json.loads(stranger.export_public())),
        "the public key as a secret": sign(jwk.JWK.from_password(public), "HS256", claims),
        "an empty signature": f"{head}.{body}.",
        "alg none": f"eyJhbGciOiJub25lIn0.{none[1]}.",
        "a critical member": sign(key_for("ES256"), "ES256", claims, crit=["b64"], b64=True),
        "no JWT": "nonsense",
        "JSON": '{"payload": "e30", "signatures": []}',
        "five parts": f"{head}.{body}.a.b.c",
        "too long": sign(key_for("ES256"), "ES256", {**claims, "x": "y" * 16_000}),
    }
    for name, assertion in forged.items():
        answer = prove(stored_provider, assertion)
        assert answer.status in (400, 401), name
        assert answer.error in ("invalid_client", "invalid_request"), name


def test_a_member_that_is_there_twice_is_refused(stored_provider: Provider, client: MachineClient) -> None:
    written = json.dumps(assertion_claims(client.client_id, ISSUER))
    token = jws.JWS(written[:-1] + ', "sub": "somebody"}')
    token.add_signature(key_for("ES256"), None, json.dumps({"alg": "ES256", "kid": "key-ES256"}))
    assert prove(stored_provider, token.serialize(compact=True)).status == 401


def test_only_the_registered_method_and_algorithm_do(stored_provider: Provider) -> None:
    by_secret = create_secret_client(stored_provider, jwks=jwks_of(key_for("ES256")))
    by_key = create_client(stored_provider, key_for("ES256"), key_for("RS256"), token_endpoint_auth_signing_alg="RS256")
    plainly = stored_provider.create_client(jwks=jwks_of(key_for("ES256")))
    for client in (by_secret, by_key, plainly):
        claims = assertion_claims(client.client_id, ISSUER)
        assert prove(stored_provider, sign(key_for("ES256"), "ES256", claims)).status == 401
    as_hmac = assertion_claims(by_key.client_id, ISSUER)
    # By its public key, as if that were a secret: it has no other.
    as_secret = secret_key(key_for("RS256").export_to_pem().decode())
    assert prove(stored_provider, sign(as_secret, "HS256", as_hmac)).status == 401
    claims = assertion_claims(by_key.client_id, ISSUER)
    assert prove(stored_provider, sign(key_for("RS256"), "RS256", claims)).status == 200
    assert stored_provider.ask_token(replace(by_key, method="client_secret_basic")).status == 401
    assert stored_provider.ask_token(replace(by_secret, method="client_secret_post")).status == 401


def test_a_disabled_client_proves_nothing(stored_provider: Provider, client: MachineClient) -> None:
    stored_provider.server.clients.set_disabled(client.row, True)
    claims = assertion_claims(client.client_id, ISSUER)
    assert prove(stored_provider, sign(key_for("ES256"), "ES256", claims)).status == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"client_assertion": "a.b.c"},
        {"client_assertion_type": ASSERTION_TYPE},
        {
            "client_assertion": "a.b.c",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        },
    ],
)
def test_a_request_that_is_incomplete_is_told_so(stored_provider: Provider, fields: dict[str, str]) -> None:
    answer = stored_provider.post(TOKEN, {"grant_type": "client_credentials", **fields})
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_two_methods_or_two_clients_in_one_request_are_refused(
    stored_provider: Provider, client: MachineClient
) -> None:
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
    assert prove(stored_provider, assertion, client_id=client.client_id, client_secret="x").error == "invalid_request"
    assert prove(stored_provider, assertion, client_id="somebody").error == "invalid_request"


# Keys by reference


@pytest.fixture
def published() -> Iterator[tuple[str, list[dict[str, Any]], list[str]]]:
    """An address, the JWK Sets that it answers with one after the other, and who asked."""
    documents: list[dict[str, Any]] = []
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(documents[min(len(asked), len(documents)) - 1]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/jwks", documents, asked
        server.shutdown()
        thread.join()


def test_keys_are_fetched_once_and_again_for_a_key_that_is_not_among_them(
    create_application: Create, published: tuple[str, list[dict[str, Any]], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.clients.client_keys.LEAST_SECONDS_BETWEEN", 0.0)
    address, documents, asked = published
    former, new = (jwk.JWK.generate(kty="EC", crv="P-256", kid=name) for name in ("former", "new"))
    documents += [jwks_of(former), jwks_of(new)]
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    client = create_client(provider, jwks=None, jwks_uri=address)

    def status(key: jwk.JWK) -> int:
        return prove(provider, sign(key, "ES256", assertion_claims(client.client_id, ISSUER))).status

    assert [status(former) for _ in range(3)] == [200] * 3
    assert len(asked) == 1
    assert [status(new) for _ in range(3)] == [200] * 3
    assert len(asked) == 2
    assert status(former) == 401


def test_unknown_keys_do_not_have_a_document_fetched_each_time(
    create_application: Create, published: tuple[str, list[dict[str, Any]], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.clients.client_keys.LEAST_SECONDS_BETWEEN", 60.0)
    address, documents, asked = published
    documents.append(jwks_of(key_for("ES256")))
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    client = create_client(provider, jwks=None, jwks_uri=address)
    stranger = jwk.JWK.generate(kty="EC", crv="P-256", kid="stranger")
    for _ in range(20):
        claims = assertion_claims(client.client_id, ISSUER)
        assert prove(provider, sign(stranger, "ES256", claims)).status == 401
    assert len(asked) == 1


def test_where_keys_cannot_be_fetched_the_client_is_refused(
    create_application: Create, published: tuple[str, list[dict[str, Any]], list[str]]
) -> None:
    address, documents, _asked = published
    documents.append(jwks_of(key_for("ES256")))
    provider = Provider(create_application())  # which fetches nothing of this machine
    client = create_client(provider, jwks=None, jwks_uri=address)
    claims = assertion_claims(client.client_id, ISSUER)
    assert prove(provider, sign(key_for("ES256"), "ES256", claims)).status == 401


# What may be registered

PRIVATE = json.loads(key_for("ES256").export())
WEAK = json.loads(jwk.JWK.generate(kty="RSA", size=1024).export_public())
REFUSED: dict[str, dict[str, Any]] = {
    "no keys at all": {"jwks": None},
    "keys twice": {"jwks_uri": "https://client.example/jwks"},
    "an empty set": {"jwks": {"keys": []}},
    "no set": {"jwks": [PRIVATE]},
    "a text": {"jwks": "keys"},
    "a private key": {"jwks": {"keys": [PRIVATE]}},
    "a secret": {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
    "a weak key": {"jwks": {"keys": [WEAK]}},
    "a curve that is not offered": {"jwks": {"keys": [{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}]}},
    "a point beside the curve": {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}},
    "a kid that is a number": {"jwks": {"keys": [{**jwks_of(key_for("ES256"))["keys"][0], "kid": 7}]}},
    "too many keys": {"jwks": {"keys": jwks_of(key_for("ES256"))["keys"] * 21}},
    "an address without https": {"jwks": None, "jwks_uri": "ftp://client.example/jwks"},
    "an address that is a list": {"jwks": None, "jwks_uri": ["https://client.example/jwks"]},
    "an algorithm of the other method": {"token_endpoint_auth_signing_alg": "HS256"},
    "no algorithm": {"token_endpoint_auth_signing_alg": "none"},
    "an algorithm that is an object": {"token_endpoint_auth_signing_alg": {}},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_keys_that_do_not_do_cannot_be_registered(provider: Provider, changes: dict[str, Any]) -> None:
    good = {
        "client_name": "x", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks_of(key_for("ES256")),
    }  # fmt: skip
    assert not check_metadata(good, provider.server.metadata.offered)
    wrong = {name: value for name, value in {**good, **changes}.items() if value is not None}
    assert check_metadata(wrong, provider.server.metadata.offered)


# Discovery


@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
def test_discovery_names_it_for_each_address(provider: Provider, endpoint: str) -> None:
    metadata = provider.get(METADATA).json
    assert {"private_key_jwt", "client_secret_jwt"} <= set(metadata[f"{endpoint}_endpoint_auth_methods_supported"])
    algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    assert sorted(algorithms) == sorted([*KEY_ALGORITHMS, "HS256", "HS384"])


def test_switched_off_it_authenticates_nobody(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc7523_client_authentication": False}))
    assert "private_key_jwt" not in provider.get(METADATA).json["token_endpoint_auth_methods_supported"]
    client = create_client(provider, key_for("ES256"))
    assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
    assert prove(provider, assertion).status == 401
