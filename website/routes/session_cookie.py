"""The cookie of Flask's session, signed with the time by the clock that nodes share, by one serializer for each key."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from .timed_signatures import ClockSigner


class SessionCookies(SecureCookieSessionInterface):
    """Flask's sessions in signed cookies, which a node whose clock is behind accepts too."""

    #: Flask's own is a Python function that calls this one, and keeps ``hmac`` from its implementation in C.
    digest_method = staticmethod(hashlib.sha1)

    def __init__(self) -> None:
        #: The keys of the application, the current one last, and the serializer that they make.
        self._kept: tuple[tuple[Any, ...], Any] = ((), None)

    def get_signing_serializer(self, app: Flask) -> Any:
        keys = (*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.secret_key)
        kept_keys, serializer = self._kept
        if keys != kept_keys:
            serializer = super().get_signing_serializer(app)
            if serializer is not None:
                serializer.signer = ClockSigner
            self._kept = keys, serializer
        return serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session or session.accessed:  # otherwise there is nothing to say: no cookie came, and none is asked for
            super().save_session(app, session, response)
