"""A full disk: what cannot be written is refused, no answer promises what is not there, and service resumes (X5)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.support.live_server import LiveServer
from tests.support.person import Person

SIZE = 3 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this system lets nobody mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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


def test_a_full_disk_costs_no_truth_and_is_got_over(small_disk: Path, live_server: Callable[..., LiveServer]) -> None:
    uri = f"sqlite:///{small_disk}/db.sqlite"
    settings = {"SQLALCHEMY_DATABASE_URI": uri, "OAUTH2_SQLITE_SYNCHRONOUS": "FULL"}
    node = live_server("granian", settings)
    person = Person(node.url)
    person.log_in("alice")
    client = person.create_client(grant_type="password\nrefresh_token", response_type="", redirect_uri="")
    fields = {"grant_type": "password", "username": "alice", "password": "valid"}

    def ask() -> requests.Response:
        return requests.post(f"{node.url}/oauth/token", fields, headers=client.basic, timeout=30)

    def is_active(token: str) -> bool:
        answer = requests.post(f"{node.url}/oauth/introspect", {"token": token}, headers=client.basic, timeout=30)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    before = ask().json()["access_token"]
    ballast = fill(small_disk)
    answers = [ask() for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code != 200]
    given = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]

    assert refused, "the disk was not full"
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["error"] for answer in refused} == {"temporarily_unavailable"}
    assert "SQLITE_FULL" in node.log
    assert "Traceback" not in "".join(answer.text for answer in refused)
    assert is_active(before)
    assert person.get("/").status in (200, 503)

    ballast.unlink()
    later = ask()
    assert later.status_code == 200, later.text
    assert [token for token in (before, *given, later.json()["access_token"]) if not is_active(token)] == []
    engine = create_engine(uri)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert connection.scalar(text("SELECT count(*) FROM oauth2_grant")) == len(given) + 2
    engine.dispose()
