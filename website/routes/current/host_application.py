"""The embedding application: who is logged in there, and where its login page is."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request, url_for

from ...request_context import Environ
from ...users import Account, HostLogin

EXTENSION = "grantwright_host"
NOTHING_MORE: Mapping[str, str | None] = {}


@dataclass(frozen=True, slots=True)
class Host:
    """An application with users and a login of its own, and the path under which it serves the provider."""

    app: Flask
    url_prefix: str
    #: Called in a request context of the host: session and extensions are there; no ``before_request`` has run.
    find_login: Callable[[], HostLogin | None]
    #: The host's login page, as ``url_for`` knows it. It gets the address to go on to as ``next``.
    login_view: str
    #: Whether a user of the host may create clients on the pages. Called in a request context of the host.
    may_create_clients: Callable[[Account], bool]
    #: Ends the host's login of the browser that is being served, as its own log-out view does.
    end_login: Callable[[], object] | None = None
    #: The authentication context classes that its logins may have.
    acr_values: tuple[str, ...] = ()

    def log_out(self) -> list[str]:
        """End the host's login of this browser; return the Set-Cookie headers by which the host says so.

        Its ``after_request`` functions are run: with some extensions it is they who delete a cookie.
        """
        if self.end_login is None:
            return []
        with self.app.request_context(self._own_environ()):
            self.end_login()
            return self.app.process_response(self.app.response_class()).headers.getlist("Set-Cookie")

    def current_login(self) -> HostLogin | None:
        """Return who is logged in at the host, in the browser that is being served."""
        with self.app.request_context(self._own_environ()):
            return self.find_login()

    def allows_clients(self, account: Account) -> bool:
        """Tell whether the host lets a user create clients on the pages."""
        with self.app.request_context(self._own_environ()):
            return self.may_create_clients(account) is True

    def login_page(self, next_address: str, more: Mapping[str, Any] = NOTHING_MORE) -> str:
        """Return the address of the host's login page, which goes on to ``next_address``.

        ``more`` are parameters for the page: ``login_hint``, and ``again`` if the user has to log in again.
        """
        with self.app.request_context(self._own_environ()):
            return url_for(self.login_view, next=next_address, **more)

    def _own_environ(self) -> Environ:
        """Return the environ as a GET of the same address would have it at the host: the body stays ours."""
        environ = request.environ
        return {
            **environ,
            "SCRIPT_NAME": environ["SCRIPT_NAME"].removesuffix(self.url_prefix),
            "PATH_INFO": self.url_prefix + environ["PATH_INFO"],
            "REQUEST_METHOD": "GET",
            "CONTENT_LENGTH": "0",
            "wsgi.input": io.BytesIO(),
        }


def current_host() -> Host | None:
    """Return the application that embeds this one, if any does."""
    return current_app.extensions.get(EXTENSION)
