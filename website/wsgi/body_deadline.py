"""Request bodies that don't arrive: their threads don't count as working, and they have a deadline.

A read from the connection can't be given a time limit. So the server has many more threads than it works with: a thread
that waits for a body gives its place to another one (:class:`Places`). A thread of this process looks after the reads
that take too long, and ends them where the server lets it. Granian keeps the reading thread until the client closes the
connection.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from types import FrameType
from typing import Any

from werkzeug.exceptions import RequestTimeout

from ..oauth2.errors import json_error
from ..request_context import Environ

LOOK_SECONDS = 0.25
#: How many threads may wait for bodies; of the 512 of the guide, the others serve requests whose bodies are there.
MAX_READS = 448
#: Where flask run and gunicorn put the connection.
SOCKETS = ("werkzeug.socket", "gunicorn.socket")
#: Where Granian keeps the object that answers a request: a variable of its function that calls the application.
GRANIAN_MODULE, GRANIAN_PROTOCOL = "granian.wsgi", "proto"


class Places:
    """The places for requests that are being worked on; more would only wait for each other."""

    def __init__(self, count: int) -> None:
        free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            free.put(None)
        #: Wait for a free place; give it to the next request. Every request does both, so they are the queue's own.
        self.take: Callable[[], None] = free.get
        self.leave: Callable[[], None] = partial(free.put, None)


class BodyDeadline:
    """The reads in progress of one process."""

    def __init__(self, seconds: float, places: Places) -> None:
        """``seconds`` is how long reading a whole body may take."""
        self._seconds = seconds
        self.places = places
        self._lock = threading.Lock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # a thread doesn't survive a fork

    def _begin(self) -> None:
        #: By thread.
        self.reads: dict[int, TimedBody] = {}
        self.is_watched = False

    def limit(self, environ: Environ) -> None:
        """Give the body of a request that has a place the deadline, if it has a body."""
        if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = TimedBody(self, environ["wsgi.input"], environ)

    def watch(self) -> None:
        """Start the thread that looks after the reads, once."""
        with self._lock:
            if not self.is_watched:
                self.is_watched = True
                threading.Thread(target=self._watch, name="body deadline", daemon=True).start()

    def _watch(self) -> None:
        began: dict[TimedBody, float] = {}
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            reads = list(self.reads.items())
            began = {body: began.get(body, now) for _thread, body in reads}
            for thread, body in reads:
                if now - began[body] >= self._seconds and not body.is_over:
                    body.end(thread)


class TimedBody:
    """A request's body, as ``wsgi.input``."""

    def __init__(self, deadline: BodyDeadline, body: Any, environ: Environ) -> None:
        self._deadline = deadline
        self._body = body
        self._environ = environ
        self.is_over = False

    def read(self, size: int | None = None) -> bytes:
        """Read; raises ``RequestTimeout`` after the deadline."""
        deadline = self._deadline
        if not deadline.is_watched:
            deadline.watch()
        if len(deadline.reads) >= MAX_READS:
            raise RequestTimeout
        thread = threading.get_ident()
        deadline.reads[thread] = self
        deadline.places.leave()
        try:
            content: bytes = self._body.read() if size is None or size < 0 else self._body.read(size)
        finally:
            deadline.places.take()
            del deadline.reads[thread]
        if self.is_over:
            raise RequestTimeout
        return content

    def end(self, thread: int) -> None:
        """Let the read in progress in a thread return: end the connection's input, or answer the request in advance."""
        self.is_over = True
        connection = next((self._environ[name] for name in SOCKETS if name in self._environ), None)
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
            return
        protocol = _find_granian_protocol(thread)
        if protocol is not None:
            answer = json_error(408, "invalid_request", HTTPStatus(408).description, ("Connection", "close"))
            protocol.response_bytes(answer.status, list(answer.headers), answer.body)


def _find_granian_protocol(thread: int) -> Any:
    """Return the object with which Granian answers the request that a thread is handling.

    Granian gives applications neither the connection nor a time limit. A response closes the connection if the body
    isn't complete, and then the read returns. The application's own response is ignored.
    """
    frame: FrameType | None = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_globals.get("__name__") == GRANIAN_MODULE and GRANIAN_PROTOCOL in frame.f_locals:
            return frame.f_locals[GRANIAN_PROTOCOL]
        frame = frame.f_back
    return None
