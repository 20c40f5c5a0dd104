"""Owns what a code is made from, a person's decision, and what comes back when it is redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from ..sessions import Login


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes: by whom, and the consent it was remembered as, if it was."""

    login: Login
    consent: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as it was claimed, in the order of the statement's columns."""

    subject: str
    session: str | None
    consent: str | None
    redirect_uri: str | None
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    auth_time: int | None
    acr: str | None
    expires_at: int
    user_id: str | None
    subject_epoch: int
