"""How many devices may wait for people at the same time, and which of them gives way to another one."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ..models.device_code import DeviceCode
from ..request_context import network_of

#: Codes that wait at the same time: of one client, and of all. Nothing else bounds what public clients write.
MAX_OF_CLIENT, MAX_OF_ALL = 5_000, 20_000
#: Codes of one network that nobody has entered yet.
MAX_OF_NETWORK = 60
#: Whose IPv6 addresses count as one network here: providers assign that much to one site.
SITE_PREFIX_BITS = 48


class TooManyDevicesError(Exception):
    """Too many devices wait already: of this network, or of the client or in all and people are deciding on each."""


def site_of(address: str | None) -> str:
    """Return the network that a device is counted in: its address, or for IPv6 its /48."""
    return network_of(address, SITE_PREFIX_BITS)


def make_place(session: Session, client: str, network: str, now: int) -> None:
    """Let one more device of a client wait. Raises :class:`TooManyDevicesError`.

    If too many devices wait, the oldest one of the network with most of them is forgotten, so that a stranger's
    requests only displace each other. A code that somebody has entered is never forgotten.
    """
    waits = DeviceCode.expires_at > now
    is_of_client, is_entered = DeviceCode.client == client, DeviceCode.session.is_not(None)
    is_of_network = (DeviceCode.network == network) & ~is_entered
    of_each = func.count().filter(is_of_client), func.count().filter(is_of_network)
    of_all, of_client, of_network = session.execute(select(func.count(), *of_each).where(waits)).one()
    if of_network >= MAX_OF_NETWORK:
        raise TooManyDevicesError
    if of_client >= MAX_OF_CLIENT:
        _forget_one(session, waits & ~is_entered & is_of_client)
    elif of_all >= MAX_OF_ALL:
        _forget_one(session, waits & ~is_entered)


def _forget_one(session: Session, may_go: ColumnElement[bool]) -> None:
    of_network = select(DeviceCode.network).where(may_go).group_by(DeviceCode.network)
    largest = of_network.order_by(func.count().desc(), func.min(DeviceCode.created_at)).limit(1).scalar_subquery()
    oldest = select(DeviceCode.device_code_hash).where(may_go, DeviceCode.network == largest)
    # Skipping locked ones: another request is forgetting them, or a person is entering them.
    chosen = oldest.order_by(DeviceCode.created_at).limit(1).with_for_update(skip_locked=True).scalar_subquery()
    forgotten = delete(DeviceCode).where(DeviceCode.device_code_hash == chosen, DeviceCode.session.is_(None))
    if not session.execute(forgotten.returning(DeviceCode.client)).first():
        raise TooManyDevicesError
