"""Removing scopes from grants, codes and consents when a client or an API loses them, in one transaction.

If a scope is added again later, nobody has granted it yet. A client's grants that outlived the login only because of
``offline_access`` then end with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, case, cast, func, literal, update
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.orm import InstrumentedAttribute, Session

from .. import clock, scopes
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from .grants_bound_to_logins import bind_to_logins, ends_with_login

_IN_BULK = {"synchronize_session": False}
#: Codes before grants: a concurrent redemption locks its code, so that its grant is found afterwards.
_MODELS = OAuth2AuthorizationCode, DeviceCode, Grant, Consent


def withdraw_scopes(session: Session, row: OAuth2Client, metadata: Mapping[str, Any]) -> None:
    """Remove the scopes that a client loses from its grants, codes and consents; ``metadata`` is the new one.

    A grant without any scope left ends.
    """
    kept_values = scopes.split(metadata.get("scope"))
    lost = [value for value in scopes.split(row.client_metadata.get("scope")) if value not in kept_values]
    is_self_registered = row.is_self_registered or row.registration_token_hash is not None
    if scopes.OFFLINE_ACCESS in lost and (is_self_registered or ends_with_login(row.ends_with_login, metadata)):
        bind_to_logins(session, row, having=scopes.OFFLINE_ACCESS)
    for value in lost:
        for model in _MODELS:
            padded, narrowed = _without(value, model.scope)
            changes: dict[str, Any] = {"scope": func.trim(narrowed)}
            if model is Grant:
                changes["revoked_at"] = case(
                    (func.trim(narrowed) == "", func.coalesce(Grant.revoked_at, clock.now())), else_=Grant.revoked_at
                )
            chosen = update(model).where(model.client == row.id, narrowed != padded)
            if model is OAuth2AuthorizationCode:
                chosen = chosen.where(model.is_waiting(clock.now()))
            session.execute(chosen.values(**changes), execution_options=_IN_BULK)


def withdraw_scopes_at_resource(session: Session, resource: str, values: Iterable[str]) -> None:
    """Remove scopes of an API, given by its row id, from the codes, grants and consents of every client."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    for value in values:
        for model in _MODELS:
            padded, narrowed = _without(value, model.resources[resource].as_string())
            replace = _replaced_on_postgresql if is_postgresql else _replaced_on_sqlite
            changed = replace(model.resources, resource, func.trim(narrowed))
            chosen = update(model).where(model.resources.is_not(None), narrowed != padded)
            if model is OAuth2AuthorizationCode:
                chosen = chosen.where(model.is_waiting(clock.now()))
            session.execute(chosen.values(resources=changed), execution_options=_IN_BULK)


def _without(value: str, scope: Any) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """Return a scope between spaces, and the same without a value, which occurs once at most."""
    padded = literal(" ") + scope + " "
    return padded, func.replace(padded, f" {value} ", " ")  # not with LIKE, which ignores case on SQLite


def _replaced_on_sqlite(column: InstrumentedAttribute[Any], key: str, text: ColumnElement[str]) -> ColumnElement[Any]:
    return func.json_set(column, f'$."{key}"', text)


def _replaced_on_postgresql(
    column: InstrumentedAttribute[Any], key: str, text: ColumnElement[str]
) -> ColumnElement[Any]:
    return cast(func.jsonb_set(cast(column, JSONB), array([key]), func.to_jsonb(cast(text, Text))), JSON)
