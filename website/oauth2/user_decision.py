"""A person's decision on an authorization request."""

from __future__ import annotations

from typing import NamedTuple

from ..sessions import CurrentLoginSession


class Decision(NamedTuple):
    """A yes: by whom, and the stored consent, if any."""

    login: CurrentLoginSession
    consent: str | None
    #: Whether the person answered the consent page for this request.
    was_asked: bool = False
