"""Adding a passkey to an account and logging in with it, as the pages do."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from flask import Flask

from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.token_requests import Provider
from website import base64url
from website.identifiers import new_identifier
from website.models.passkey import Passkey
from website.users import Account
from website.users.passkey_login import ProvedAccount
from website.users.passkey_options import creation_options, request_options
from website.users.passkey_verification import PasskeyError
from website.users.passkeys import new_passkey
from website.users.relying_party import RelyingParty, relying_party_at

HANDLE = base64url.encode(bytes(range(32)))


def give_passkey(application: Flask, username: str) -> str:
    """Give an account a passkey with which nobody can log in; return its id."""
    server = application.extensions["grantwright"]
    name = new_identifier()
    passkey = Passkey(
        id=name, user_id=server.users.find_row(username).id, credential_id=name, public_key="", rp_id="localhost",
        user_handle=HANDLE, sign_count=0, transports=["internal"], is_backup_eligible=True, is_backed_up=True,
        aaguid="00000000-0000-0000-0000-000000000000", name="Firefox on Linux", created_at=0, last_used_at=None,
    )  # fmt: skip
    with server.database.writing() as session:
        session.add(passkey)
    return name


def party_of(node: Provider) -> RelyingParty:
    party = relying_party_at(node.server.settings.issuer, node.server.settings)
    assert party is not None
    return party


def id_of(node: Provider, username: str = "alice") -> int:
    return int(node.server.users.find_row(username).id)


def account_of(node: Provider, username: str = "alice") -> Account:
    """Return an account with its subject and epoch."""
    account = node.server.users.find(str(id_of(node, username)))
    subject, epoch = node.server.accounts.subjects.subject_for_user(account.id)
    return replace(account, subject=subject, epoch=epoch)


def new_challenge() -> bytes:
    return secrets.token_bytes(32)


def add(
    node: Provider, authenticator: SoftwareAuthenticator, username: str = "alice", handle: str = HANDLE, **changed: Any
) -> Passkey:
    """Add a passkey as a page does; ``changed`` is what the authenticator signs instead."""
    user_id, party, challenge = id_of(node, username), party_of(node), new_challenge()
    existing = node.server.accounts.passkeys.list_of(user_id)
    answer = authenticator.create(creation_options(party, challenge, handle, username, existing), **changed)
    return store(node, answer, challenge, username, handle)


def store(node: Provider, answer: str, challenge: bytes, username: str = "alice", handle: str = HANDLE) -> Passkey:
    """Verify a passkey and add it to an account, whatever second factors there are."""
    user_id = id_of(node, username)
    subject, _epoch = node.server.accounts.subjects.subject_for_user(str(user_id))
    passkey = new_passkey(user_id, answer, challenge, handle, party_of(node), "Laptop")
    with node.server.database.writing() as session:
        problem = node.server.accounts.passkeys.add(session, subject, passkey, challenge)
    if problem:
        raise PasskeyError(problem)
    return passkey


def remove(node: Provider, passkey: Passkey) -> bool:
    passkeys = node.server.accounts.passkeys
    with node.server.database.writing() as session:
        return passkeys.remove(session, passkey.user_id, passkey.id)


def log_in(
    node: Provider, authenticator: SoftwareAuthenticator, *, user_id: int | None = None, uv: bool = True, **changed: Any
) -> ProvedAccount:
    challenge, party = new_challenge(), party_of(node)
    answer = authenticator.get(request_options(party, challenge), **changed)
    return node.server.accounts.passkey_login.authenticate(
        answer, challenge, party, requires_verification=uv, user_id=user_id
    )
