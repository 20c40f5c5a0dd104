"""The PostgreSQL cluster of a test run: started once, shared by every worker, stopped by the run."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

STATE = "postgres.json"
LOCK = "postgres.lock"
_running: Cluster | None = None
#: Empty databases in the place of which a copy came, by the folder of their cluster.
_spare: dict[str, list[str]] = {}
#: Databases that nobody wants any longer, by the folder of their cluster, and how many of them, at 8 MB, may be left.
_unwanted: dict[str, list[str]] = {}
_dropping = ThreadPoolExecutor(1, thread_name_prefix="drops databases")
MOST_UNWANTED = 100


@dataclass(frozen=True)
class Cluster:
    """A running cluster of our own: where it listens, and the folder by which it is ended."""

    folder: str
    port: int
    password: str

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy address of a database in this cluster."""
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, as the superuser."""
        with psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)

    def create_database(self) -> str:
        """Create an empty database of a name never used before; return its name."""
        name, spare = f"test_{secrets.token_hex(8)}", _spare.get(self.folder)
        self.execute(f'ALTER DATABASE "{spare.pop()}" RENAME TO "{name}"' if spare else f'CREATE DATABASE "{name}"')
        return name

    def copy_database(self, template: str, name: str) -> None:
        """Put a copy of a database, which nobody uses at the moment, in place of an empty one.

        The empty one is kept for the next that is wanted.
        """
        spare = f"spare_{secrets.token_hex(8)}"
        self.execute(f'ALTER DATABASE "{name}" RENAME TO "{spare}"')
        _spare.setdefault(self.folder, []).append(spare)
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def restart(self) -> None:
        """End it as a crash would, and start it again."""
        _command(Path(self.folder), "pg_ctl", "restart", "--mode=immediate", "--wait", f"--pgdata={self.folder}/data")

    def start(self) -> None:
        """Start it, unless it is running."""
        with suppress(psycopg.OperationalError):
            self.execute("SELECT 1")
            return
        _start_server(Path(self.folder), self.port)

    def drop_database(self, name: str) -> None:
        """Give a database up: the cluster's end takes it away, as to drop one waits for the disk, up to seconds.

        Of very many the first are dropped, and nobody waits for that. Connections that a killed server left are ended.
        """
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        unwanted = _unwanted.setdefault(self.folder, [])
        unwanted.append(name)
        if len(unwanted) > MOST_UNWANTED:
            _dropping.submit(self.execute, f'DROP DATABASE IF EXISTS "{unwanted.pop(0)}" WITH (FORCE)')


def stop_dropping() -> None:
    """Leave the databases that are to be dropped to the end of their cluster: this worker is done."""
    _dropping.shutdown(wait=False, cancel_futures=True)


def obtain_cluster(run_folder: Path) -> Cluster:
    """Return the run's cluster; the first worker that asks starts it."""
    global _running
    with _locked(run_folder):
        state = run_folder / STATE
        if not state.exists():
            cluster = _start(run_folder)
            state.write_text(json.dumps(asdict(cluster)))
        _running = Cluster(**json.loads(state.read_text()))
    return _running


@contextmanager
def own_cluster(run_folder: Path, parent: Path | None = None) -> Iterator[Cluster]:
    """Start another cluster, for a test that ends or fills it; its folder is created in ``parent``."""
    cluster = _start(run_folder, parent)
    try:
        yield cluster
    finally:
        _end(Path(cluster.folder))


def running_cluster() -> Cluster | None:
    """Return the cluster that this worker obtained, if it did."""
    return _running


def end_cluster(run_folder: Path) -> None:
    """End the run's cluster and remove its folder, where one was started."""
    with _locked(run_folder):
        state = run_folder / STATE
        if state.exists():
            cluster = Cluster(**json.loads(state.read_text()))
            _stop(Path(cluster.folder))
            # Nobody waits for it: hundreds of databases are a hundred thousand files.
            os.posix_spawnp("rm", ["rm", "-rf", cluster.folder], os.environ, setsid=True)
            state.unlink()


@contextmanager
def _locked(run_folder: Path) -> Iterator[None]:
    with (run_folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(run_folder: Path, parent: Path | None = None) -> Cluster:
    # PostgreSQL refuses to run as root, and its user cannot enter the run's folder: it gets its own.
    folder = Path(tempfile.mkdtemp(prefix="grantwright-postgres-", dir=parent))
    password = secrets.token_urlsafe(16)
    (folder / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres", "postgres")
    port = reserve_port(run_folder)
    try:
        _command(
            folder,
            *("initdb", "--username=postgres", "--auth=scram-sha-256", f"--pwfile={folder}/password"),
            *("--encoding=UTF8", "--no-locale", f"--pgdata={folder}/data", "--no-sync"),
        )
        _start_server(folder, port)
    except BaseException:
        _end(folder)
        raise
    return Cluster(str(folder), port, password)


def _start_server(folder: Path, port: int) -> None:
    # fsync stays on: what the tests call durable and what they race against is what production does. Nothing is there
    # to vacuum, and there are hundreds of databases to look at.
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -p {port} -c max_connections=300"
    options += " -c autovacuum=off"
    _command(
        folder,
        *("pg_ctl", "start", "--wait", f"--timeout={ANSWER_SECONDS:.0f}", f"--pgdata={folder}/data"),
        *(f"--log={folder}/log", f"--options={options}"),
    )


def _end(folder: Path) -> None:
    _stop(folder)
    shutil.rmtree(folder)


def _stop(folder: Path) -> None:
    # pg_ctl reads the process id from the data folder, so it can end no cluster but this one.
    if (folder / "data" / "postmaster.pid").exists():
        _command(folder, "pg_ctl", "stop", "--mode=immediate", "--wait", f"--pgdata={folder}/data")


def _command(folder: Path, name: str, *arguments: str) -> None:
    as_postgres = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    # The output goes to a file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open.
    with tempfile.TemporaryFile() as output:
        finished = subprocess.run(
            [_program(name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            timeout=ANSWER_SECONDS,
            check=False,
            **as_postgres,
        )
        if finished.returncode:
            output.seek(0)
            log = folder / "log"
            raise RuntimeError(
                f"{name} failed: {output.read().decode(errors='replace')}"
                f"{log.read_text(errors='replace') if log.exists() else ''}"
            )


def _program(name: str) -> str:
    # Debian keeps one folder a version and none of them in PATH; the newest one serves.
    versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    found = max(versions, key=lambda path: int(path.split("/")[4])) if versions else shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is missing: tools/install-test-programs installs PostgreSQL")
    return found
