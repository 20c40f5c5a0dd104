"""Owns ``/healthz`` and ``/readyz``: whether this process lives, and whether it can serve.

Answered before everything else, over plain http too: a load balancer asks from next door, and learns no details.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from ..keys.readiness import find_storage_problem
from ..logs import get_logger
from ..oauth2.errors import Response, json_error, json_response
from ..oauth2.server import AuthorizationServer
from ..request_context import Environ
from .draining import Draining

HEALTH, READINESS = "/healthz", "/readyz"
#: An answer is given again for this long: whoever asks a thousand times a second costs one look.
CHECK_SECONDS = 1.0
DEADLINE_SECONDS = 4.0
log = get_logger("grantwright.health")


class Health:
    """Tells the truth about one process."""

    def __init__(self, server: AuthorizationServer, draining: Draining) -> None:
        self._server = server
        self._draining = draining
        self._checked = float("-inf")
        self._problem = ""
        self._looker = ThreadPoolExecutor(1, "readiness")
        self._looking: Future[str] | None = None

    def answer(self, environ: Environ) -> Response | None:
        """Answer the two addresses; ``None`` for any other."""
        path = environ["PATH_INFO"]
        if path not in (HEALTH, READINESS):
            return None
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return json_error(405, "invalid_request", "Use GET.", ("Allow", "GET, HEAD"))
        if path == READINESS and (self._draining.is_on() or self._find_problem()):
            return json_response(503, {"status": "unavailable"}, ("Retry-After", "2"))
        return json_response(200, {"status": "ok"})

    def _find_problem(self) -> str:
        if time.monotonic() - self._checked >= CHECK_SECONDS:
            problem = self._look_in_time()
            if problem != self._problem:
                log.warning("ready again" if not problem else "not ready", reason=problem or None)
            self._problem, self._checked = problem, time.monotonic()
        return self._problem

    def _look_in_time(self) -> str:
        """Look, for so long and no longer: a database may take a statement and say nothing at all."""
        if self._looking is None:
            self._looking = self._looker.submit(self._look)
        try:
            problem = self._looking.result(DEADLINE_SECONDS)
        except TimeoutError:
            return "the database does not answer in time"  # the look goes on; whoever asks next waits for it
        self._looking = None
        return problem

    def _look(self) -> str:
        try:
            return find_storage_problem(self._server.database, self._server.keys)
        except Exception as error:
            log.exception("the check of readiness failed")
            return type(error).__name__
