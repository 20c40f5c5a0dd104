"""Outgoing requests to URLs from clients, such as their keys and documents.

Anybody who registers a client chooses these URLs. So only https is allowed, and only public IP addresses, which are
resolved once and then connected to. No redirects, no proxies and no credentials from the environment; one deadline for
the whole exchange, a maximum size, and only the requested content types. Responses are never shown to anybody.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .deferred_import import DeferredModule
from .outbound_connections import Connector, cut
from .outbound_errors import (
    OutboundBusyError,
    OutboundError,
    OutboundFailedLatelyError,
    OutboundStatusError,
    OutboundUnreachableError,
    OutboundUnusableError,
)
from .outbound_slots import Slots
from .redirect_uris import is_web_address
from .request_context import CountedNetworks, current_environ, request_origin
from .settings import TRUSTED_NETWORKS, Settings

if TYPE_CHECKING:
    import requests
else:  # a process that fetches nothing, such as a command, doesn't load it
    requests = DeferredModule("requests")

DEADLINE_SECONDS = 5.0
#: The environ key of the moment until which an incoming request may wait for what it fetches.
WAITS_UNTIL = "grantwright.outbound_until"
MAX_BYTES = 64 * 1024
#: How long not to retry a URL that failed, or a host that was slow.
FAILURE_SECONDS = 30.0
MAX_FAILURES = 1000
#: Concurrent fetches from one host that is known to be fast; other hosts get one.
FETCHES_TO_ONE_HOST = 2
#: Concurrent logout notices in the outbox's threads (see ``outbox/turns.py``), in total and per host.
MAX_NOTICES, NOTICES_TO_ONE_HOST = 64, 4
JSON = ("application/json", "application/jwk-set+json")
CACHING_HEADERS = ("cache-control", "age", "expires", "date")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    content_type: str
    body: bytes
    #: The headers about caching, by their names in lower case.
    caching: Mapping[str, str]


class Outbound:
    """Sends the outgoing requests of one process."""

    def __init__(self, settings: Settings) -> None:
        self._allows_http = settings.outbound_loopback and settings.demo
        self._connector = Connector(
            settings.outbound_ca or True, allows_loopback=settings.outbound_loopback, allows_http=self._allows_http
        )
        self._networks = None if settings.demo else CountedNetworks(settings.rate_limits.get(TRUSTED_NETWORKS, ()))
        #: By URL and content types, so that nobody can make another client's keys fail by registering their URL as a
        #: logo, for example.
        self._failures: dict[tuple[str, frozenset[str]], tuple[float, OutboundError]] = {}
        self._fetches = Slots(settings.outbound_fetches, FETCHES_TO_ONE_HOST, FAILURE_SECONDS)
        self._notices = Slots(MAX_NOTICES, NOTICES_TO_ONE_HOST)
        self._lock = threading.Lock()

    def fetch(self, url: str, content_types: Collection[str] = JSON) -> bytes:
        """Return the body of the response to a GET. Raises :class:`OutboundError`.

        ``content_types`` are the accepted ones. After a failure, the URL keeps failing for 30 seconds, and after a slow
        response so do all URLs on that host.
        """
        return self.fetch_answer(url, content_types).body

    def vouch_for(self, host: str) -> None:
        """Count a host as one that responds quickly, because the server depends on what it stored from there."""
        self._fetches.vouch_for(host)

    def fetch_answer(
        self,
        url: str,
        content_types: Collection[str],
        *,
        max_bytes: int = MAX_BYTES,
        remembers_failure: bool = True,
    ) -> Answer:
        """Return the response to a GET, with the headers about caching. Raises :class:`OutboundError`.

        A caller without ``remembers_failure`` has to pause itself after a failure.
        """
        request = url, frozenset(content_types)
        until, failure = self._failures.get(request, (0.0, None))
        if failure is not None and until > time.monotonic():
            text = "it failed a moment ago, try again in 30 seconds"
            raise OutboundFailedLatelyError(text, is_temporary=failure.is_temporary, is_final=failure.is_final)
        try:
            answer = self._send("GET", url, None, content_types, self._fetches, _seconds_left())
            if answer.status != requests.codes.ok:
                raise OutboundStatusError(answer.status)
            if len(answer.body) > max_bytes:
                raise OutboundUnusableError(f"the response is longer than {max_bytes} bytes")
            if answer.content_type not in content_types:
                raise OutboundUnusableError(f"its content type is not one of {', '.join(content_types)}")
        except OutboundBusyError:
            raise  # not the URL's fault
        except OutboundError as error:
            if remembers_failure:
                self._remember_failure(request, error)
            raise
        return answer

    def _remember_failure(self, request: tuple[str, frozenset[str]], error: OutboundError) -> None:
        with self._lock:
            if len(self._failures) >= MAX_FAILURES:
                self._failures.clear()
            self._failures[request] = time.monotonic() + FAILURE_SECONDS, error

    def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """Post a form; return the status of the response. Raises :class:`OutboundError`."""
        return self._send("POST", url, fields, (), self._notices, DEADLINE_SECONDS).status

    def _send(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str] | None,
        content_types: Iterable[str],
        slots: Slots,
        seconds: float,
    ) -> Answer:
        scheme = urlsplit(url).scheme if is_web_address(url) else ""
        if scheme != "https" and not (scheme == "http" and self._allows_http):
            raise OutboundUnreachableError("it is not an https URL")
        if seconds <= 0:
            raise OutboundBusyError("the incoming request waited for other URLs")
        host = (urlsplit(url).hostname or "").rstrip(".")
        network = self._find_network()
        refusal = slots.take(host, network)
        if refusal:
            raise OutboundBusyError(refusal)
        began, is_good = time.monotonic(), False
        exchange = _Exchange(method, url, fields, content_types, self._connector)
        try:
            exchange.start()
            answer = exchange.wait(seconds)
            is_good = answer.status == requests.codes.ok
        finally:
            slots.give_back(host, time.monotonic() - began, exchange, network=network, is_good=is_good)
        return answer

    def _find_network(self) -> str:
        """Return the network of the visitor for whom a request is sent; empty if it has no limits, as in the demo."""
        address, _request_id = request_origin()
        return (self._networks.find(address) if self._networks else None) or ""


class _Exchange(threading.Thread):
    """One request and its response, in its own thread, so that callers never wait longer than the deadline.

    Socket timeouts restart with every byte, so the waiting thread closes the connection. A hanging DNS lookup is left
    to end by itself, as one of the :class:`~.outbound_overdue.OverdueThreads`.
    """

    def __init__(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str] | None,
        content_types: Iterable[str],
        connector: Connector,
    ) -> None:
        super().__init__(name="outbound", daemon=True)
        self._request = (method, url, fields)
        self._headers = {
            "Accept": ", ".join(content_types) or "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Grantwright",
        }
        self._connector = connector
        self._connections: list[socket.socket] = []
        self._outcome: Answer | OutboundError | None = None
        self._is_over = False
        self._lock = threading.Lock()

    def wait(self, seconds: float) -> Answer:
        """Return the response. Raises :class:`OutboundError`."""
        self.join(seconds)
        with self._lock:
            self._is_over, outcome = True, self._outcome
            for connection in self._connections:
                cut(connection)
        if outcome is None and seconds < DEADLINE_SECONDS:
            raise OutboundBusyError("no response in the time that other URLs left")
        if outcome is None:
            raise _too_late()
        if isinstance(outcome, OutboundError):
            raise outcome
        return outcome

    def before_connecting(self) -> None:
        if self._is_over:
            raise _too_late()

    def after_connecting(self, connection: socket.socket) -> None:
        # A second handle to the same connection, as TLS takes over the first one.
        handle = connection.dup()
        with self._lock:
            if self._is_over:
                cut(handle)
            else:
                self._connections.append(handle)

    def run(self) -> None:
        try:
            outcome: Answer | OutboundError = self._exchange()
        except OutboundError as error:
            outcome = error
        except requests.Timeout:
            outcome = _too_late()  # a socket timeout means the same as the deadline
        except Exception as error:  # from requests, urllib3, the resolver or TLS; log its type
            is_temporary = isinstance(error, requests.ConnectionError)
            outcome = OutboundUnreachableError(type(error).__name__, is_temporary=is_temporary)
        with self._lock:
            if not self._is_over:
                self._outcome = outcome

    def _exchange(self) -> Answer:
        method, url, fields = self._request
        with (
            self._connector.open_session(self) as session,
            session.request(
                method,
                url,
                data=fields,
                headers=self._headers,
                allow_redirects=False,
                stream=True,
                timeout=DEADLINE_SECONDS,
            ) as response,
        ):
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise OutboundUnusableError("the response is compressed, although that was not accepted")
            body = response.raw.read(MAX_BYTES + 1, decode_content=False)
            if len(body) > MAX_BYTES:
                raise OutboundUnusableError(f"the response is longer than {MAX_BYTES} bytes")
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            caching = {name: response.headers[name] for name in CACHING_HEADERS if name in response.headers}
            return Answer(response.status_code, content_type, body, caching)


def _seconds_left() -> float:
    """Return for how long the current request may still wait: all its fetches together get one deadline."""
    environ, now = current_environ.get(None), time.monotonic()
    if environ is None:
        return DEADLINE_SECONDS
    if WAITS_UNTIL not in environ:
        environ[WAITS_UNTIL] = now + DEADLINE_SECONDS
        return DEADLINE_SECONDS
    return float(environ[WAITS_UNTIL]) - now


def _too_late() -> OutboundError:
    return OutboundError(f"no response within {DEADLINE_SECONDS:g} seconds", is_temporary=True)
