"""Whether what a client was granted ends with the login, and binding grants to their logins.

A refresh keeps the grant alive, not the browser: a grant that ends with the login needs the login's row, until its
absolute end, however long the browser itself was not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, literal, update
from sqlalchemy.orm import Session

from .. import redirect_uris
from ..models.client import OAuth2Client
from ..models.grant import Grant
from ..scopes import OFFLINE_ACCESS, OPENID

LOGOUT_ADDRESSES = ("backchannel_logout_uri", "frontchannel_logout_uri")


def ends_with_login(chosen: bool | None, metadata: Mapping[str, Any]) -> bool:
    """Tell whether a client's grants with ``openid`` end with the login; ``chosen`` is what its operator decided.

    Left open, they do, unless the client is an app on the person's own device: every redirect URI is loopback or of a
    private-use scheme, and it has no address at which it hears of logouts.
    """
    if chosen is not None:
        return chosen
    if any(metadata.get(name) for name in LOGOUT_ADDRESSES):
        return True
    uris = metadata.get("redirect_uris") or ()
    return not (uris and all(map(redirect_uris.is_loopback_or_private, uris)))


def bind_to_logins(session: Session, row: OAuth2Client, *, having: str | None = None) -> None:
    """Have a client's live grants with ``openid`` end with their logins from now on, in the caller's transaction.

    Those with ``offline_access`` are left alone, unless that is what they have to be ``having``.
    """
    padded = _padded(Grant.scope)
    chosen = [Grant.client == row.id, Grant.revoked_at.is_(None), _has(padded, OPENID)]
    chosen.append(_has(padded, having) if having else ~_has(padded, OFFLINE_ACCESS))
    session.execute(
        update(Grant).where(*chosen).values(ends_with_session=True), execution_options={"synchronize_session": False}
    )


def _padded(scope: Any) -> ColumnElement[str]:
    padded: ColumnElement[str] = literal(" ") + scope + " "
    return padded


def _has(padded: ColumnElement[str], value: str) -> ColumnElement[bool]:
    # Not by LIKE, for which SQLite takes capital letters for small ones.
    return func.replace(padded, f" {value} ", " ") != padded
