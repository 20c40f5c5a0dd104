"""``/healthz`` and ``/readyz``: whether this process is alive, and whether it can serve requests.

Handled before everything else, and over plain HTTP too, for load balancers on the same network; without details.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from ..keys.storage_readiness import find_storage_problem
from ..logs import get_logger
from ..oauth2.errors import Response, json_error, json_response
from ..oauth2.server import AuthorizationServer
from ..request_context import Environ
from .draining import Draining

HEALTH, READINESS = "/healthz", "/readyz"
#: How long a result is cached, so that frequent requests cost only one check.
CHECK_SECONDS = 1.0
DEADLINE_SECONDS = 4.0
log = get_logger("grantwright.health")


class Health:
    """The health of one process."""

    def __init__(self, server: AuthorizationServer, draining: Draining) -> None:
        self._server = server
        self._draining = draining
        self._checked = float("-inf")
        self._problem = ""
        self._looker = ThreadPoolExecutor(1, "readiness")
        self._looking: Future[str] | None = None

    def answer(self, environ: Environ) -> Response | None:
        """Return the response for the two URLs, or ``None`` for others."""
        path = environ["PATH_INFO"]
        if path not in (HEALTH, READINESS):
            return None
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return json_error(405, "invalid_request", "Use GET.", ("Allow", "GET, HEAD"))
        if path == READINESS and not self.is_ready():
            return json_response(503, {"status": "unavailable"}, ("Retry-After", "2"))
        return json_response(200, {"status": "ok"})

    def is_ready(self) -> bool:
        """Tell whether this process can serve requests, and isn't about to stop."""
        return not self._draining.is_on() and not self._find_problem()

    def _find_problem(self) -> str:
        if time.monotonic() - self._checked >= CHECK_SECONDS:
            problem = self._look_in_time()
            if problem != self._problem:
                log.warning("ready again" if not problem else "not ready", reason=problem or None)
            self._problem, self._checked = problem, time.monotonic()
        return self._problem

    def _look_in_time(self) -> str:
        """Check with a time limit, as a database may accept a statement and never respond."""
        if self._looking is None:
            self._looking = self._looker.submit(self._look)
        try:
            problem = self._looking.result(DEADLINE_SECONDS)
        except TimeoutError:
            return "the database does not respond in time"  # the check continues, and the next request waits for it
        self._looking = None
        return problem

    def _look(self) -> str:
        try:
            return find_storage_problem(self._server.database, self._server.keys)
        except Exception as error:
            log.exception("the readiness check failed")
            return type(error).__name__
