"""Adding a passkey to an account: the options for the page's script, and what comes back."""

from __future__ import annotations

from typing import Any

from flask import request

from ...database import StaleLoginError
from ...identifiers import new_secret
from ...models.passkey import Passkey
from ...sessions.assurance import TWO_FACTORS, added_passkey_proof, meets
from ...users import Account
from ...users.passkey_options import creation_options
from ...users.passkey_verification import PasskeyError
from ...users.passkeys import MAX_NAME_CHARACTERS, new_passkey
from ..current.authorization_server import authorization_server
from ..current.login_session import step_up_login
from ..presentation.device_names import describe_device
from .passkey_challenge import ADD, new_challenge, read_challenge
from .passkey_place import required_party
from .second_factor_person import AskedPerson

#: The form was open for too long or is another account's, or the account or its login was ended meanwhile.
EXPIRED = "expired"


def new_creation(account: Account) -> dict[str, Any]:
    """Return the options for creating a passkey of an account, and the challenge to send back with it.

    ``account`` has its subject and epoch.
    """
    existing = authorization_server().accounts.passkeys.list_of(int(account.id))
    user_handle = existing[0].user_handle if existing else new_secret()
    challenge, sealed = new_challenge(ADD, account.subject, account.epoch, user_handle)
    options = creation_options(required_party(), challenge, user_handle, account.username, existing)
    return {"options": options, "challenge": sealed}


def add_created_passkey(person: AskedPerson) -> tuple[Passkey, list[str]]:
    """Add the passkey in this request's form; return it, and the recovery codes made with a first factor.

    ``person`` is logged in, or in the middle of a login: then it has to be their first factor. Raises ``PasskeyError``
    with the reason, and ``FactorExistsError``. A login with a password alone has two factors from then on.
    """
    account, party = person.account, required_party()
    read = read_challenge(request.form.get("challenge", ""), ADD)
    if read is None or read[1][:2] != [account.subject, account.epoch]:
        raise PasskeyError(EXPIRED)
    challenge, (_subject, _epoch, user_handle) = read
    name = describe_device(request.user_agent.string)[0][:MAX_NAME_CHARACTERS]
    passkey = new_passkey(int(account.id), request.form.get("credential", ""), challenge, user_handle, party, name)
    login = person.login
    try:
        codes = authorization_server().accounts.second_factors.add_passkey(
            account, passkey, challenge, login.session if login else None
        )
        if login is not None and not meets(login.acr, TWO_FACTORS):  # it was the first factor, and has just been shown
            step_up_login(login, added_passkey_proof(passkey.is_backup_eligible, person.proof))
    except StaleLoginError:
        raise PasskeyError(EXPIRED) from None
    return passkey, codes
