"""A client program in Node: the test's instructions and its output, one line of JSON at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.support import canary
from tests.support.waiting import ANSWER_SECONDS

FOLDER = Path(__file__).parent / "node"


class NodeProgram:
    """One running program."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process = process
        self._errors = errors

    def say(self, message: Any) -> None:
        """Tell it something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the program ended: {self.errors}"
        canary.watch_answer({}, line)
        said: dict[str, Any] = json.loads(line)
        return said

    def hear_all(self) -> dict[str, Any]:
        """Return all that it says up to its end, which must be a good one."""
        assert self._process.stdout is not None
        said: dict[str, Any] = {}
        for line in self._process.stdout:
            canary.watch_answer({}, line)
            said |= json.loads(line)
        assert self._process.wait(ANSWER_SECONDS) == 0, self.errors
        return said

    @property
    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read()


@contextmanager
def run_node(program: str, log: Path) -> Iterator[NodeProgram]:
    """Run one of the programs beside this file; end it if it has not ended by itself."""
    assert (FOLDER / "node_modules").is_dir(), "make test installs what the programs need: npm ci in tests/clients/node"
    with (
        log.open("w+") as errors,
        subprocess.Popen(
            ["node", program],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield NodeProgram(process, errors)
        finally:
            process.kill()
