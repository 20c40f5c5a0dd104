"""SIGTERM: a process that serves requests drains for a moment before it stops.

Granian closes kept-alive connections as soon as it gets the signal, including those on which a request is arriving;
``flask run`` ends at once. So the signal is blocked in every thread but one, which first lets responses close their
connections and ``/readyz`` return 503, and then passes the signal on as SIGINT, on which both servers stop. Other
servers, such as gunicorn, handle SIGTERM in their own way.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from ..deferred_import import DeferredModule
from .draining import Draining

if TYPE_CHECKING:
    import multiprocessing
else:
    multiprocessing = DeferredModule("multiprocessing")

#: How long ``flask run``, which doesn't wait for its threads, lets the last responses be written.
FINISH_SECONDS = 0.3


def is_granian_worker() -> bool:
    """Tell whether this process is a worker of Granian's."""
    return "granian" in sys.modules and multiprocessing.parent_process() is not None


def drain_before_stopping(draining: Draining, seconds: float) -> None:
    """Drain at SIGTERM for some seconds, unless the node is already draining.

    It must be called in the main thread before the server starts its own threads, which inherit the signal mask.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell script starts a job in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_wait, args=(draining, seconds), name="termination", daemon=True).start()


def _wait(draining: Draining, seconds: float) -> None:
    signal.sigwait({signal.SIGTERM})
    if not draining.is_on():
        draining.begin_here()
        time.sleep(seconds)
    atexit.register(time.sleep, FINISH_SECONDS)  # Granian waits for its threads itself and runs no such function
    os.kill(os.getpid(), signal.SIGINT)
