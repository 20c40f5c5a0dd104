"""The cookie of Flask's session, signed with the time by the clock that nodes share."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from .timed_signatures import ClockSigner


class SessionCookies(SecureCookieSessionInterface):
    """Flask's sessions in signed cookies, which a node whose clock is behind accepts too."""

    def get_signing_serializer(self, app: Flask) -> Any:
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = ClockSigner
        return serializer
