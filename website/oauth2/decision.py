"""Owns what a code is made from, a person's decision, and what comes back when it is redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from ..sessions import CurrentLoginSession


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes: by whom, and the consent it was remembered as, if it was."""

    login: CurrentLoginSession
    consent: str | None
    #: Whether the consent page was shown for this request, and answered.
    was_asked: bool = False
