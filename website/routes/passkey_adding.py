"""Adding a passkey to the account that is logged in: the options for the page's script, and what comes back."""

from __future__ import annotations

from typing import Any

from flask import request

from ..identifiers import new_secret
from ..users.passkey_options import creation_options
from ..users.passkey_verification import PasskeyError
from ..users.passkeys import LOGIN_ENDED, MAX_NAME_CHARACTERS
from .authorization_server import authorization_server
from .devices import describe_device
from .login_session import current_account, current_login
from .passkey_challenge import ADD, new_challenge, read_challenge
from .passkey_place import required_party
from .passkey_problems import TOO_LATE, problem_of


def new_creation() -> dict[str, Any]:
    """Return the options for creating a passkey of the account, and the challenge to send back with it."""
    login, account, accounts = current_login(), current_account(), authorization_server().accounts
    existing = accounts.passkeys.list_of(int(account.id))
    user_handle = existing[0].user_handle if existing else new_secret()
    _subject, epoch = accounts.subjects.subject_for_user(account.id)
    challenge, sealed = new_challenge(ADD, login.subject, epoch, user_handle)
    options = creation_options(required_party(), challenge, user_handle, account.username, existing)
    return {"options": options, "challenge": sealed}


def add_created_passkey() -> str:
    """Add the passkey in this request's form to the account; return the problem in words, or ""."""
    login, party = current_login(), required_party()
    read = read_challenge(request.form.get("challenge", ""), ADD)
    if read is None:
        return TOO_LATE
    challenge, (subject, epoch, user_handle) = read
    if subject != login.subject:
        return TOO_LATE
    name, _icon = describe_device(request.user_agent.string)
    answer = request.form.get("credential", "")
    try:
        authorization_server().accounts.passkeys.add(
            int(login.user_id), epoch, answer, challenge, user_handle, party, name[:MAX_NAME_CHARACTERS]
        )
    except PasskeyError as error:
        return TOO_LATE if error.reason == LOGIN_ENDED else problem_of(error.reason)
    return ""
