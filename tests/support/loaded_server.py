"""Servers in processes that are forked from one with the libraries and the application loaded: most of a start is that.

Each has its own environment, session and streams, and makes its application from them. Those of
tests/oauth2/test_requests.py, of every kind, and of tests/test_packaging.py start as they do in production.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

from tests.support.loaded_flask import OWN, load

SERVERS = ("granian.cli", "granian.server", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread")
#: What only the start of a process reads, so that a forked one would do without it.
READ_AT_START = ("LD_PRELOAD", "PYTHONDEVMODE", "PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONHOME")


class ServerProcess(Protocol):
    """What ``subprocess.Popen`` offers of a server's process."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int) -> None: ...
    def terminate(self) -> None: ...


class LoadedProcess:
    """A process that was forked for us elsewhere: whoever forked it tells of its end."""

    def __init__(self, connection: socket.socket, args: Sequence[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self._connection = connection
        self._told = connection.makefile()
        # Not select(), which refuses the numbers of descriptors that a worker with many databases open comes to.
        self._end = select.poll()
        self._end.register(connection, select.POLLIN)
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not self._end.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._told.readline() or -signal.SIGKILL)
            self._told.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def starts_alike(environment: Mapping[str, str], hidden: Path) -> bool:
    """Tell whether a forked process has all that a started one would have of an environment."""
    return environment.get("PYTHONPATH") == str(hidden) and not any(name in environment for name in READ_AT_START)


def start_loaded(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, log: IO[bytes], hidden: Path
) -> LoadedProcess:
    """Do what ``python`` does with these arguments, in a session of its own, with ``log`` for what it prints."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(_load_servers(hidden)))
    started = {
        "arguments": ["python", *arguments],
        "environment": dict(environment),
        "folder": str(folder),
        "leads_session": True,
    }
    body = json.dumps(started).encode()
    with open(os.devnull, "rb") as nothing:
        streams = [nothing.fileno(), log.fileno(), log.fileno()]
        socket.send_fds(connection, [len(body).to_bytes(8, "big")], streams)
    connection.sendall(body)
    return LoadedProcess(connection, arguments)


@lru_cache
def _load_servers(hidden: Path) -> Path:
    """Run the process that servers are forked from, as long as this one lasts; return its address."""
    stack = ExitStack()
    address = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="servers-"))) / "socket"
    environment = {**os.environ, "PYTHONPATH": str(hidden)}
    stack.enter_context(load(sys.executable, address, *OWN, *SERVERS, environment=environment))
    atexit.register(stack.close)
    return address
