"""What becomes of grants, codes and consents when their client loses a scope: they lose it too, in one transaction.

A scope that comes back later is a new one: nobody granted it. What was bound to nothing but ``offline_access`` ends
with the login from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, literal, update
from sqlalchemy.orm import Session

from .. import clock, scopes
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.grant import Grant
from .lasting_connections import bind_to_logins, ends_with_login

_IN_BULK = {"synchronize_session": False}


def withdraw_scopes(session: Session, row: OAuth2Client, metadata: Mapping[str, Any]) -> None:
    """Take what a client may no longer have from all that it was granted; ``metadata`` is to replace its present one.

    Codes before grants: a redemption under way holds its code, and what it writes is there when the grants are looked
    for. A grant that has no scope left ends.
    """
    kept = scopes.split(metadata.get("scope"))
    lost = [value for value in scopes.split(row.client_metadata.get("scope")) if value not in kept]
    is_self_registered = row.is_self_registered or row.registration_token_hash is not None
    if scopes.OFFLINE_ACCESS in lost and (is_self_registered or ends_with_login(row.ends_with_login, metadata)):
        bind_to_logins(session, row, having=scopes.OFFLINE_ACCESS)
    for value in lost:
        for model in (OAuth2AuthorizationCode, Grant, Consent):
            padded = literal(" ") + model.scope + " "
            # Each value is there once; not by LIKE, for which SQLite takes capital letters for small ones.
            narrowed = func.replace(padded, f" {value} ", " ")
            changes: dict[str, Any] = {"scope": func.trim(narrowed)}
            if model is Grant:
                changes["revoked_at"] = case(
                    (func.trim(narrowed) == "", func.coalesce(Grant.revoked_at, clock.now())), else_=Grant.revoked_at
                )
            chosen = update(model).where(model.client == row.id, narrowed != padded)
            session.execute(chosen.values(**changes), execution_options=_IN_BULK)
