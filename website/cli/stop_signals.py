"""SIGTERM and SIGINT for commands that run for a while: they end in order instead of at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], Any]


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that both signals set, for a command that finishes the step in progress."""
    stop = threading.Event()

    def ask(_number: int, _frame: Any) -> None:
        stop.set()

    with _handled({signal.SIGTERM: ask, signal.SIGINT: ask}):
        yield stop


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM interrupt a command as SIGINT does: with an exception, so that it tidies up."""
    with _handled({signal.SIGTERM: signal.default_int_handler}):
        yield


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
