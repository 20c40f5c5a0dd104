"""A person's decision on an authorization request."""

from __future__ import annotations

from dataclasses import dataclass

from ..sessions import CurrentLoginSession


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes: by whom, and the stored consent, if any."""

    login: CurrentLoginSession
    consent: str | None
    #: Whether the person answered the consent page for this request.
    was_asked: bool = False
