"""The loopback ports of test runs: none is given out twice on a machine, whichever worker of whichever run asks."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# Below Linux's range for outgoing connections (32768 and up), so that none of them takes the port meanwhile.
FIRST, LAST = 20000, 32000
#: One file for each port, shared by all who run tests here. A process holds a port by a lock, until it ends.
FOLDER = Path(tempfile.gettempdir()) / "grantwright-test-ports"

_held: list[int] = []


def reserve_port(run_folder: Path) -> int:
    """Return a port that is free now and that nobody else is given as long as this process lives."""
    FOLDER.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST), 1000):
        # Granian binds with SO_REUSEPORT: two servers on one port would answer for each other and not notice.
        if _lock(port, run_folder) and _is_free(port):
            return port
    raise RuntimeError("no free loopback port found")


def _lock(port: int, run_folder: Path) -> bool:
    try:
        file = os.open(FOLDER / str(port), os.O_CREAT | os.O_WRONLY, 0o666)
    except PermissionError:
        return False  # another user's
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    os.truncate(file, 0)
    os.write(file, f"{run_folder}\n".encode())  # for a person who wonders whose it is
    _held.append(file)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
