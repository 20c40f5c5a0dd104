"""The command-line client: its commands work, its small server takes one right answer, its file is its owner's."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import psutil
import pytest

from tests.examples.conftest import Example
from tests.support.person import Person
from tests.support.waiting import ANSWER_SECONDS

#: `webbrowser` starts what this names: here somebody who logs in and says yes.
BROWSER = f"{sys.executable} -m tests.examples.browser_person %s alice"


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example], tmp_path_factory: pytest.TempPathFactory) -> Example:
    # Reaching here, the page's own commands have logged in, asked and logged out.
    token_file = tmp_path_factory.mktemp("state") / "refresh_token"
    return start_example("command_line", BROWSER=BROWSER, TOKEN_FILE=str(token_file))


class Program:
    """The program with a token file of its own."""

    def __init__(self, example: Example, folder: Path) -> None:
        self.token_file = folder / "state" / "refresh_token"
        self._command = [sys.executable, str(example.folder / "examples" / "command_line" / "client.py")]
        self._environment = {
            **os.environ,
            "ISSUER": example.provider.url,
            "CLIENT_ID": example.registered[0]["client_id"],
            "TOKEN_FILE": str(self.token_file),
            # A browser that does nothing: the tests go to the printed address themselves.
            "BROWSER": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, *arguments],
            env=self._environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Run one command to its end; return its exit status, and what it printed."""
        with self.start(*arguments, **variables) as process:
            printed, complained = process.communicate(timeout=ANSWER_SECONDS)
        return process.returncode, printed, complained

    @contextmanager
    def logging_in(self) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Begin a login; yield the process and the address that it printed."""
        with self.start("login") as process:
            assert process.stdout
            process.stdout.readline()
            try:
                yield process, process.stdout.readline().strip()
            finally:
                process.kill()

    def log_in(self, example: Example, username: str) -> Person:
        person = example.log_in(username)
        with self.logging_in() as (process, address):
            assert Person(address).get(example.allow(person, address).location).status == 200
            printed, complained = process.communicate(timeout=ANSWER_SECONDS)
        assert printed == "You are logged in.\n", complained
        return person


@pytest.fixture
def program(example: Example, tmp_path: Path) -> Program:
    return Program(example, tmp_path)


def test_refresh_token_is_readable_by_its_owner_alone(example: Example, program: Program) -> None:
    program.token_file.parent.mkdir()
    program.token_file.write_text("an older one")
    program.token_file.chmod(0o644)
    program.log_in(example, "bob")
    first = program.token_file.read_text()

    assert first.startswith("gwrt_")
    assert stat.S_IMODE(program.token_file.stat().st_mode) == 0o600
    assert program.run("whoami") == (0, "You are bob.\n", "")
    assert program.token_file.read_text() != first


def test_two_at_once_take_turns(example: Example, program: Program) -> None:
    program.log_in(example, "carol")
    before = program.token_file.read_text()

    with program.token_file.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with program.start("whoami") as first, program.start("whoami") as second:
            time.sleep(2)
            assert program.token_file.read_text() == before
            fcntl.flock(file, fcntl.LOCK_UN)
            printed = [first.communicate(timeout=ANSWER_SECONDS)[0], second.communicate(timeout=ANSWER_SECONDS)[0]]

    # A refresh token that was used twice would have ended the login.
    assert printed == ["You are carol.\n"] * 2


def test_answer_to_another_question_or_of_another_server_changes_nothing(example: Example, program: Program) -> None:
    person = example.log_in("dave")
    with program.logging_in() as (process, address):
        answer = example.allow(person, address)
        callback = answer.location.partition("?")[0]
        attacker = Person(address)
        for changes in ({"state": "another"}, {"state": ""}, {"iss": "https://evil.example"}):
            assert attacker.get(f"{callback}?{urlencode(answer.query | changes)}").status == 400
        without_issuer = {name: value for name, value in answer.query.items() if name != "iss"}
        assert attacker.get(f"{callback}?{urlencode(without_issuer)}").status == 400
        assert attacker.get(f"{callback}/other?{urlencode(answer.query)}").status == 400
        assert process.poll() is None

        assert attacker.get(answer.location).status == 200
        assert process.communicate(timeout=ANSWER_SECONDS)[0] == "You are logged in.\n"
    assert program.run("whoami")[1] == "You are dave.\n"


def test_small_server_listens_on_loopback_only(program: Program) -> None:
    with program.logging_in() as (process, address):
        redirect_uri = urlsplit(dict(parse_qsl(urlsplit(address).query))["redirect_uri"])
        listening = [
            connection.laddr
            for connection in psutil.Process(process.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]

    assert listening == [("127.0.0.1", redirect_uri.port)]


def test_person_who_says_no_is_told_so(example: Example, program: Program) -> None:
    person = example.log_in("erin")
    with program.logging_in() as (process, address):
        answer = person.decide(person.get(address), confirm="no")
        Person(address).get(answer.location)
        _printed, complained = process.communicate(timeout=ANSWER_SECONDS)

    assert (process.returncode, complained) == (1, "The login failed: access_denied.\n")


def test_nobody_is_waited_for_without_end(program: Program) -> None:
    status, _printed, complained = program.run("login", LOGIN_SECONDS="0.5")

    assert (status, complained) == (1, "The browser didn't come back in time.\n")


def test_access_that_was_taken_back_is_forgotten(example: Example, program: Program) -> None:
    example.sign_out_everywhere(program.log_in(example, "frank"))

    assert program.run("whoami") == (1, "", "Grantwright issued no token (invalid_grant). Log in again.\n")
    assert program.run("whoami") == (1, "", "You are not logged in.\n")


def test_logging_out_revokes_the_refresh_token(example: Example, program: Program) -> None:
    program.log_in(example, "grace")
    kept = program.token_file.read_text()
    assert program.run("logout")[0] == 0
    program.token_file.write_text(kept)

    assert program.run("whoami")[2] == "Grantwright issued no token (invalid_grant). Log in again.\n"


def test_metadata_of_another_issuer_is_refused(example: Example, program: Program) -> None:
    # The same server by another spelling of its name: to the letter, it is another issuer.
    issuer = example.provider.url.replace("127.0.0.1", "LOCALHOST")

    assert program.run("login", ISSUER=issuer) == (1, "", "The metadata is for another issuer.\n")
