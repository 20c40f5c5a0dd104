"""Sealed tokens: to the character what the server made, or nothing; and nothing of one is stored."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS
from website import base64url
from website.grants import RefreshToken

URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KINDS = ["access_token", "refresh_token"]


@dataclass(frozen=True)
class Issued:
    """Two tokens that hold, and the client they were given to."""

    provider: Provider
    client: MachineClient
    tokens: dict[str, str]

    def is_active(self, token: str) -> bool:
        return self.provider.is_active(self.client, token)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issued]:
    folder = tmp_path_factory.mktemp("tokens")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_ACCESS_TOKEN_SECONDS=3600) as provider:
        client = provider.create_client("password", "refresh_token")
        yield Issued(provider, client, provider.log_in(client))


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_fails(issued: Issued, kind: str) -> None:
    token = issued.tokens[kind]
    assert issued.is_active(token)
    for length in range(1, len(token)):
        assert not issued.is_active(token[:length])
        assert not issued.is_active(token[length:])


@pytest.mark.parametrize("kind", KINDS)
def test_every_change_of_case_fails(issued: Issued, kind: str) -> None:
    token = issued.tokens[kind]
    for place, character in enumerate(token):
        if character.swapcase() != character:
            assert not issued.is_active(token[:place] + character.swapcase() + token[place + 1 :])
    assert not issued.is_active(token.upper())
    assert not issued.is_active(token.lower())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60)
def test_every_inserted_character_fails(issued: Issued, kind: str, data: st.DataObject) -> None:
    token = issued.tokens[kind]
    place = data.draw(st.integers(0, len(token)))
    more = data.draw(st.text(st.sampled_from(URL_SAFE + "=+/. \t%é\U0001f511"), min_size=1, max_size=3))
    changed = {"token": token[:place] + more + token[place:]}
    answer = issued.provider.post("/oauth/introspect", changed, issued.client)
    assert answer.status == 400 or answer.json == {"active": False}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60)
def test_every_replaced_character_fails(issued: Issued, kind: str, data: st.DataObject) -> None:
    token = issued.tokens[kind]
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(URL_SAFE))
    assume(other != token[place])
    assert not issued.is_active(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_a_spelling_that_is_not_canonical_fails(issued: Issued, kind: str) -> None:
    """Where the last character carries spare bits, several spellings decode to the same bytes."""
    # A refresh token's length depends on its generation's digits, an access token's on its scope.
    candidates = [issued.provider.log_in(issued.client, scope=scope)[kind] for scope in ("profile", "photos")]
    if kind == "refresh_token":
        candidates = [
            issued.provider.server.grants.tokens.write_refresh_token(RefreshToken("x" * n, 0)) for n in range(3)
        ]
    token = next(candidate for candidate in candidates if len(candidate[5:]) % 4)
    prefix, body = token[:5], token[5:]
    whole = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    aliases = [
        body[:-1] + other
        for other in URL_SAFE
        if other != body[-1] and base64.urlsafe_b64decode(body[:-1] + other + "=" * (-len(body) % 4)) == whole
    ]
    assert aliases
    standard = base64.b64encode(whole).decode()
    for spelling in (*aliases, body + "=", body + "==", standard, standard.rstrip("="), body + "\n", " " + body):
        if spelling != body:
            answer = issued.provider.post("/oauth/introspect", {"token": prefix + spelling}, issued.client)
            assert answer.status == 400 or answer.json == {"active": False}, spelling


@pytest.mark.parametrize("prefix", ["", "gwat_", "gwrt_", "gwac_", "gwcs_", "GWAT_", "gwat-", "gwat", "gwat__"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_prefix_fails(issued: Issued, kind: str, prefix: str) -> None:
    own = issued.tokens[kind][:5]
    if prefix != own:
        assert not issued.is_active(prefix + issued.tokens[kind][5:])


@given(raw=st.binary(max_size=200))
@settings(max_examples=100)
def test_no_bytes_under_a_prefix_are_a_token(issued: Issued, raw: bytes) -> None:
    for prefix in ("gwat_", "gwrt_"):
        for head in (b"", b"\x01", base64.urlsafe_b64decode(issued.tokens["access_token"][5:49])):
            forged = base64.urlsafe_b64encode(head + raw).rstrip(b"=").decode()
            assert not issued.is_active(prefix + forged)


def test_a_token_of_another_provider_is_nothing_here(issued: Issued, create_application: Callable[..., Flask]) -> None:
    other = Provider(create_application())
    client = other.create_client("password", "refresh_token", scope="profile")
    for token in other.log_in(client).values():
        assert not issued.is_active(str(token))


@pytest.mark.usefixtures("secure_transport_required")
def test_a_token_is_bound_to_the_issuer(create_application: Callable[..., Flask]) -> None:
    """Two issuers on one database, with the same keys, do not take each other's tokens."""
    here = Provider(create_application(**PRODUCTION | {"OAUTH2_ISSUER": "https://a.example"}))
    there = Provider(create_application(initdb=False, **PRODUCTION | {"OAUTH2_ISSUER": "https://b.example"}))
    client = here.create_client(scope="profile")
    token = here.get_token(client)["access_token"]
    assert here.is_active(client, token)
    assert not there.is_active(client, token)


def test_what_a_token_says_cannot_be_read_from_outside(issued: Issued) -> None:
    for token in issued.tokens["access_token"], issued.tokens["refresh_token"]:
        opened = base64.urlsafe_b64decode(token[5:] + "=" * (-len(token[5:]) % 4))
        for word in (b"profile", issued.client.row.encode(), issued.client.client_id.encode(), b"127.0.0.1"):
            assert word not in opened


def test_nothing_of_a_token_is_stored(issued: Issued) -> None:
    stored = issued.provider.read_everything()
    for token in issued.tokens["access_token"], issued.tokens["refresh_token"]:
        for start in range(5, len(token) - 16, 16):
            assert token[start : start + 16] not in stored


def test_an_expired_token_is_dead_however_authentic(issued: Issued) -> None:
    tokens = issued.provider.server.grants.tokens
    token = tokens.read_access_token(issued.tokens["access_token"])
    assert token is not None
    assert issued.is_active(tokens.write_access_token(token, "sealed", ""))
    assert not issued.is_active(tokens.write_access_token(token._replace(expires_at=1), "sealed", ""))


@given(text=st.text(st.sampled_from(URL_SAFE + "+/= \n\xe9"), max_size=9))
@settings(max_examples=500)
def test_only_the_spelling_that_encoding_gives_is_decoded(text: str) -> None:
    decoded = base64url.decode(text)
    assert decoded is None or base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == text


@given(raw=st.binary(max_size=9))
def test_every_encoded_text_is_decoded(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert base64url.encode(raw) == text
    assert base64url.decode(text) == raw


FORK = """
import base64, os
from website.app import create_app

keys_and_tokens = create_app().extensions["grantwright"].grants.tokens
reader, writer = os.pipe()
child = os.fork()
token = keys_and_tokens.write_refresh_token(RefreshToken("a grant", 0))
if child == 0:
    os.write(writer, token.encode())
    os._exit(0)
os.close(writer)
os.waitpid(child, 0)
theirs = os.read(reader, 10_000).decode()
salts = [base64.urlsafe_b64decode(text[5:] + "=" * (-len(text[5:]) % 4))[9:25] for text in (token, theirs)]
assert salts[0] != salts[1]
assert keys_and_tokens.read_refresh_token(theirs) == RefreshToken("a grant", 0)
"""


def test_a_forked_worker_seals_under_a_salt_of_its_own(application: Flask, tmp_path: Path) -> None:
    """The salt stands at bytes 9 to 25: two workers must not count under the same one."""
    program = "from website.grants.tokens import RefreshToken\n" + FORK
    environment = {**os.environ, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS
    )
    assert ran.returncode == 0, ran.stderr
