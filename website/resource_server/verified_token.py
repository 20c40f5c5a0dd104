"""An access token that was verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VerifiedToken:
    """A valid access token for this API. Its text and claims aren't printed.

    ``subject`` is the user: random and never reused, so store this and not a name. ``None`` means that the client acts
    for itself. ``expires_at`` and ``auth_time``, when the user logged in, are in seconds since the epoch.
    """

    client_id: str
    subject: str | None
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: int
    auth_time: int | None
    acr: str | None
    claims: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)
