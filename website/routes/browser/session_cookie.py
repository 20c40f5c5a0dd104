"""Cookies of a request, and the cookie of Flask's session: signed by one serializer with the shared clock's time."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property

from .timed_signatures import TimedSerializer

#: Where Flask's ``flash`` keeps what the next page says, and how much of that fits beside the rest: a browser drops a
#: cookie over 4 KiB, and with it the whole session. A character takes up to 6 bytes, such as Chinese in JSON.
FLASHES, MAX_FLASH_CHARACTERS = "_flashes", 400


class PageRequest(Request):
    """A request to a page: its cookies are in one header of the environ, so the others need not be searched."""

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        cookies: Any = parse_cookie(self.environ.get("HTTP_COOKIE", ""), cls=self.dict_storage_class)
        found: ImmutableMultiDict[str, str] = cookies
        return found


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
            signer = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
            serializer = TimedSerializer(keys, salt=self.salt, serializer=self.serializer, signer_kwargs=signer)
            self._kept = keys, serializer
        return serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session or session.accessed:  # otherwise there is nothing to say: no cookie came, and none is asked for
            if session.modified and FLASHES in session:
                session[FLASHES] = cut_flashes(session[FLASHES])
            super().save_session(app, session, response)


def cut_flashes(flashes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the newest messages that fit, each once and in their order; the newest is shortened where it is too long.

    They collect where forms are sent whose next page nobody opens, as scripts do.
    """
    kept: list[tuple[str, str]] = []
    left = MAX_FLASH_CHARACTERS
    for category, message in dict.fromkeys(map(tuple, reversed(flashes))):
        if kept and len(message) > left:
            break
        shown = message if len(message) <= left else message[: left - 1] + "…"
        kept.insert(0, (category, shown))
        left -= len(shown)
    return kept
