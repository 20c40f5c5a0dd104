"""Refreshes a second on SQLite by many threads: safe from power cuts with and without group commit, and not safe.

    python -m bench.group_commit --disk-ms 2 --threads 8
    python -m bench.group_commit --disk-ms 2 --processes 2

It needs gcc. ``--disk-ms`` is what each write to the disk takes in addition, as on a disk without a cache.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).parent
MODES = ("FULL alone", "FULL in groups", "NORMAL")


def main() -> None:
    """Measure each way in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--disk-ms", type=float, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.threads, options.seconds)))
        return
    with tempfile.TemporaryDirectory(dir=HERE / ".work") as folder:
        library = Path(folder, "slow_disk.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, HERE / "slow_disk.c", "-ldl"], check=True)
        for _ in range(options.rounds):
            for mode in MODES:
                print(f"{mode:15}", *run(mode, options, folder, library), flush=True)


def run(mode: str, options: argparse.Namespace, folder: str, library: Path) -> list[str]:
    """Run one way in processes of its own; return what each of them saw."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "SLOW_DISK_MICROSECONDS": str(int(options.disk_ms * 1000)),
        "OAUTH2_INSTANCE_PATH": tempfile.mkdtemp(dir=folder),
        "OAUTH2_SQLITE_SYNCHRONOUS": mode.split()[0],
        "OAUTH2_ACCESS_LOG": "false",
        "OAUTH2_LOG_LEVEL": "ERROR",
        "OAUTH2_RATE_LIMITS": "{}",
        "AUTHLIB_INSECURE_TRANSPORT": "1",
    }
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*flask, "initdb"], env=environment, check=True, capture_output=True)
    own = [sys.executable, "-m", "bench.group_commit", "--one", mode]
    own += ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    started = [
        subprocess.Popen(own, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(options.processes)
    ]
    seen = [json.loads(process.communicate(timeout=300)[0]) for process in started]
    return [f"{each['rate']:7.0f}/s  p99 {each['p99']:6.1f} ms  {each['cpu']:4.0f} us CPU" for each in seen]


def measure(mode: str, threads: int, seconds: float) -> dict[str, float]:
    """Refresh tokens in this process for some seconds; return the rate and the 99th percentile in milliseconds."""
    from website.app import create_app
    from website.database.transactions import Transactions

    application = create_app()
    server = application.extensions["grantwright"]
    if mode == "FULL alone":
        database = server.database
        database.transactions = Transactions(database.engine, database.connections, "BEGIN IMMEDIATE")
    metadata = {
        "client_name": "bench",
        "grant_types": ["password", "refresh_token"],
        "scope": "profile",
        "token_endpoint_auth_method": "client_secret_post",
    }
    client, secret = server.clients.create(metadata, None)
    credentials = {"client_id": client.client_id, "client_secret": secret}
    durations: list[float] = []
    person = {"grant_type": "password", "username": f"bench{os.getpid()}", "password": "valid", "scope": "profile"}
    begin, end = threading.Barrier(threads + 1), threading.Event()

    def work(token: str) -> None:
        begin.wait()
        while not end.is_set():
            started = time.perf_counter()
            refresh = {"grant_type": "refresh_token", "refresh_token": token, **credentials}
            token = ask(application, refresh)["refresh_token"]
            durations.append(time.perf_counter() - started)

    server.users.create(person["username"])
    tokens = [ask(application, {**person, **credentials})["refresh_token"] for _ in range(threads)]
    workers = [threading.Thread(target=work, args=[token]) for token in tokens]
    for worker in workers:
        worker.start()
    begin.wait()
    cpu, started = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    end.set()
    for worker in workers:
        worker.join()
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    durations.sort()
    p99 = durations[int(len(durations) * 0.99)] * 1000
    return {"rate": len(durations) / took, "p99": p99, "cpu": cpu / len(durations) * 1e6}


def ask(application: Any, fields: dict[str, str]) -> dict[str, Any]:
    """Send a token request through the WSGI application."""
    body = urlencode(fields).encode()
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/oauth/token", "QUERY_STRING": "", "SCRIPT_NAME": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:5000",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "5000", "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    answer: dict[str, Any] = json.loads(b"".join(application.wsgi_app(environ, lambda *_: None)))
    assert "error" not in answer, answer
    return answer


if __name__ == "__main__":
    main()
