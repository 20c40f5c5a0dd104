"""Real server processes: each starts on a loopback port, responds, writes a log, and is stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import pytest
import requests
from flask import Flask

from tests.support.loaded_server import ServerProcess, start_loaded, starts_alike
from tests.support.waiting import ANSWER_SECONDS, seconds
from website.app import create_app
from website.models import db

Kind = Literal["flask", "granian", "gunicorn"]
KINDS: tuple[Kind, ...] = ("flask", "granian", "gunicorn")

REPOSITORY = Path(__file__).resolve().parent.parent.parent
#: Modules that stand here in the place of what is installed for development alone: servers start as in production.
HIDDEN = Path(__file__).parent / "installed_for_development"
START_SECONDS = seconds(180)
#: As the guide and the units start it.
GRANIAN = (
    *("--blocking-threads", "512", "--respawn-failed-workers", "--http", "1", "--http1-header-read-timeout", "5000"),
    *("--backlog", "4096", "--backpressure", "4096", "--no-ws", "--log-level", "error"),
)
#: How long a server of a test that is over may take to end before it is killed.
END_SECONDS = seconds(10)
SETTINGS = (
    "OAUTH2_",
    "FLASK_",
    "GRANIAN_",
    "GUNICORN_",
    "SQLALCHEMY_",
    "SECRET_KEY",
    "WEBSITE_CONF",
    "AUTHLIB_",
)


@dataclass
class LiveServer:
    """One running server: its address, its environment, and the file that holds all it printed."""

    kind: Kind
    port: int
    environment: dict[str, str]
    log_path: Path
    process: ServerProcess

    @property
    def url(self) -> str:
        """Return the server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return what the server printed up to now."""
        return self.log_path.read_text(errors="replace")

    def run_command(self, *arguments: str, feed: str = "") -> str:
        """Run `flask <arguments>` beside the server, with its settings; return what it printed."""
        return run_command(*arguments, environment=self.environment, feed=feed)

    def end(self, *, abruptly: bool = False) -> None:
        """End the server: SIGTERM, then SIGKILL; with `abruptly` SIGKILL at once, as a crash would."""
        if self.process.poll() is None and not abruptly:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                abruptly = True
        # The server leads a process group of its own; workers that outlive it end with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def server_environment(settings: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment without our settings, plus the given ones; None leaves one out."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    environment.update({"AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(HIDDEN)})
    environment["OAUTH2_DRAIN_SECONDS"] = "0"  # most tests are done with a server when they end it
    for name, value in settings.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


def start_server(
    kind: Kind,
    *,
    port: int,
    environment: dict[str, str],
    log_path: Path,
    arguments: tuple[str, ...] = (),
    is_loaded: bool = True,
) -> LiveServer:
    """Start `app:app` under one kind of server, `arguments` added to its own; return when it answers.

    Where the environment allows it and `is_loaded` says so, the process is forked from one that has all loaded.
    """
    command = [*_command(kind, port), *arguments]
    with log_path.open("ab") as log:
        process: ServerProcess
        if is_loaded and starts_alike(environment, HIDDEN):
            process = start_loaded(command, environment, REPOSITORY, log, HIDDEN)
        else:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    server = LiveServer(kind, port, environment, log_path, process)
    try:
        _wait_until_it_answers(server)
    except BaseException:
        server.end()
        raise
    return server


@contextmanager
def environment_of(environment: Mapping[str, str]) -> Iterator[None]:
    """Have the settings of another environment in this process, and none of its own but the log's level.

    At DEBUG the log of this process would have what the tests' own clients send.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        for name, value in environment.items():
            if name.startswith(SETTINGS) and name != "OAUTH2_LOG_LEVEL":
                patch.setenv(name, value)
        patch.setenv("OAUTH2_DATABASE_CLOCK", "0")  # as for every application of this process
        yield


def run_command(*arguments: str, environment: Mapping[str, str], feed: str = "") -> str:
    """Do what `run_flask` does, without the start of a process: in an application of its own, made for this command."""
    with environment_of(environment):
        application = create_app()
        outcome = application.test_cli_runner().invoke(args=arguments, input=feed)
        close_database(application)
    if outcome.exit_code:
        raise RuntimeError(f"flask {' '.join(arguments)} failed:\n{outcome.output}") from outcome.exception
    return outcome.stdout


def close_database(application: Flask) -> None:
    """Close every connection: one left to the garbage collector is a warning, and a warning is an error."""
    if "grantwright" in application.extensions:
        application.extensions["grantwright"].grants.activity.counts.end()  # or its thread would open one again
    with application.app_context():
        for engine in db.engines.values():
            engine.dispose()


def run_flask(*arguments: str, environment: dict[str, str], feed: str = "") -> str:
    """Run one `flask` command in a process of its own, to its end; return what it printed. Raises when it fails.

    The start of the process takes most of a second: `run_command` does without.
    """
    finished = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=REPOSITORY,
        env=environment,
        input=feed,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"flask {' '.join(arguments)} failed:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def _command(kind: Kind, port: int) -> list[str]:
    if kind == "flask":
        return ["-m", "flask", "--app", "app", "run", "--host", "127.0.0.1", "--port", str(port)]
    if kind == "granian":
        bind = ["--host", "127.0.0.1", "--port", str(port)]
        return ["-m", "granian", "--interface", "wsgi", *bind, *GRANIAN, "app:app"]
    bind = ["--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    return ["-m", "gunicorn", *bind, "--workers", "1", "--threads", "8", "app:app"]


def wait_until_reachable(process: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a program of another's answers at an address, whatever it says. Fails when it ends before that."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(url, timeout=ANSWER_SECONDS)
            return
        except requests.ConnectionError:
            assert process.poll() is None, f"{process.args} ended before it answered"
            assert time.monotonic() < deadline, f"{process.args} did not answer within {START_SECONDS} s"
            time.sleep(0.1)


def _check_that_it_listens(server: LiveServer) -> None:
    """Fail if what answered at the server's port is another program: Granian shares a port with whoever has it."""
    own = psutil.Process(server.process.pid)
    listening = {
        connection.laddr.port
        for process in (own, *own.children(recursive=True))
        for connection in process.net_connections("tcp4")
        if connection.status == psutil.CONN_LISTEN
    }
    assert server.port in listening, f"another program answers at port {server.port}"


def _wait_until_it_answers(server: LiveServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.kind} ended before it answered:\n{server.log}")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            _check_that_it_listens(server)
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"{server.kind} did not answer within {START_SECONDS} s:\n{server.log}")
