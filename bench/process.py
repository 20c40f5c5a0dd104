"""A server process being measured: start, wait until it responds, pause, count CPU and memory, stop."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class ServerProcess:
    """A command in its own session, bound to one CPU; counted and stopped by that session."""

    def __init__(self, name: str, port: int, log: Path) -> None:
        self.name, self.port, self.log = name, port, log
        self.started_in = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, command: list[str], cwd: Path, env: Mapping[str, str], cpu: int, ready: str, timeout: float = 60
    ) -> None:
        """Start the command and wait until `ready` (a path) returns 200."""
        if self._answers(ready) is not None:
            raise RuntimeError(f"{self.name}: something else listens on port {self.port} already")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                cwd=cwd,
                env={**os.environ, **env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        begun = time.perf_counter()
        while self._answers(ready) != 200:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}; see {self.log}")
            if time.perf_counter() - begun > timeout:
                self.stop()
                raise RuntimeError(f"{self.name}: no 200 at {ready} within {timeout} s; see {self.log}")
            time.sleep(0.005)
        self.started_in = time.perf_counter() - begun

    def _answers(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def bind(self, cpus: set[int]) -> None:
        """Let the server's threads, and those that they start, run on these CPUs."""
        for entry, _fields in self._stats():
            for thread in (entry / "task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), cpus)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the session's processes, first with SIGTERM, then with SIGKILL."""
        if self._process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        # Whatever of the group is left, the leader or a worker that it did not take along.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def cpu_seconds(self) -> float:
        """CPU time of all processes of the session so far, including ended children."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._stats()) / TICKS

    def memory_mib(self) -> float:
        """Proportional set size: a page shared by n processes counts 1/n in each."""
        kib = 0
        for entry, _ in self._stats():
            try:
                for line in (entry / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kib += int(line.split()[1])
            except OSError:
                continue
        return kib / 1024

    def _stats(self) -> list[tuple[Path, list[str]]]:
        """(/proc entry, fields of its stat from the state on) of each process in the session."""
        if self._process is None:
            return []
        session, found = str(self._process.pid), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if fields[3] == session:
                    found.append((entry, fields))
        return found


def busy_seconds(cpu: int) -> float:
    """How long one CPU has been busy since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, numbers[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS
    raise ValueError(f"this machine has no CPU {cpu}")
