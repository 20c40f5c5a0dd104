"""``/metrics``: what this process has done since it started, and what waits to be sent, for Prometheus.

There is none unless OAUTH2_METRICS_TOKEN is set. Handled as early as the health checks and over plain HTTP too: each
node is asked for its own, inside its network. No label comes from a request's text, so their number stays the same
whatever is sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from ..database import DatabaseUnavailableError, SchemaMissingError
from ..deferred_import import DeferredModule
from ..oauth2.endpoint_addresses import Address
from ..oauth2.errors import Response, json_error
from ..oauth2.registration_requests import read_bearer
from ..oauth2.server import AuthorizationServer
from ..outbox import Backlog
from ..request_context import GRANT_TYPE, Environ
from .health import HEALTH, READINESS, Health

prometheus = DeferredModule("prometheus_client")
METRICS = "/metrics"
#: The path of requests that no page and no endpoint is at.
OTHER = "other"
#: Upper limits of the histogram's buckets, in seconds: from a cached document to a request that waits for a database.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Where Werkzeug keeps its request, which knows the rule of the page's address.
WERKZEUG_REQUEST = "werkzeug.request"


class Metrics:
    """The metrics of one process."""

    def __init__(self, server: AuthorizationServer, health: Health) -> None:
        self._server = server
        self._health = health
        self._token = server.settings.metrics_token.encode()
        self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "grantwright_requests",
            "Requests by path, grant type of a token request, and status.",
            ("path", "grant_type", "status"),
            registry=self._registry,
        )
        self._seconds = prometheus.Histogram(
            "grantwright_request_seconds",
            "How long requests took, by path.",
            ("path",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._events = prometheus.Counter(
            "grantwright_security_events",
            "Security events of this process by name and outcome.",
            ("event", "outcome"),
            registry=self._registry,
        )
        #: The two of a kind of request, so that their labels are looked up once.
        self._by_kind: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        prometheus.ProcessCollector(registry=self._registry)
        self._registry.register(self)
        server.audit.on_event = self._count_event

    def answer(self, environ: Environ) -> Response | None:
        """Return the response for ``/metrics``, or ``None`` for other paths."""
        if environ["PATH_INFO"] != METRICS:
            return None
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return json_error(405, "invalid_request", "Use GET.", ("Allow", "GET, HEAD"))
        if not self._is_allowed(environ.get("HTTP_AUTHORIZATION")):
            text = "Send the value of OAUTH2_METRICS_TOKEN as a bearer token."
            return json_error(401, "invalid_token", text, ("WWW-Authenticate", 'Bearer realm="metrics"'))
        write, content_type = prometheus.exposition.choose_encoder(environ.get("HTTP_ACCEPT", ""))
        return Response(200, (("Content-Type", content_type), ("Cache-Control", "no-store")), write(self._registry))

    def _is_allowed(self, authorization: str | None) -> bool:
        return hmac.compare_digest((read_bearer(authorization) or "").encode("latin-1"), self._token)

    def count_request(self, environ: Environ, address: Address | None, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        kind = (_path_of(environ, address), environ.get(GRANT_TYPE, ""), status)
        found = self._by_kind.get(kind)
        if found is None:
            found = self._by_kind[kind] = self._requests.labels(*kind), self._seconds.labels(kind[0])
        found[0].inc()
        found[1].observe(seconds)

    def _count_event(self, event: str, outcome: str) -> None:
        self._events.labels(event, outcome).inc()

    def collect(self) -> Iterable[Any]:
        """Return what is looked up for each response: whether this node is ready, and what waits to be sent."""
        gauge, is_ready = prometheus.metrics_core.GaugeMetricFamily, self._health.is_ready()
        yield gauge("grantwright_ready", "1 if /readyz returns 200, otherwise 0.", float(is_ready))
        backlogs = self._read_backlogs() if is_ready else {}
        outbox = gauge(
            "grantwright_outbox_messages",
            "Messages of the whole database that wait to be sent, or have failed for good.",
            labels=("queue", "state"),
        )
        for queue, backlog in backlogs.items():
            outbox.add_metric((queue, "waiting"), backlog.waiting)
            outbox.add_metric((queue, "failed"), backlog.failed)
        yield outbox

    def describe(self) -> Iterable[Any]:
        """Return nothing in advance, so that registering looks nothing up."""
        return ()

    def _read_backlogs(self) -> dict[str, Backlog]:
        notices, mail = self._server.registry.logout_notices, self._server.mail
        senders = {"logout_notices": notices, "emails": mail.sender if mail.is_on else None}
        try:
            return {name: sender.read_backlog() for name, sender in senders.items() if sender is not None}
        except (DatabaseUnavailableError, SchemaMissingError):  # since the look a moment ago
            return {}


def _path_of(environ: Environ, address: Address | None) -> str:
    """Return the path that a request is counted for: as it was registered, and never as it was sent."""
    if address is not None:
        return address.path
    path = environ["PATH_INFO"]
    if path in (METRICS, HEALTH, READINESS):
        return str(path)
    rule = getattr(environ.get(WERKZEUG_REQUEST), "url_rule", None)
    return OTHER if rule is None else str(rule.rule)
