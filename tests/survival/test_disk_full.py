"""A full disk: what cannot be written is refused, no answer promises what is not there, and service resumes (X5)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.support.live_server import LiveServer
from tests.support.person import Person
from tests.support.postgres import own_cluster
from tests.support.waiting import ANSWER_SECONDS, wait_until

SQLITE_BYTES, POSTGRESQL_BYTES = 3 * 1024 * 1024, 160 * 1024 * 1024


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of so many bytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    outcome = subprocess.run(mount, capture_output=True, text=True)
    if outcome.returncode:
        pytest.skip(f"this system lets nobody mount: {outcome.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    with mounted(tmp_path / "disk", SQLITE_BYTES) as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Write until there is no room for one more byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


class Node:
    """A server, and a client that gets a person's tokens there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.person = Person(url)
        self.person.log_in("alice")
        machine = {"grant_type": "password\nrefresh_token", "response_type": "", "redirect_uri": ""}
        self._client = self.person.create_client(**machine)

    def ask(self) -> requests.Response:
        return self._post("/oauth/token", {"grant_type": "password", "username": "alice", "password": "valid"})

    def is_active(self, token: str) -> bool:
        answer = self._post("/oauth/introspect", {"token": token})
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    def _post(self, path: str, fields: dict[str, str]) -> requests.Response:
        return requests.post(self._url + path, fields, headers=self._client.basic, timeout=ANSWER_SECONDS)


@pytest.mark.parametrize("tries", [60, pytest.param(600, marks=pytest.mark.soak)])
def test_a_full_disk_costs_no_truth_and_is_got_over(
    tries: int, small_disk: Path, live_server: Callable[..., LiveServer]
) -> None:
    uri = f"sqlite:///{small_disk}/db.sqlite"
    settings = {"SQLALCHEMY_DATABASE_URI": uri, "OAUTH2_SQLITE_SYNCHRONOUS": "FULL"}
    server = live_server("granian", settings)
    node = Node(server.url)

    before = node.ask().json()["access_token"]
    ballast = fill(small_disk)
    answers = [node.ask() for _ in range(tries)]
    refused = [answer for answer in answers if answer.status_code != 200]
    given = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]

    assert refused, "the disk was not full"
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["error"] for answer in refused} == {"temporarily_unavailable"}
    assert "SQLITE_FULL" in server.log
    assert "Traceback" not in "".join(answer.text for answer in refused)
    assert node.is_active(before)
    assert node.person.get("/").status in (200, 503)

    ballast.unlink()
    later = node.ask()
    assert later.status_code == 200, later.text
    assert [token for token in (before, *given, later.json()["access_token"]) if not node.is_active(token)] == []
    engine = create_engine(uri)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert connection.scalar(text("SELECT count(*) FROM oauth2_grant")) == len(given) + 2
    engine.dispose()


@pytest.mark.soak
def test_a_full_disk_of_postgresql_costs_no_truth_and_is_got_over(
    run_folder: Path, tmp_path: Path, live_server: Callable[..., LiveServer]
) -> None:
    # PostgreSQL's user can't enter the folder of the tests.
    parent = Path(tempfile.mkdtemp(prefix="grantwright-disk-"))
    parent.chmod(0o755)
    with mounted(parent / "disk", POSTGRESQL_BYTES) as disk, own_cluster(run_folder, disk) as cluster:
        node = Node(live_server("granian", {"SQLALCHEMY_DATABASE_URI": cluster.url(cluster.create_database())}).url)

        given = [node.ask().json()["access_token"]]
        ballast = fill(disk)
        refused = 0
        while refused < 20:
            answer = node.ask()
            if answer.status_code == 200:
                given.append(answer.json()["access_token"])
                continue
            refused += 1
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"] == "temporarily_unavailable"

        ballast.unlink()
        cluster.start()  # a server that can't write its log ends
        wait_until(lambda: node.ask().status_code == 200)
        assert [token for token in given if not node.is_active(token)] == []
        print(f"{len(given)} tokens given, {refused} refused")
    shutil.rmtree(parent)
