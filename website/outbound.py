"""Owns every request that this server sends to an address that a client named: the keys of a client, its documents.

Whoever registers a client chooses where we go. So: https alone, to public addresses alone, which are looked up once and
then connected to; no redirect, no proxy, no password of the environment; one deadline for the whole, and an answer of
bounded size in the form that was asked for. Nothing of an answer is shown to anybody.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .deferred_import import DeferredModule
from .hosts import LOOPBACK_NETWORKS
from .outbound_slots import Slots
from .redirect_uris import is_web_address
from .settings import Settings

if TYPE_CHECKING:
    import requests
    from AntiSSRF import antissrf_policy
    from urllib3 import connection, connectionpool
else:  # a process that fetches nothing, such as a command, starts without them
    requests, antissrf_policy = DeferredModule("requests"), DeferredModule("AntiSSRF.antissrf_policy")
    connection, connectionpool = DeferredModule("urllib3.connection"), DeferredModule("urllib3.connectionpool")

DEADLINE_SECONDS = 5.0
MAX_BYTES = 64 * 1024
#: How long an address that failed is not asked again, nor a host that was slow.
FAILURE_SECONDS = 30.0
MAX_FAILURES = 1000
#: Fetches under way to one host that is known to be quick; one that is not has one.
FETCHES_TO_ONE_HOST = 2
#: Notices under way at once, in threads of the outbox (``notice_scheduling.py`` says whose): in all, and to one host.
MAX_NOTICES, NOTICES_TO_ONE_HOST = 64, 4
#: Is told of a connection before anything is sent over it.
Watch = Callable[[socket.socket], None]
JSON = ("application/json", "application/jwk-set+json")


class OutboundError(Exception):
    """What a client named could not be fetched; the text is for the log, and for no remote party.

    ``is_temporary`` says that the same request may succeed a little later.
    """

    is_temporary = False

    def __init__(self, text: str, *, is_temporary: bool | None = None) -> None:
        super().__init__(text)
        if is_temporary is not None:
            self.is_temporary = is_temporary


class OutboundBusyError(OutboundError):
    """Nothing was sent: too much is under way, or the host was slow a moment ago."""

    is_temporary = True


class OutboundFailedLatelyError(OutboundError):
    """Nothing was sent: the address itself failed a moment ago."""


class OutboundUnreachableError(OutboundError):
    """No connection was made, or it broke; or we never connect to that address. The text is for the log alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    body: bytes


class Outbound:
    """Sends the requests of one process."""

    def __init__(self, settings: Settings) -> None:
        self._allows_loopback = settings.outbound_loopback
        self._allows_http = settings.outbound_loopback and settings.demo
        self._verify: str | bool = settings.outbound_ca or True
        #: By address and what was asked for there: whoever names another client's address as something else, its keys
        #: as a logo say, makes it fail for nobody but themselves.
        self._failures: dict[tuple[str, frozenset[str]], tuple[float, bool]] = {}
        self._fetches = Slots(settings.outbound_fetches, FETCHES_TO_ONE_HOST, FAILURE_SECONDS)
        self._notices = Slots(MAX_NOTICES, NOTICES_TO_ONE_HOST)
        self._lock = threading.Lock()

    def fetch(self, url: str, content_types: Collection[str] = JSON) -> bytes:
        """Return the body that an address answers a GET with. Raises :class:`OutboundError`.

        ``content_types`` are those that it may be of; an address that failed fails again for half a minute, and so
        does every address of a host that was slow.
        """
        wanted = url, frozenset(content_types)
        until, is_temporary = self._failures.get(wanted, (0.0, False))
        if until > time.monotonic():
            text = "it failed a moment ago, try again in half a minute"
            raise OutboundFailedLatelyError(text, is_temporary=is_temporary)
        try:
            answer = self._send("GET", url, None, content_types, self._fetches)
            if answer.status != requests.codes.ok:
                raise OutboundError(f"it answered {answer.status}", is_temporary=_may_pass(answer.status))
            if answer.content_type not in content_types:
                raise OutboundError(f"its content type is not one of {', '.join(content_types)}")
        except OutboundBusyError:
            raise  # the address itself did nothing wrong
        except OutboundError as error:
            with self._lock:
                if len(self._failures) >= MAX_FAILURES:
                    self._failures.clear()
                self._failures[wanted] = time.monotonic() + FAILURE_SECONDS, error.is_temporary
            raise
        return answer.body

    def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """Post a form; return the status of the answer. Raises :class:`OutboundError`."""
        return self._send("POST", url, fields, (), self._notices).status

    def _send(
        self, method: str, url: str, fields: Mapping[str, str] | None, content_types: Iterable[str], slots: Slots
    ) -> Answer:
        scheme = urlsplit(url).scheme if is_web_address(url) else ""
        if scheme != "https" and not (scheme == "http" and self._allows_http):
            raise OutboundUnreachableError("it is no https address")
        host = (urlsplit(url).hostname or "").rstrip(".")
        refusal = slots.take(host)
        if refusal:
            raise OutboundBusyError(refusal)
        began = time.monotonic()

        def end(outcome: Answer | OutboundError) -> None:
            is_good = isinstance(outcome, Answer) and outcome.status == requests.codes.ok
            slots.give_back(host, time.monotonic() - began, is_good=is_good)

        exchange = _Exchange(method, url, fields, content_types, self._open_session, end)
        exchange.start()
        return exchange.wait()

    def _open_session(self, watch: Watch) -> requests.Session:
        """Return a session each of whose connections is handed to ``watch``, so that somebody else can cut it off."""
        policy = antissrf_policy.AntiSSRFPolicy(antissrf_policy.PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
        policy.add_xff_header = False
        policy.allow_plain_text_http = self._allows_http
        if self._allows_loopback:
            policy.add_allowed_addresses(list(LOOPBACK_NETWORKS))
        session: requests.Session = policy.get_antissrf_session()
        session.trust_env = False
        session.verify = self._verify
        pools = _watched_pools(watch)
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools  # type: ignore[attr-defined]
            adapter.add_headers = _name_host  # type: ignore[attr-defined]
        return session


class _Exchange(threading.Thread):
    """One request and its answer, in a thread of its own: whoever waits does so no longer than the deadline.

    A timeout of a socket begins anew with every byte. So the connection is cut off from outside; a look-up of a name
    that hangs is left to end by itself.
    """

    def __init__(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str] | None,
        content_types: Iterable[str],
        open_session: Callable[[Watch], requests.Session],
        on_end: Callable[[Answer | OutboundError], None],
    ) -> None:
        super().__init__(name="outbound", daemon=True)
        self._request = (method, url, fields)
        self._headers = {
            "Accept": ", ".join(content_types) or "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Grantwright",
        }
        self._open_session, self._on_end = open_session, on_end
        self._connections: list[socket.socket] = []
        self._outcome: Answer | OutboundError = _too_late()
        self._is_over = False
        self._lock = threading.Lock()

    def wait(self) -> Answer:
        """Return the answer. Raises :class:`OutboundError`."""
        self.join(DEADLINE_SECONDS)
        with self._lock:
            self._is_over, outcome = True, self._outcome
            for connection in self._connections:
                _cut(connection)
        if isinstance(outcome, OutboundError):
            raise outcome
        return outcome

    def _watch(self, connection: socket.socket) -> None:
        # A second handle of the same connection: TLS takes the first one over.
        handle = connection.dup()
        with self._lock:
            if self._is_over:
                _cut(handle)
            else:
                self._connections.append(handle)

    def run(self) -> None:
        try:
            outcome: Answer | OutboundError = self._exchange()
        except OutboundError as error:
            outcome = error
        except requests.Timeout:
            outcome = _too_late()  # of one socket: it and the deadline come to the same
        except Exception as error:  # of requests, urllib3, the resolver, TLS: its name is for the log
            is_temporary = isinstance(error, requests.ConnectionError)
            outcome = OutboundUnreachableError(type(error).__name__, is_temporary=is_temporary)
        self._on_end(outcome)
        with self._lock:
            if not self._is_over:
                self._outcome = outcome

    def _exchange(self) -> Answer:
        method, url, fields = self._request
        with (
            self._open_session(self._watch) as session,
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
                raise OutboundError("the answer is compressed, though nobody asked for that")
            body = response.raw.read(MAX_BYTES + 1, decode_content=False)
            if len(body) > MAX_BYTES:
                raise OutboundError(f"the answer is longer than {MAX_BYTES} bytes")
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Answer(response.status_code, content_type, body)


def _too_late() -> OutboundError:
    return OutboundError(f"no answer within {DEADLINE_SECONDS:g} seconds", is_temporary=True)


def _may_pass(status: int) -> bool:
    """Tell whether a status says that the server itself is in trouble, and not that the address is wrong."""
    return status in (HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600))


def _name_host(request: requests.PreparedRequest, **_arguments: object) -> None:
    """Write the port into the Host header, where the address has one (:rfc:`9112#section-3.2`).

    The resolver that checks addresses names the host alone, and it does so before this is called.
    """
    request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]


def _watched_pools(watch: Watch) -> dict[str, type[connectionpool.HTTPConnectionPool]]:
    """Return classes of urllib3's pools that hand each new connection to ``watch``."""

    class Plain(connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
            return opened

    class Encrypted(connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
            return opened

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is over already
    finally:
        connection.close()
