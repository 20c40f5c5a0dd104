"""The access log: lines are written in blocks, and a process that ends as it should loses and repeats none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

from tests.support.live_server import REPOSITORY, LiveServer
from tests.support.token_requests import INTROSPECT
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.access_log import MAX_BLOCK_CHARACTERS

#: More lines than a block takes.
REQUESTS = MAX_BLOCK_CHARACTERS // 100

PROGRAM = """
import os, signal, sys, time
from website.access_log import access_log
signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit())
"""


def run(program: str) -> list[str]:
    """Run a program that adds lines, in a process that handles SIGTERM; return the lines that it wrote."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr.splitlines()


def logged_ids(server: LiveServer) -> list[str]:
    """Return the request ID of each whole line about a request, in their order."""
    lines = [line for line in server.log.splitlines(keepends=True) if line.startswith('{"event":"request"')]
    return [json.loads(line)["request_id"] for line in lines if line.endswith("\n")]


@pytest.mark.parametrize("kind", ["granian", "gunicorn"])
def test_a_server_that_is_ended_has_logged_every_request_in_order(
    live_server: Callable[..., LiveServer], kind: str
) -> None:
    server = live_server(kind)
    with requests.Session() as session:
        first = session.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS).headers["X-Request-Id"]
        wait_until(lambda: first in logged_ids(server))  # it doesn't wait for the next request
        answers = [session.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS) for _number in range(REQUESTS)]
        refused = session.post(f"{server.url}{INTROSPECT}", data={"token": "x"}, timeout=ANSWER_SECONDS)
        answers.append(session.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS))
    os.kill(server.process.pid, signal.SIGTERM)
    server.process.wait(ANSWER_SECONDS)
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert [name for name in logged_ids(server) if name in ids] == ids
    why, *_others = [line for line in server.log.splitlines() if "client authentication failed" in line]
    assert json.loads(why)["request_id"] == refused.headers["X-Request-Id"]
    before, _why, after = server.log.partition(why)
    assert all(f'"{name}"' in before for name in ids[:-1])
    assert f'"{ids[-1]}"' in after


def test_a_killed_process_loses_less_than_a_block() -> None:
    written = run("""
if os.fork() == 0:
    for number in range(100):
        access_log.add(f"{number:0100}\\n")
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
""")
    assert written == [f"{number:0100}" for number in range(len(written))]
    assert (100 - len(written)) * 101 <= MAX_BLOCK_CHARACTERS


def test_lines_are_written_in_whole_lines_and_blocks_that_no_other_process_splits() -> None:
    written = run("""
class Counted:
    def __init__(self): self.blocks = []
    def write(self, block): self.blocks.append(block)
    def flush(self): pass
real, sys.stderr = sys.stderr, Counted()
for number in range(100):
    access_log.add(f"{number:0100}\\n")
access_log.add("x" * 9000 + "\\n")
access_log.write_waiting()
print(*(f"{len(block)} {block[-1] == chr(10)}" for block in sys.stderr.blocks), sep="\\n", file=real)
""")
    sizes = [int(line.split()[0]) for line in written]
    assert sum(sizes) == 100 * 101 + 9001
    assert all(line.endswith("True") for line in written)
    assert [size for size in sizes if size > MAX_BLOCK_CHARACTERS] == [9001]
    assert len(sizes) < 10


def test_a_forked_process_does_not_repeat_the_lines_of_its_parent() -> None:
    written = run("""
access_log.add("parent\\n")
if os.fork() == 0:
    access_log.add("child\\n")
    sys.exit()
os.wait()
""")
    assert sorted(written) == ["child", "parent"]


def test_a_log_that_cannot_be_written_fails_no_request() -> None:
    written = run("""
class Full:
    def write(self, block): raise OSError("no space left on device")
real, sys.stderr = sys.stderr, Full()
for number in range(1000):
    access_log.add(f"{number:0100}\\n")
sys.stderr = real
access_log.add("again\\n")
""")
    assert written[-1] == "again"
    assert len(written) * 101 <= MAX_BLOCK_CHARACTERS + 101  # the rest is gone, and takes no memory


def test_lines_are_written_at_once_where_sigterm_ends_the_process_at_once() -> None:
    written = run("""
signal.signal(signal.SIGTERM, signal.SIG_DFL)
access_log.add("before\\n")
os.kill(os.getpid(), signal.SIGKILL) if os.fork() == 0 else os.wait()
access_log.add("after\\n")
""")
    assert written == ["before", "after"]
