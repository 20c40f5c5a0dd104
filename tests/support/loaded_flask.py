"""The command ``flask`` in a process that has loaded the libraries already: to load them is most of a start.

The guides start some eighty commands. Each becomes a process of its own, with the reader's folder, environment and
streams, and loads the application from there; only the libraries come from the process that it is forked from. Starts
without any of this are held by the tutorial, by tests/cli/test_command_start.py, and wherever a server is started.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from tests.support.waiting import wait_until

LIBRARIES = (
    "argon2",
    "authlib.oauth2.rfc6749",
    "authlib.oidc.core.errors",
    "flask_babel",
    "flask_sqlalchemy",
    "flask_wtf",
    "joserfc.jwk",
    "joserfc.jws",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "structlog",
    "werkzeug.serving",
    "wtforms",
)
REPOSITORY = Path(__file__).resolve().parent.parent.parent
#: What is found as ``flask``: it sends what it was started with, passes signals on, and ends as the command ends.
COMMAND = """#!{python} -IS
import json, os, signal, socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
body = json.dumps({{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
socket.send_fds(connection, [len(body).to_bytes(8, "big")], [0, 1, 2])
connection.sendall(body)
answers = connection.makefile()
process = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _frame: os.kill(process, number))
sys.exit(int(answers.readline()))
"""


@contextmanager
def offer_loaded_flask(folder: Path) -> Iterator[Path]:
    """Load the libraries; yield the folder that has the command ``flask``, for the beginning of a PATH."""
    address = folder / "flask.socket"
    command = folder / "bin" / "flask"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.loaded_flask", str(address)], cwd=REPOSITORY
    ) as process:
        wait_until(lambda: address.exists() or process.poll() is not None)
        yield command.parent
        process.terminate()


def serve(address: str) -> dict[str, Any]:
    """Fork a process for every command; return in that process, with what the command was started with."""
    for library in LIBRARIES:
        importlib.import_module(library)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        connection, _address = listener.accept()
        while os.fork():
            connection.close()
            connection, _address = listener.accept()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return receive(connection)


def receive(connection: socket.socket) -> dict[str, Any]:
    """Read what a command was started with, and return in a process that has its streams."""
    length, streams, _flags, _from = socket.recv_fds(connection, 8, 3)
    body = b""
    while len(body) < int.from_bytes(length, "big"):
        body += connection.recv(65536)
    process = os.fork()
    if not process:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    if process:
        watch(process, connection)
    connection.close()
    started: dict[str, Any] = json.loads(body)
    return started


def watch(process: int, connection: socket.socket) -> NoReturn:
    """Tell how a process ended, and end with it; end it when whoever started it is gone."""
    connection.sendall(b"%d\n" % process)
    ended = os.pidfd_open(process)
    ready, _writable, _failed = select.select([ended, connection], [], [])
    if ended not in ready:
        os.kill(process, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if ended in ready:
        connection.sendall(b"%d\n" % (status if status >= 0 else 128 - status))
    os._exit(0)


def become(started: dict[str, Any]) -> None:
    """Run the command as if this process had been started for it."""
    from flask.cli import main

    os.chdir(started["folder"])
    os.environ.clear()
    os.environ.update(started["environment"])
    time.tzset()
    is_unbuffered = "PYTHONUNBUFFERED" in os.environ
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name).fileno()
        setattr(sys, name, open(stream, mode, closefd=False))  # noqa: SIM115
        if mode == "w":
            getattr(sys, name).reconfigure(line_buffering=True, write_through=is_unbuffered)
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != REPOSITORY]
    sys.argv = ["flask", *started["arguments"]]
    main()


if __name__ == "__main__":
    become(serve(sys.argv[1]))
