"""A reader who types a page's commands: its `console` fences run in real shells, and their output is compared.

How a page marks its commands:

- A fence marked `console` holds commands. A line that begins with `$ ` is one; a backslash at its end continues it on
  the next line. The lines after it are what it must print, in which `...` stands for anything: within a line for some
  characters, alone on a line for any lines. No such lines: any output will do. A command must succeed.
- `$ export name=...` with these very dots is where the reader puts a value: `Reader.values` is asked for it.
- A comment `<!-- not run: why -->` on the line before a fence leaves it out.
- `<!-- exits with 1 -->` says that the fence's last command fails, and how.
- `**In a second terminal:**`, a paragraph before the fence, says where the page goes on, until it says otherwise:
  `**In the first terminal:**`. There are up to four. In all but the first, the last command of a fence may be a server:
  the reader waits until it answers. What still runs in a terminal is stopped first, as with Ctrl+C.

Addresses are mapped: where a page says 127.0.0.1:5000, a free port is taken, in the commands and back in the output.
State (cd, export, an activated environment) lasts as long as the `Reader`: make one for each page.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from tests.support.live_server import SETTINGS
from tests.support.waiting import ANSWER_SECONDS

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)
#: What touches the fence: the paragraph that names its terminal, and comments.
BEFORE = re.compile(
    r"(?:^\*\*(?P<says>[^*\n]*\bterminal\b[^*\n]*)\*\*\s*\n)?(?:<!--(?:(?!-->).)*-->\s*\n)*\Z",
    re.MULTILINE | re.DOTALL,
)
TERMINAL = re.compile(r"In (?:a|the) (first|second|third|fourth) terminal:")
PORT = re.compile(r"((?:127\.0\.0\.1|localhost):|--port[ =]|-p |\bPORT=|http\.server )(\d{4,5})\b")
ASKED_FOR = re.compile(r"^export (\w+)=\.\.\.\s*(?:#.*)?$")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
COMMAND_SECONDS = 180
SERVER_SECONDS = 180
FLASK_PORT = 5000
FIRST = "first"


@dataclass(frozen=True)
class Fence:
    """One fence of a page: what stands behind its backticks, its lines, the comments just before it, its terminal."""

    info: str
    body: str
    line: int
    notes: tuple[str, ...]
    terminal: str


@dataclass(frozen=True)
class Command:
    """What is typed, the lines it must print (none: any), the line of the page."""

    text: str
    expected: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class ConsoleBlock:
    """One fence of commands, the terminal that it is typed into, and the exit status of its last command."""

    commands: tuple[Command, ...]
    terminal: str
    last_status: int


def fences(text: str) -> Iterator[Fence]:
    """Yield every fence of a page, in order."""
    terminal = FIRST
    for found in FENCE.finditer(text):
        before = text[: found.start()]
        touching = BEFORE.search(before)
        assert touching  # what is optional in it always fits
        notes, line = tuple(COMMENT.findall(touching.group())), before.count("\n") + 1
        if says := touching["says"]:
            named = TERMINAL.fullmatch(says)
            if named is None:
                raise ValueError(f"line {line}: a terminal that is not known: {says}")
            terminal = named[1]
        yield Fence(found["info"].strip(), found["body"], line, notes, terminal)


def console_blocks(text: str) -> Iterator[ConsoleBlock]:
    """Yield the fences of a page that are to be run, in order."""
    for fence in fences(text):
        block = read_console_block(fence)
        if block:
            yield block


def read_console_block(fence: Fence) -> ConsoleBlock | None:
    """Return the commands of a fence; None when it has none to run."""
    if fence.info != "console" or any(note.startswith("not run:") for note in fence.notes):
        return None
    last_status = 0
    for note in fence.notes:
        if found := re.fullmatch(r"exits with (\d+)", note):
            last_status = int(found.group(1))
        else:
            raise ValueError(f"line {fence.line}: a note that is not known: {note}")
    return ConsoleBlock(tuple(_read_commands(fence)), fence.terminal, last_status)


def _read_commands(fence: Fence) -> Iterator[Command]:
    numbered = list(enumerate(fence.body.splitlines(), start=fence.line + 1))
    if numbered and not numbered[0][1].startswith("$ "):
        raise ValueError(f"line {numbered[0][0]}: a console fence begins with a command")
    while numbered:
        number, line = numbered.pop(0)
        typed = [line.removeprefix("$ ")]
        while typed[-1].endswith("\\"):
            typed.append(numbered.pop(0)[1].removeprefix("> "))
        expected = []
        while numbered and not numbered[0][1].startswith("$ "):
            expected.append(numbered.pop(0)[1])
        yield Command("\n".join(typed), tuple(expected), number)


def is_as_expected(printed: str, expected: tuple[str, ...]) -> bool:
    """Whether an output is what a page shows, `...` standing for anything."""
    if not expected:
        return True
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + "\n"
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    return re.fullmatch(pattern, "\n".join(lines) + "\n") is not None


class Terminal:
    """One bash that lives on. What is typed runs in it, so that `cd` and `export` last."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._output = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._marker = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        # In a person's terminal, where the output is not a pipe, curl shows no progress either.
        self.type('curl() { command curl --no-progress-meter "$@"; }')
        self.wait(COMMAND_SECONDS)

    def _listen(self) -> None:
        assert self.process.stdout
        while read := os.read(self.process.stdout.fileno(), 65536):
            with self._changed:
                self._output += read
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def type(self, command: str) -> None:
        """Start a command. The one before must have ended."""
        assert self.process.stdin
        self._output.clear()
        self._marker = f"exit status {secrets.token_hex(8)}"
        # Commands get nothing to read: the rest of what is typed is not for them.
        line = f"eval {shlex.quote(command)} </dev/null\nprintf '\\n%s %d\\n' {shlex.quote(self._marker)} $?\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    @property
    def printed(self) -> str:
        """What the command printed up to now."""
        return COLOURS.sub("", self._output.decode(errors="replace").partition(f"\n{self._marker}")[0])

    @property
    def status(self) -> int | None:
        """The exit status of the command; None while it runs."""
        found = re.search(rf"^{self._marker} (\d+)$", self._output.decode(errors="replace"), re.MULTILINE)
        return int(found.group(1)) if found else None

    @property
    def is_busy(self) -> bool:
        return bool(self._marker) and self.status is None

    def wait(self, seconds: float) -> bool:
        """Wait until the command ended; return whether it did."""
        with self._changed:
            return self._changed.wait_for(lambda: self.status is not None or self._ended, seconds)

    def interrupt(self) -> None:
        """Press Ctrl+C, and wait until the command has ended."""
        # A run in the background of a shell ignores SIGINT; a server that is killed may keep its port for a moment.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if not self.is_busy:
                return
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.send_signal(number)
            self.wait(10)

    def close(self) -> None:
        """End the shell and whatever it still runs."""
        with suppress(psutil.NoSuchProcess):
            self.interrupt()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._listener.join(10)  # it ends with the output; a pipe closed under it would be an error there
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


@dataclass
class Reader:
    """Somebody who follows one page, in a folder of his own.

    `environment` is added to this machine's, without the settings of Grantwright. `free_port` gives a port for each
    one that the page names. `values` is asked for what the page leaves open as `export name=...`.
    """

    folder: Path
    free_port: Callable[[], int]
    environment: Mapping[str, str] = field(default_factory=dict)
    values: Callable[[str], str] | None = None
    page: str = "page"
    #: What each command printed, in order, for whoever copies something out of it.
    printed: list[str] = field(default_factory=list)
    _terminals: dict[str, Terminal] = field(default_factory=dict)
    _ports: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for terminal in self._terminals.values():
            terminal.close()
        self._terminals.clear()

    def follow(self, text: str) -> None:
        """Run every block of a page."""
        for block in console_blocks(text):
            self.run(block)

    def run(self, block: ConsoleBlock) -> None:
        """Run one block; raise AssertionError where something else happens than the page says."""
        if block.terminal not in self._terminals:
            self._terminals[block.terminal] = Terminal(self.folder, self._environment())
        terminal = self._terminals[block.terminal]
        terminal.interrupt()
        *others, last = block.commands
        for command in others:
            self._run(terminal, command, status=0)
        self._run(terminal, last, status=block.last_status, may_serve=block.terminal != FIRST)

    def port(self, named: int = FLASK_PORT) -> int:
        """Return the port that stands for one that the pages name."""
        if named not in self._ports:
            self._ports[named] = self.free_port()
        return self._ports[named]

    def url(self, named: int = FLASK_PORT) -> str:
        """Return the address that stands for http://127.0.0.1:5000, or another port of the pages."""
        return f"http://127.0.0.1:{self.port(named)}"

    def put_ports(self, text: str) -> str:
        """Put the ports that stand for those of the page into one of its texts."""
        return PORT.sub(lambda found: f"{found[1]}{self.port(int(found[2]))}", text)

    def printed_in(self, terminal: str) -> str:
        """Return what the latest command of a terminal printed up to now, with the ports that it has."""
        return self._terminals[terminal].printed

    def _environment(self) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*SETTINGS, "VIRTUAL_ENV", "PYTEST_", "PYTHON"))
        }
        own = {
            "FLASK_RUN_PORT": str(self.port()),
            "NO_PROXY": "127.0.0.1,localhost",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # most modules are never imported
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }
        return {**environment, **own, **self.environment}

    def _run(self, terminal: Terminal, command: Command, *, status: int, may_serve: bool = False) -> None:
        text = self.put_ports(command.text)
        if asked_for := ASKED_FOR.match(text):
            assert self.values, f"{self.page}:{command.line}: nobody knows {asked_for[1]}"
            text = f"export {asked_for[1]}={shlex.quote(self.values(asked_for[1]))}"
        terminal.type(text)
        if may_serve:
            self._wait_for_server(terminal, command)
        else:
            terminal.wait(COMMAND_SECONDS)
        printed = self._as_the_page_says(terminal.printed)
        self.printed.append(printed)
        where = f"{self.page}:{command.line}: $ {command.text}\n"
        if not (may_serve and terminal.is_busy):
            assert terminal.status is not None, f"{where}has not ended:\n{printed}"
            assert terminal.status == status, f"{where}exited with {terminal.status}, not {status}:\n{printed}"
        assert is_as_expected(printed, command.expected), (
            f"{where}should print\n" + "\n".join(command.expected) + f"\nbut printed\n{printed}"
        )

    def _wait_for_server(self, terminal: Terminal, command: Command) -> None:
        """Wait until the command ended, or the port that it names answers and it printed what it must."""
        named = PORT.search(command.text)
        address = ("127.0.0.1", self.port(int(named[2]) if named else FLASK_PORT))
        deadline = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < deadline and not terminal.wait(0.05):
            with suppress(OSError), socket.create_connection(address, timeout=ANSWER_SECONDS):
                printed = self._as_the_page_says(terminal.printed)
                if is_as_expected(printed, command.expected):
                    return

    def _as_the_page_says(self, printed: str) -> str:
        """Put the ports that the page names into an output."""
        for named, real in self._ports.items():
            printed = re.sub(rf"\b{real}\b", str(named), printed)
        return printed
