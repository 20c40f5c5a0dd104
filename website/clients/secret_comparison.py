"""The comparison of a presented client secret with the stored ones, in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from .. import clock
from ..identifiers import hash_secret


def is_valid_secret(client_secret: str, stored_secrets: Iterable[tuple[str, int | None]]) -> bool:
    """Tell whether a secret is among the stored ones, each a hash and the time at which it expires, if it does.

    Each is compared, so that the time taken tells nothing about which one matched.
    """
    presented, now, is_valid = hash_secret(client_secret), clock.now(), False
    for secret_hash, expires_at in stored_secrets:
        is_same = hmac.compare_digest(secret_hash, presented)
        is_valid |= is_same and (expires_at is None or expires_at > now)
    return is_valid
