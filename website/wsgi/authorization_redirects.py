"""Authorization requests that are answered by a redirect, without any page.

A user who is logged in and has consented sees none, and most errors are sent to the client by a redirect too. A request
is judged once, here. If it needs a page, it goes on to it with the outcome: for a login, consent, an error for the
person, a form to post to the client, or a cookie to set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol
from wsgiref.types import WSGIApplication

from ..oauth2 import authorization_flow
from ..oauth2.authorization_flow import Browser, Outcome
from ..oauth2.errors import Response
from ..oauth2.requests import read_query
from ..oauth2.server import AuthorizationServer
from ..request_context import Environ
from .endpoints import REASONS

#: The key in the environ of a judged request that goes on to a page.
JUDGED = "grantwright.judged_request"
#: The headers of a plain redirect. A response mode of one's own may have others.
HEADERS_OF_REDIRECT = frozenset(("Location", "Cache-Control", "Pragma"))
Headers = tuple[tuple[str, str], ...]


class KnownBrowser(Browser, Protocol):
    """The browser of a request, known by its cookies."""

    @property
    def was_looked_up(self) -> bool:
        """Whether the answer depends on its cookies."""

    @property
    def has_its_cookies(self) -> bool:
        """Whether no cookie has to be set with the response."""

    def tell_pages(self) -> None:
        """Have the pages go on with what is known of it."""


class Judged(NamedTuple):
    """What came of a request: an exception where the pages have to say so."""

    outcome: Outcome | Exception
    browser: KnownBrowser


class AuthorizationRedirects:
    """Wraps the pages of a provider that has its own logins."""

    def __init__(
        self,
        pages: WSGIApplication,
        server: AuthorizationServer,
        open_browser: Callable[[Environ], KnownBrowser],
        list_headers: Callable[[], Headers],
    ) -> None:
        """``list_headers`` returns the security headers of a redirect, as the pages send them."""
        self._pages = pages
        self._server = server
        self._open_browser = open_browser
        self._list_headers = list_headers
        self._path = server.registry.named_addresses.get("authorization_endpoint")

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != self._path or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._pages(environ, start_response)
        browser = self._open_browser(environ)
        outcome = self._judge(environ, browser)
        if not isinstance(outcome, Response) or not _is_plain_redirect(outcome) or not browser.has_its_cookies:
            environ[JUDGED] = Judged(outcome, browser)
            return self._pages(environ, start_response)
        headers = [
            *outcome.headers,
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", "0"),
            *self._list_headers(),
        ]
        if browser.was_looked_up:
            headers.append(("Vary", "Cookie"))
        start_response(REASONS[outcome.status], headers)
        return []

    def _judge(self, environ: Environ, browser: KnownBrowser) -> Outcome | Exception:
        try:
            return authorization_flow.begin(self._server, browser, read_query(environ))
        except Exception as error:
            return error


def _is_plain_redirect(answer: Response) -> bool:
    return not answer.body and {name for name, _value in answer.headers} == HEADERS_OF_REDIRECT
