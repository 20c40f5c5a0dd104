"""Adding a passkey to an account and logging in with it, as the pages do."""

from __future__ import annotations

import secrets
from typing import Any

from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.token_requests import Provider
from website import base64url
from website.models.passkey import Passkey
from website.users.passkey_login import ProvedAccount
from website.users.passkey_options import creation_options, request_options
from website.users.relying_party import RelyingParty, relying_party_at

HANDLE = base64url.encode(bytes(range(32)))


def party_of(node: Provider) -> RelyingParty:
    party = relying_party_at(node.server.settings.issuer, node.server.settings)
    assert party is not None
    return party


def id_of(node: Provider, username: str = "alice") -> int:
    return int(node.server.users.find_row(username).id)


def new_challenge() -> bytes:
    return secrets.token_bytes(32)


def add(
    node: Provider, authenticator: SoftwareAuthenticator, username: str = "alice", handle: str = HANDLE, **changed: Any
) -> Passkey:
    """Add a passkey as a page does; ``changed`` is what the authenticator signs instead."""
    user_id, party, challenge = id_of(node, username), party_of(node), new_challenge()
    _subject, epoch = node.server.accounts.subjects.subject_for_user(str(user_id))
    existing = node.server.accounts.passkeys.list_of(user_id)
    answer = authenticator.create(creation_options(party, challenge, handle, username, existing), **changed)
    return node.server.accounts.passkeys.add(user_id, epoch, answer, challenge, handle, party, "Laptop")


def log_in(
    node: Provider, authenticator: SoftwareAuthenticator, *, user_id: int | None = None, uv: bool = True, **changed: Any
) -> ProvedAccount:
    challenge, party = new_challenge(), party_of(node)
    answer = authenticator.get(request_options(party, challenge), **changed)
    return node.server.accounts.passkey_login.authenticate(
        answer, challenge, party, requires_verification=uv, user_id=user_id
    )
