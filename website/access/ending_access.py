"""Ending what people have at a client that they may no longer use, in the transaction that takes it from them.

So refreshing and introspection look up no group. What is being issued at the same moment is judged under a lock on the
client and the membership (``rule_conditions.py``): either its grant is found here, or the change is found there. Locks
are taken in one order everywhere: groups, clients, memberships, grants. Codes are left alone if another transaction has
them, as it is judging them.

Up to ``MAX_GRANTS`` grants are revoked. Beyond that, a change would keep all other writers waiting for seconds, so
the client's token epoch is raised: one row, which ends every token and grant of the client, also of people who may go
on using it. They log in again, mostly without noticing, as their login and their consent stay. An epoch per client and
person would spare them that, at the price of a row for each and a look at it with every token.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, false, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from .. import clock
from ..audit import Audit
from ..database.cache_invalidation import CLIENTS, record_change
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.client_group import ClientGroup
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from ..models.subject import Subject
from .rule_conditions import SUFFICIENT, is_in_rule

MAX_GRANTS = 1000
_IN_BULK = {"synchronize_session": False}


def lock_clients_of_group(session: Session, group_id: str) -> list[OAuth2Client]:
    """Return the clients with a group in their rule, locked before any membership."""
    query = select(OAuth2Client).join(ClientGroup, ClientGroup.client == OAuth2Client.id)
    query = query.where(ClientGroup.group_id == group_id).order_by(OAuth2Client.id)
    return [*session.scalars(query.with_for_update(of=OAuth2Client))]


def end_access_of_members(
    session: Session, audit: Audit, clients: Collection[OAuth2Client], user_ids: Collection[int], *, by: str | None
) -> None:
    """End the access of accounts that have just left a group to those of the locked clients that it let them use."""
    texts = [str(user_id) for user_id in user_ids]
    whose = select(Subject.subject).where(Subject.user_id.in_(texts)) if len(texts) <= MAX_GRANTS else None
    for client in clients if texts else ():
        end_access_of_refused(session, audit, client, whose, by=by)


def end_access_of_refused(
    session: Session, audit: Audit, client: OAuth2Client, whose: Any = None, *, by: str | None
) -> int | None:
    """End everything at a locked client of subjects who may not use it, or not with the login they used.

    ``whose`` selects the subjects that it may concern. Returns how many grants ended, ``None`` if all of the client's
    tokens did.
    """
    now = clock.now()
    if not client.is_restricted and client.required_acr is None:
        return 0
    _end_codes(session, client, whose, now)
    affected = and_(Grant.client == client.id, Grant.revoked_at.is_(None), Grant.expires_at > now)
    affected = and_(affected, Grant.is_of_epoch(client.token_epoch), _is_refused(client, Grant, whose))
    found = session.execute(select(Grant.id, Grant.subject).where(affected).limit(MAX_GRANTS + 1)).all()
    facts = {"client_id": client.client_id, "client_name": client.client_name}
    if len(found) > MAX_GRANTS:
        _end_all_tokens(session, client, now)
        audit.add(session, "client_access_ended", actor=by, client=client.id, detail={**facts, "everybody": True})
        return None
    if found:
        ids = [grant_id for grant_id, _subject in found]
        session.execute(update(Grant).where(Grant.id.in_(ids)).values(revoked_at=now), execution_options=_IN_BULK)
    for subject in dict.fromkeys(subject for _grant_id, subject in found):
        audit.add(session, "client_access_ended", actor=by, subject=subject, client=client.id, detail=facts)
    return len(found)


def _is_refused(client: OAuth2Client, model: Any, whose: Any) -> ColumnElement[bool]:
    """Return the condition for rows of a model whose subject may not use a client, or not with that login."""
    is_outside = ~is_in_rule(client.id, model.subject) if client.is_restricted else false()
    acr: InstrumentedAttribute[str | None] = model.acr
    sufficient = SUFFICIENT.get(client.required_acr or "", ())
    is_weak = or_(acr.is_(None), acr.not_in(sufficient)) if client.required_acr is not None else false()
    refused = or_(is_outside, is_weak)
    return refused if whose is None else and_(model.subject.in_(whose), refused)


def _end_codes(session: Session, client: OAuth2Client, whose: Any, now: int) -> None:
    """End the codes that wait, except those that are being redeemed at the moment: they are judged there."""
    code, device = OAuth2AuthorizationCode, DeviceCode
    waiting = select(code.code_hash).where(
        code.client == client.id, code.is_waiting(now), _is_refused(client, code, whose)
    )
    free = waiting.with_for_update(skip_locked=True)
    session.execute(update(code).where(code.code_hash.in_(free)).values(used_at=now), execution_options=_IN_BULK)
    allowed = select(device.device_code_hash).where(
        device.client == client.id, device.subject.is_not(None), _is_refused(client, device, whose)
    )
    free = allowed.with_for_update(skip_locked=True)
    session.execute(delete(device).where(device.device_code_hash.in_(free)), execution_options=_IN_BULK)


def _end_all_tokens(session: Session, client: OAuth2Client, now: int) -> None:
    """End every token and grant of a client by its epoch. Grants of the previous release have none: they end here."""
    client.token_epoch += 1
    session.flush()
    former = update(Grant).where(Grant.client == client.id, Grant.client_epoch.is_(None), Grant.revoked_at.is_(None))
    session.execute(former.values(revoked_at=now), execution_options=_IN_BULK)
    record_change(session, CLIENTS, client.id)
