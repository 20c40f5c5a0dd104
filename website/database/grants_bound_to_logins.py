"""Whether a client's grants end with the login, and binding grants to their login sessions.

A refresh keeps the grant alive, not the browser: a grant that ends with the login needs the session's row until its
absolute expiry, regardless of how long the browser was idle.
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


def ends_with_login(chosen: bool | None, metadata: Mapping[str, Any], *, is_for_device: bool = False) -> bool:
    """Tell whether a client's grants with ``openid`` end with the login; ``chosen`` is its operator's decision.

    By default they do, unless the client is an app on the person's own device: all redirect URIs are loopback or
    private-use, and it has no logout URI. ``is_for_device`` asks about a grant to a device (:rfc:`8628`), which is the
    same, as there is no redirect.
    """
    if chosen is not None:
        return chosen
    if any(metadata.get(name) for name in LOGOUT_ADDRESSES):
        return True
    if is_for_device:
        return False
    uris = metadata.get("redirect_uris") or ()
    return not (uris and all(map(redirect_uris.is_loopback_or_private, uris)))


def bind_to_logins(session: Session, row: OAuth2Client, *, having: str | None = None) -> None:
    """Make a client's active grants with ``openid`` end with their logins, in the caller's transaction.

    Grants with ``offline_access`` are excluded, unless that is the scope in ``having``.
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
    # Not with LIKE, which ignores case on SQLite.
    return func.replace(padded, f" {value} ", " ") != padded
