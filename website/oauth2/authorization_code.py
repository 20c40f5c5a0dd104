"""Owns what a code is made from, a person's decision, and what comes back when it is redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from ..authentication import Authentication
from ..database import Row
from ..sessions import Login


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes: by whom, and the consent it was remembered as, if it was."""

    login: Login
    consent: str | None
    #: Whether the consent page was shown for this request, and answered.
    was_asked: bool = False


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as it was claimed, in the order of the statement's columns."""

    subject: str
    consent: str | None
    redirect_uri: str | None
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: int
    user_id: str | None
    subject_epoch: int
    stays_connected: bool
    authentication: Authentication

    @classmethod
    def from_row(cls, row: Row) -> AuthorizationCode:
        """Return what the statement that claimed it returned."""
        subject, consent, redirect_uri, scope, challenge, method, expires_at, user_id, epoch, stays, *authentication = (
            row
        )
        held_by = Authentication.from_row(*authentication)
        return cls(
            subject, consent, redirect_uri, scope, challenge, method, expires_at, user_id, epoch, bool(stays), held_by
        )
