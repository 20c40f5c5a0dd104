"""Removing scopes from a client's grants, codes and consents when the client loses them, in one transaction.

If a scope is added again later, nobody has granted it yet. Grants that outlived the login only because of
``offline_access`` then end with it.
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
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from .lasting_connections import bind_to_logins, ends_with_login

_IN_BULK = {"synchronize_session": False}


def withdraw_scopes(session: Session, row: OAuth2Client, metadata: Mapping[str, Any]) -> None:
    """Remove the scopes that a client loses from its grants, codes and consents; ``metadata`` is the new one.

    Codes before grants: a concurrent redemption locks its code, so that its grant is found afterwards. A grant without
    any scope left ends.
    """
    kept_values = scopes.split(metadata.get("scope"))
    lost = [value for value in scopes.split(row.client_metadata.get("scope")) if value not in kept_values]
    is_self_registered = row.is_self_registered or row.registration_token_hash is not None
    if scopes.OFFLINE_ACCESS in lost and (is_self_registered or ends_with_login(row.ends_with_login, metadata)):
        bind_to_logins(session, row, having=scopes.OFFLINE_ACCESS)
    for value in lost:
        for model in (OAuth2AuthorizationCode, DeviceCode, Grant, Consent):
            padded = literal(" ") + model.scope + " "
            # Each value occurs once; not with LIKE, which ignores case on SQLite.
            narrowed = func.replace(padded, f" {value} ", " ")
            changes: dict[str, Any] = {"scope": func.trim(narrowed)}
            if model is Grant:
                changes["revoked_at"] = case(
                    (func.trim(narrowed) == "", func.coalesce(Grant.revoked_at, clock.now())), else_=Grant.revoked_at
                )
            chosen = update(model).where(model.client == row.id, narrowed != padded)
            if model is OAuth2AuthorizationCode:
                chosen = chosen.where(model.is_waiting(clock.now()))
            session.execute(chosen.values(**changes), execution_options=_IN_BULK)
