"""A signing key that has left the key set still reads old ID tokens as hints, and nothing else (two databases)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from jose import jwt as jose_jwt
from sqlalchemy import select, text

from tests.support.openid_client import ISSUERS, OpenIDClient, header_of
from tests.support.person import Person
from tests.support.token_requests import Provider, open_provider
from website import clock
from website.models.former_key import FormerKey
from website.models.key import Key

DAY = 86400
BACK = "https://client.example/logged-out"
#: As long as access tokens live, and the margin: then the former key leaves the key set.
LEAVES_AFTER = 1500
Create = Callable[..., Flask]


@pytest.fixture
def provider(create_application: Create, database_uri: str) -> Provider:
    settings = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256", "RS256"], "OAUTH2_SESSION_IDLE_SECONDS": 14 * DAY}
    return Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri, **settings))


def run(provider: Provider, *arguments: str) -> str:
    result = provider.application.test_cli_runner().invoke(args=list(arguments))
    assert result.exit_code == 0, result.output
    return str(result.output)


def rotate(provider: Provider) -> None:
    run(provider, "keys", "rotate", "--purpose", "signing")


def create_site(provider: Provider, **metadata: object) -> OpenIDClient:
    site = OpenIDClient.create(provider, post_logout_redirect_uris=[BACK], **metadata)
    site.person.log_in("alice")
    return site


def id_token_of(site: OpenIDClient) -> str:
    return str(site.get_tokens()["id_token"])


@contextmanager
def later(provider: Provider, seconds: int) -> Iterator[None]:
    with time_machine.travel(clock.now() + seconds, tick=True):
        provider.server.cache_invalidation.forget()
        yield
    provider.server.cache_invalidation.forget()


def published(provider: Provider) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = provider.get("/oauth/jwks").json["keys"]
    return keys


def key_ids(provider: Provider) -> set[str]:
    return {key["kid"] for key in published(provider)}


def former_ids(provider: Provider) -> set[str]:
    with provider.server.database.reading() as session:
        return set(session.scalars(select(FormerKey.id)))


def log_out(site: OpenIDClient, hint: str, person: Person | None = None) -> str:
    fields = {"id_token_hint": hint, "post_logout_redirect_uri": BACK}
    return (person or site.person).get(f"/oauth/logout?{urlencode(fields)}").location


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_an_id_token_of_a_key_that_left_the_key_set_still_logs_out(provider: Provider, algorithm: str) -> None:
    site = create_site(provider, id_token_signed_response_alg=algorithm)
    hint = id_token_of(site)
    rotate(provider)
    with later(provider, LEAVES_AFTER + 60):
        assert header_of(hint)["kid"] not in key_ids(provider)
        assert site.ask(prompt="none", id_token_hint=hint).query.get("error") is None
        assert log_out(site, hint) == BACK
        assert site.ask(prompt="none").query["error"] == "login_required"


def test_it_does_with_a_client_id_beside_it_and_by_post_and_from_a_server(provider: Provider) -> None:
    site = create_site(provider)
    hint = id_token_of(site)
    rotate(provider)
    with later(provider, LEAVES_AFTER + 60):
        fields = {"id_token_hint": hint, "post_logout_redirect_uri": BACK, "client_id": site.client.client_id}
        kept = site.person.post("/oauth/logout", fields)
        assert kept.status == 303
        assert site.person.get(kept.location).location == BACK
        assert provider.post("/oauth/logout", {"id_token_hint": hint}, site.client).status == 204


def test_it_does_after_two_more_rotations_and_after_pruning(provider: Provider) -> None:
    site = create_site(provider)
    hint = id_token_of(site)
    for _time in range(3):
        rotate(provider)
    with later(provider, LEAVES_AFTER + 120):
        run(provider, "prune")
        assert header_of(hint)["kid"] in former_ids(provider)
        rotate(provider)
        assert log_out(site, hint) == BACK


def test_of_a_former_key_the_public_part_alone_is_kept(provider: Provider) -> None:
    site = create_site(provider)
    key_id = header_of(id_token_of(site))["kid"]
    rotate(provider)
    for command in (("prune",), ("keys", "rotate", "--purpose", "signing")):
        with later(provider, LEAVES_AFTER + 120):
            run(provider, *command)
            assert key_id in former_ids(provider)
            assert key_id not in {key.id for key in provider.server.keys.list_all()}
            with provider.server.database.reading() as session:
                kept = session.get_one(FormerKey, key_id)
                assert not {"d", "p", "q", "dp", "dq", "qi"} & kept.public_jwk.keys()


def test_a_former_key_reads_hints_alone(provider: Provider) -> None:
    site = create_site(provider)
    tokens = site.get_tokens()
    signed_by = provider.server.keys.keyring.signing["ES256"]
    token = provider.server.grants.tokens.read_access_token(tokens["access_token"])
    assert token is not None
    text = provider.server.registry.token_formats["jwt"].write(token._replace(expires_at=clock.now() + DAY), ISSUERS[0])
    bearer = {"Authorization": f"Bearer {text}"}
    assert header_of(text)["kid"] == signed_by.kid
    assert provider.get("/oauth/userinfo", **bearer).status == 200
    rotate(provider)
    with later(provider, LEAVES_AFTER + 60):
        assert provider.get("/oauth/userinfo", **bearer).status == 401
        assert not provider.is_active(site.client, text)
        assert signed_by.kid not in key_ids(provider)


def test_an_id_token_older_than_any_login_is_no_hint_by_a_former_key(provider: Provider) -> None:
    site = create_site(provider)
    hint = id_token_of(site)
    rotate(provider)
    with later(provider, 14 * DAY - 600):
        assert site.ask(prompt="none", id_token_hint=hint).query.get("error") != "invalid_request"
    with later(provider, 14 * DAY + 600):
        assert site.ask(prompt="none", id_token_hint=hint).query["error"] == "invalid_request"


def test_a_former_key_is_pruned_once_no_login_from_before_it_can_last(provider: Provider) -> None:
    key_id = header_of(id_token_of(create_site(provider)))["kid"]
    rotate(provider)
    with later(provider, 13 * DAY):
        run(provider, "prune")
        assert key_id in former_ids(provider)
    with later(provider, 15 * DAY):
        run(provider, "prune")
        assert key_id not in former_ids(provider)


@pytest.mark.parametrize("is_pruned", [True, False])
def test_replacing_the_keys_ends_old_hints_too(provider: Provider, is_pruned: bool) -> None:
    site = create_site(provider)
    hint = id_token_of(site)
    rotate(provider)
    with later(provider, LEAVES_AFTER + 120):
        if is_pruned:
            run(provider, "prune")
        run(provider, "keys", "replace", "--purpose", "signing", "--yes")
        assert former_ids(provider) == set()
        assert log_out(site, hint) == ""
        assert site.ask(prompt="none", id_token_hint=hint).query["error"] == "invalid_request"


def test_the_other_node_knows_the_former_key_too(provider: Provider, database_uri: str, tmp_path: Path) -> None:
    settings = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256", "RS256"], "SECRET_KEY": provider.server.settings.secret_key}
    key = {"OAUTH2_KEY_ENCRYPTION_KEY": provider.server.settings.key_encryption_key}
    with open_provider(tmp_path, database_uri, **settings, **key) as other:
        site = create_site(provider)
        hint = id_token_of(site)
        rotate(other)
        there = OpenIDClient.of(other, site.client)
        there.person.log_in("alice")
        with later(provider, LEAVES_AFTER + 120):
            other.server.cache_invalidation.forget()
            run(provider, "prune")
            other.server.cache_invalidation.forget()
            assert there.allow(prompt="none", id_token_hint=hint).query.get("error") != "invalid_request"
            assert other.post("/oauth/logout", {"id_token_hint": hint}, site.client).status == 204
        other.server.cache_invalidation.forget()
    assert site.ask(prompt="none").query["error"] == "login_required"


def test_what_the_former_release_retired_is_kept_as_well(provider: Provider) -> None:
    """A key that left the key set before the update, and was not pruned yet."""
    site = create_site(provider)
    hint = id_token_of(site)
    rotate(provider)
    with provider.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_former_key"))
    with later(provider, 3 * DAY):
        assert log_out(site, hint) == BACK
        with provider.server.database.reading() as session:
            assert session.get(Key, header_of(hint)["kid"]) is not None


# The order of the key set


def decode_by_jose(site: OpenIDClient, id_token: str) -> None:
    keys = site.provider.get("/oauth/jwks").json
    claims = jose_jwt.decode(
        id_token, keys, algorithms=["RS256"], audience=site.client.client_id, options={"verify_at_hash": False}
    )
    assert claims["iss"] in ISSUERS


@pytest.mark.parametrize("decryption", [["RSA-OAEP-256", "ECDH-ES"], []], ids=["with encryption keys", "without"])
@pytest.mark.parametrize("algorithms", [["ES256", "RS256"], ["RS256", "ES256"], ["EdDSA", "ES256", "RS256"]], ids=str)
def test_python_jose_reads_id_tokens_with_the_whole_key_set_after_each_rotation(
    create_application: Create, algorithms: list[str], decryption: list[str]
) -> None:
    settings = {"OAUTH2_SIGNING_ALGORITHMS": algorithms, "OAUTH2_DECRYPTION_ALGORITHMS": decryption}
    site = create_site(Provider(create_application(**settings)))
    given = []
    for rotations in range(3):
        if rotations:
            rotate(site.provider)
        given.append(id_token_of(site))
        for id_token in given:
            decode_by_jose(site, id_token)
        keys = published(site.provider)
        assert keys[0]["kid"] == header_of(given[-1])["kid"]
        assert [key["use"] for key in keys] == sorted((key["use"] for key in keys), reverse=True)
        own = [key["alg"] for key in keys if key["use"] == "sig"]
        assert own == sorted(own, key=lambda name: (name != "RS256", algorithms.index(name)))
