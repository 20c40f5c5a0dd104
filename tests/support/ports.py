"""Owns the loopback ports of one test run: no port is given out twice, whichever worker asks."""

from __future__ import annotations

import random
import socket
from pathlib import Path

# Below Linux's range for outgoing connections (32768 and up), so that none of them takes the port meanwhile.
FIRST, LAST = 20000, 32000


def reserve_port(run_folder: Path) -> int:
    """Return a port that is free now and that no worker of this run will be given again."""
    reserved = run_folder / "ports"
    reserved.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST), 1000):
        if not _is_free(port):
            continue
        try:
            # Granian binds with SO_REUSEPORT: two servers on one port would not notice each other.
            (reserved / str(port)).touch(exist_ok=False)
        except FileExistsError:
            continue
        return port
    raise RuntimeError("no free loopback port found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
