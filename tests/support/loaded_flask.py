"""The commands ``flask`` and ``python`` in a process that has loaded the libraries already: most of a start is that.

The guides and the tutorial start some two hundred commands. Each becomes a process of its own, with the reader's
folder, environment and streams. The libraries come from the process that it is forked from; so does this repository's
package where the reader's folder links to it, and any other application is loaded from the folder. Starts without any
of this are held by `make soak`'s way through the tutorial, by tests/cli/test_command_start.py, and wherever a server is
started.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.support.waiting import wait_until

#: What the commands of this repository load besides, some of it late.
OWN = ("website.app", "alembic.command", "alembic.autogenerate", "flask_migrate", "mako.template")
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
#: Ends the address at which what is in ``OWN`` is loaded too.
OWN_SUFFIX = ".own"
#: What is found as the command: it sends what it was started with, passes signals on, and ends as the command ends.
COMMAND = """#!{python} -IS
import json, os, signal, socket, sys

address = {address!r}
is_own = os.path.realpath("website") == {website!r} and "--app" not in sys.argv and "FLASK_APP" not in os.environ
if is_own and os.path.exists(address + {suffix!r}):
    address += {suffix!r}
connection = socket.socket(socket.AF_UNIX)
connection.connect(address)
body = json.dumps({{"arguments": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
socket.send_fds(connection, [len(body).to_bytes(8, "big")], [0, 1, 2])
connection.sendall(body)
answers = connection.makefile()
process = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _frame: os.kill(process, number))
status = int(answers.readline())
sys.exit(status if status >= 0 else 128 - status)
"""


@contextmanager
def offer_loaded_flask(folder: Path) -> Iterator[Path]:
    """Load the libraries and ``website``; yield the folder with the command ``flask``, for the beginning of a PATH."""
    commands, address = folder / "bin", folder / "flask.socket"
    commands.mkdir()
    with offer_loaded(commands, "flask", address=address):
        own = Path(f"{address}{OWN_SUFFIX}")
        with load(sys.executable, own, *OWN):
            yield commands


@contextmanager
def offer_loaded(
    folder: Path, *commands: str, address: Path, python: Path | str = sys.executable, more: tuple[str, ...] = ()
) -> Iterator[None]:
    """Put ``flask`` or ``python`` into a folder: commands of an environment, with what it has of the libraries loaded.

    The commands there before are replaced. Addresses of sockets are short: a hundred characters.
    """
    for name in commands:
        (folder / name).unlink(missing_ok=True)
        facts = {"address": str(address), "website": str(REPOSITORY / "website"), "suffix": OWN_SUFFIX}
        (folder / name).write_text(COMMAND.format(python=sys.executable, **facts))
        (folder / name).chmod(0o755)
    with load(python, address, *more):
        yield


@contextmanager
def load(
    python: Path | str, address: Path, *modules: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run the process that commands are forked from, until it isn't needed any more."""
    # It ends with this process, however that ends: nobody has the other end of its input then.
    command = [python, "-m", "tests.support.loaded_flask", address, *modules]
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE) as process:
        wait_until(lambda: address.exists() or process.poll() is not None, usual=120)
        yield
    address.unlink(missing_ok=True)


def serve(address: str, *more: str) -> dict[str, Any]:
    """Fork a process for every command; return in that process, with what the command was started with."""
    for library in (*LIBRARIES, *more):
        with suppress(ImportError):
            importlib.import_module(library)
    if "website.app" in more:
        make_application()
    gc.freeze()  # or the first search for garbage in every process copies the memory of all that is loaded
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen()
        Path(f"{address}.new").rename(address)  # found as soon as it can be called, and not before
        while True:
            called, _writable, _failed = select.select([listener, sys.stdin], [], [])
            if sys.stdin in called:
                sys.exit()
            connection, _address = listener.accept()
            if not os.fork():
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return receive(connection)


def make_application() -> None:
    """Make an application, so that what those of the commands have in common with it is compiled."""
    from tests.support.compiled_once import keep_compiled
    from website.app import create_app

    keep_compiled()
    with tempfile.TemporaryDirectory() as folder:
        create_app({"SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/db.sqlite", "OAUTH2_INSTANCE_PATH": folder})
    assert threading.active_count() == 1  # a thread would not be there in the commands' processes
    gc.collect()


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
        connection.sendall(b"%d\n" % status)
    os._exit(0)


def become(started: dict[str, Any]) -> None:
    """Run the command as if this process had been started for it."""
    from flask.cli import main

    if started.get("leads_session"):
        os.setsid()
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
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    command, *arguments = started["arguments"]
    try:
        if Path(command).name == "flask":
            sys.argv = ["flask", *arguments]
            main()
        else:
            interpret(*arguments)
    except BaseException as error:
        end(error)
    else:
        end(None)


def end(error: BaseException | None) -> NoReturn:
    """End as Python does, but leave the memory as it is: to take apart what is loaded is more than most commands do."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(bool(error.code))
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    elif error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def interpret(first: str, *rest: str) -> None:
    """Do what ``python`` does with these arguments: a module, a text or a file."""
    is_module, is_text = first == "-m", first == "-c"
    paths = [str(Path.cwd()) if is_module else "" if is_text else str(Path(first).resolve().parent)]
    sys.path[:0] = [*paths, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [first, *rest[1:]] if is_module or is_text else [first, *rest]
    if is_module:
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif is_text:
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    become(serve(*sys.argv[1:]))
