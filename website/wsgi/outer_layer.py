"""The outermost WSGI layer: proxies, request ID, admission, current server, CORS, logs, metrics, last-resort 500."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from ..access_log import write_access_line
from ..logs import get_logger
from ..oauth2.endpoint_addresses import Address
from ..oauth2.errors import Response, ServerError, error_response
from ..oauth2.server import AuthorizationServer, Serving
from ..request_context import REQUEST_ID, Environ, new_request_id
from ..request_path import RequestPaths
from .admission import Admission
from .body_deadline import BodyDeadline, Places
from .cors import ALLOW_ORIGIN, Cors, Headers
from .draining import Draining, drain_file
from .endpoints import Endpoints, send
from .health import Health
from .metrics import Metrics
from .trusted_proxies import apply_forwarded_headers

log = get_logger("grantwright.wsgi")


class OuterLayer:
    """Wraps the Flask application ``pages``, with the protocol endpoints in front of it."""

    def __init__(
        self,
        pages: WSGIApplication,
        server: AuthorizationServer,
        endpoints: Endpoints,
        own_paths: Callable[[], Collection[str]] | None = None,
    ) -> None:
        """``own_paths`` returns every served path; by default those of ``server``."""
        self._pages = pages
        self._server = server
        self._endpoints = endpoints
        self._own_host = urlsplit(server.settings.issuer).netloc if not server.settings.demo else ""
        self._writes_access_log = server.settings.access_log
        self.draining = Draining(drain_file(server.settings))
        self._health = Health(server, self.draining)
        self._metrics = Metrics(server, self._health) if server.settings.metrics_token else None
        self._admission = Admission(server)
        self._places = Places(server.settings.concurrent_requests)
        self._bodies = BodyDeadline(server.settings.body_seconds, server.settings.max_body_bytes)
        self._cors = Cors(server.clients.origins)
        self._find_address = server.registry.addresses.find
        self._paths = RequestPaths(server.settings.issuer, own_paths or server.registry.addresses.keys)
        self._proxies = server.settings.trusted_proxies

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if self._proxies:
            apply_forwarded_headers(environ, self._proxies)
        with Serving(self._server, environ):
            return self._answer(environ, start_response)

    def _work(self, environ: Environ, address: Address | None, start_response: Any) -> Iterable[bytes]:
        """Answer a request that is complete, as soon as there is a place."""
        self._places.take()
        try:
            answer = self._endpoints.answer(environ, address)
            if answer is not None:
                return send(answer, environ, start_response)
            return self._pages(environ, start_response)
        finally:
            self._places.leave()

    def _answer(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        began = time.perf_counter()
        if self._own_host:
            environ["HTTP_HOST"] = self._own_host  # production has one host name; redirects must not use another
        environ["wsgi.url_scheme"] = environ["wsgi.url_scheme"].lower()  # a proxy may use any case
        request_id = environ[REQUEST_ID] = new_request_id()
        status = 500
        cors: Headers = ()

        def start(status_line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status
            status = int(status_line[:3])
            if cors:  # only once, as browsers ignore repeated headers
                headers = [pair for pair in headers if pair[0] != ALLOW_ORIGIN]
            headers = [*headers, ("X-Request-Id", request_id), *cors]
            if self.draining.is_on():
                headers.append(("Connection", "close"))  # close a proxy's idle connections before this node stops
            return start_response(status_line, headers, exc_info)

        address = None
        try:
            answer = self._health.answer(environ)
            if answer is None and self._metrics is not None:
                answer = self._metrics.answer(environ)
            if answer is None:
                is_plain = self._paths.put_in_place(environ)
                address = self._find_address(environ["PATH_INFO"])
                answer = self._admission.find_refusal(environ, address, is_plain=is_plain)
            if "HTTP_ORIGIN" in environ and address is not None and address.cors:
                cors, preflight = self._cors.judge(environ, address, may_look=answer is None)
                if preflight and answer is None:
                    answer = Response(204, preflight)
            if answer is None and ("CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ):
                answer = self._bodies.receive(environ)
            if answer is not None:
                return send(answer, environ, start)
            return self._work(environ, address, start)
        except Exception:
            log.exception("unexpected error", request_id=request_id)
            return send(error_response(ServerError()), environ, start)
        finally:
            self._note(environ, address, status, time.perf_counter() - began)

    def _note(self, environ: Environ, address: Address | None, status: int, seconds: float) -> None:
        """Count an answered request and log it, as far as either is turned on."""
        if self._metrics is not None:
            self._metrics.count_request(environ, address, status, seconds)
        if self._writes_access_log:
            write_access_line(
                environ["REQUEST_METHOD"],
                environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"],
                status,
                int(seconds * 1e6),
                environ.get("REMOTE_ADDR", ""),
                environ[REQUEST_ID],
            )
