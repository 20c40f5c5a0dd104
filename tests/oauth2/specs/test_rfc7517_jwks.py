"""The JSON Web Key Set: public members only, for everyone to read and keep a while."""

from __future__ import annotations

import pytest
from jwcrypto import jwk

from tests.support.token_requests import Provider

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_only_public_members_are_shown(provider: Provider) -> None:
    shown = provider.get("/oauth/jwks").json["keys"]
    keys = [key for key in shown if key["use"] == "sig"]
    # Those to which clients encrypt: the one in use alone.
    assert sorted(key["kty"] for key in shown if key["use"] == "enc") == ["EC", "RSA"]
    assert [key["alg"] for key in keys].count("ES256") == 2  # the one in use, and the next
    assert [key["alg"] for key in keys].count("RS256") == 2
    for key in keys:
        assert not PRIVATE_MEMBERS & key.keys()
        if key["alg"] == "ES256":
            assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
            assert (key["kty"], key["crv"], key["use"]) == ("EC", "P-256", "sig")
        else:
            assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
            assert (key["kty"], key["use"], len(key["n"])) == ("RSA", "sig", 342)  # 2048 bits


def test_another_library_reads_it(provider: Provider) -> None:
    keys = jwk.JWKSet.from_json(provider.get("/oauth/jwks").body.decode())
    for key in keys["keys"]:
        assert not key.has_private
        assert key.thumbprint() == key["kid"]


def test_sealing_keys_are_not_in_it(provider: Provider) -> None:
    shown = provider.get("/oauth/jwks").body
    sealing = provider.server.keys.keyring.sealing
    assert sealing.id not in shown


def test_it_may_be_kept_a_while_and_read_from_any_page(provider: Provider) -> None:
    answer = provider.get("/oauth/jwks")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_head_gets_the_headers_alone(provider: Provider) -> None:
    whole, head = provider.get("/oauth/jwks"), provider.open("HEAD", "/oauth/jwks")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.body))


def test_options_names_the_methods(provider: Provider) -> None:
    answer = provider.open("OPTIONS", "/oauth/jwks")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_read_only(provider: Provider, method: str) -> None:
    answer = provider.open(method, "/oauth/jwks")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_its_address_is_in_the_metadata(provider: Provider) -> None:
    metadata = provider.get("/.well-known/oauth-authorization-server").json
    assert metadata["jwks_uri"] == metadata["issuer"] + "/oauth/jwks"
