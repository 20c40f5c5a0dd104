"""Request bodies: read completely before a request is worked on, and within a deadline.

A read from the connection can't be given a time limit. So the server has many more threads than places to work on
requests (:class:`Places`), and a request whose body hasn't arrived takes none. A thread of this process looks after
reads that take too long, and ends them where the server lets it. Granian keeps the reading thread until the client
closes the connection.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from queue import SimpleQueue
from types import FrameType
from typing import Any

from werkzeug.exceptions import HTTPException

from ..forked_child import renew_in_child
from ..oauth2.errors import Response, json_error
from ..oauth2.request_bodies import buffer_chunked_body, content_length
from ..request_context import Environ, network_of

LOOK_SECONDS = 0.25
#: How many threads may wait for bodies; of the 512 of the guide, the others serve requests whose bodies are there.
MAX_READS = 448
#: How many of them may wait for one network (:func:`network_of`), so that a single client doesn't take all of them.
#: Not fewer: 256 connections that send complete bodies without a pause are 70 reads at times.
MAX_READS_OF_NETWORK = MAX_READS // 4
#: The Retry-After of a request that no thread was left for.
RETRY_SECONDS = "2"
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


@dataclass(slots=True, eq=False)
class Read:
    """One body that is being read."""

    environ: Environ
    #: The client's network.
    network: str
    #: When reading began, in seconds of the monotonic clock.
    began: float
    #: Whether it has been ended, and its request therefore refused.
    is_late: bool = False


class BodyDeadline:
    """Reads the bodies of one process's requests."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        """``seconds`` is how long reading a whole body may take."""
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._begin()
        renew_in_child(self)

    def _begin(self) -> None:
        #: Held to add or remove a read, and to end one: a read is either removed or ended first, never both at once.
        self._lock = threading.Lock()
        #: The reads in progress, by thread.
        self._reads: dict[int, Read] = {}
        self._is_watched = False

    def leave_to_parent(self) -> None:
        """Begin again: the watching thread doesn't survive a fork."""
        self._begin()

    def receive(self, environ: Environ) -> Response | None:
        """Read the body into memory; return an error response if it is late or malformed, or if too many are read.

        A body that is too large or incomplete is left to the parsers, which refuse it.
        """
        thread, malformed = threading.get_ident(), None
        read = Read(environ, network_of(environ.get("REMOTE_ADDR")), time.monotonic())
        with self._lock:
            if not self._has_room(read.network):
                return _refuse_another()
            if not self._is_watched:
                self._start_to_watch()
            self._reads[thread] = read
        try:
            self._read(environ)
        except HTTPException as error:
            malformed = json_error(error.code or 400, "invalid_request", "The body is malformed.")
        finally:
            with self._lock:
                del self._reads[thread]
        return _refuse_late() if read.is_late else malformed

    def _has_room(self, network: str) -> bool:
        if len(self._reads) < MAX_READS_OF_NETWORK:
            return True
        count = sum(read.network == network for read in self._reads.values())
        return len(self._reads) < MAX_READS and count < MAX_READS_OF_NETWORK

    def _read(self, environ: Environ) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ:
            buffer_chunked_body(environ, self._max_bytes)
            return
        length = content_length(environ)
        if length and length <= self._max_bytes:
            body = b""
            with suppress(Exception):  # a lost connection; each server has its own exceptions
                body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = BytesIO(body)

    def _start_to_watch(self) -> None:
        self._is_watched = True
        threading.Thread(target=_watch, args=(weakref.ref(self),), name="body deadline", daemon=True).start()

    def end_late_reads(self) -> None:
        """End the reads that have taken too long."""
        begins_too_early = time.monotonic() - self._seconds
        for thread, read in list(self._reads.items()):
            if read.began <= begins_too_early and not read.is_late:
                self._end(thread, read)

    def _end(self, thread: int, read: Read) -> None:
        with self._lock:
            if self._reads.get(thread) is read:  # otherwise the body has arrived, and its request is being worked on
                read.is_late = True
                _end_read(read.environ, thread)


def _watch(reference: weakref.ref[BodyDeadline]) -> None:
    """End late reads until the application is gone, which the thread doesn't keep in memory."""
    while True:
        time.sleep(LOOK_SECONDS)
        bodies = reference()
        if bodies is None:
            return
        bodies.end_late_reads()
        del bodies


def _refuse_late() -> Response:
    return json_error(408, "invalid_request", "The body did not arrive in time.", ("Connection", "close"))


def _refuse_another() -> Response:
    text = "The server is waiting for too many request bodies. Try again in a moment."
    return json_error(503, "temporarily_unavailable", text, ("Retry-After", RETRY_SECONDS), ("Connection", "close"))


def _end_read(environ: Environ, thread: int) -> None:
    """Let the read in progress in a thread return: end the connection's input, or answer the request in advance."""
    connection = next((environ[name] for name in SOCKETS if name in environ), None)
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RD)
        return
    protocol = _find_granian_protocol(thread)
    if protocol is not None:
        answer = _refuse_late()
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
