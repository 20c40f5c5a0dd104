"""The snippets of a new client's page, pasted into files and run as their first lines say."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.examples.conftest import answers
from tests.support.device_flow import allow
from tests.support.live_server import START_SECONDS, LiveServer
from tests.support.person import Answer, Person
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

#: `webbrowser` starts what this names: here somebody who logs in and says yes. As a browser with windows, it is not
#: waited for: the program does not answer it before `webbrowser` returns.
BROWSER = f"{sys.executable} -m tests.examples.browser_person %s alice &"
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def server(live_server: Callable[..., LiveServer]) -> LiveServer:
    return live_server("flask", {"OAUTH2_DEVICE_CODE_INTERVAL_SECONDS": "1"})


@pytest.fixture
def person(server: LiveServer) -> Person:
    person = Person(server.url)
    person.log_in("alice")
    return person


def create(person: Person, **fields: str) -> Answer:
    page = person.post("/create_client", {**person.get("/create_client").hidden_fields(), **fields})
    assert page.status == 200, page.text
    return page


def paste(page: Answer, folder: Path, **files: str) -> None:
    """Paste the variables, and the snippets named, into files."""
    for name, file in {"env": ".env", **files}.items():
        (folder / file).write_text(page.element(f"paste-{name}") + "\n")


def in_folder(folder: Path, command: str) -> list[str]:
    """Return what a shell runs: the command, with the variables of the folder's file."""
    return ["sh", "-c", f"cd '{folder}' && set -a && . ./.env && set +a && exec {command}"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(REPOSITORY), **more}


@contextmanager
def serving(folder: Path, command: str, port: int) -> Iterator[Person]:
    """Serve a pasted application; yield a browser at it."""
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(in_folder(folder, command), env=environment(), stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield Person(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


@pytest.mark.parametrize("path", ["/callback", "/login", "/"])
@pytest.mark.parametrize(("name", "command"), [("flask", "flask run --port"), ("fastapi", "uvicorn app:app --port")])
def test_a_pasted_web_application_logs_a_person_in(
    person: Person, run_folder: Path, tmp_path: Path, name: str, command: str, path: str
) -> None:
    port = reserve_port(run_folder)
    redirect_uri = f"http://127.0.0.1:{port}{path}"
    page = create(person, type="web", client_name="Pasted", redirect_uri=redirect_uri)
    paste(page, tmp_path, **{name: "app.py"})
    assert f"--port {port}" in page.element(f"paste-{name}")
    home, login = "/home" if path == "/" else "/", "/log-in" if path == "/login" else "/login"
    with serving(tmp_path, f"{sys.executable} -m {command} {port}", port) as visitor:
        assert f'<a href="{login}">Log in</a>' in visitor.get(home).text
        refused = visitor.get(person.decide(person.get(visitor.get(login).location), confirm="").location)
        assert (refused.status, f'<a href="{login}">Try again</a>' in refused.text) == (400, True), refused.text
        answer = person.decide(person.get(visitor.get(login).location))
        assert answer.location.startswith(redirect_uri)
        assert visitor.get(answer.location).status in (302, 303), (tmp_path / "log").read_text()
        assert "Hello, alice" in visitor.get(home).text


@pytest.mark.parametrize("name", ["flask", "fastapi", "native", "machine", "device"])
def test_what_a_snippet_imports_is_installed_by_its_first_lines(name: str) -> None:
    source = (REPOSITORY / "website" / "templates" / "snippets" / f"{name}.txt").read_text()
    installing = re.search("^# pip install (.*)$", source, re.MULTILINE)
    assert installing
    imported = {
        module.split(".")[0] for module in re.findall(r"^(?:from|import) ([\w.]+)", source, re.MULTILINE)
    } - sys.stdlib_module_names
    brought = with_requirements(installing[1].split())
    packages_of = metadata.packages_distributions()
    assert imported
    for module in imported:
        assert brought & {name.lower() for name in packages_of[module]}, module


def with_requirements(names: list[str]) -> set[str]:
    """Return these distributions and, as far as they are installed here, what they need by themselves."""
    found: set[str] = set()
    waiting = [name.lower() for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = [Requirement(text) for text in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:
            continue
        waiting += [each.name.lower() for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def test_a_web_application_at_localhost_is_served_there(person: Person) -> None:
    page = create(person, type="web", client_name="Pasted", redirect_uri="http://localhost:7000/callback")
    for name in ("flask", "fastapi"):
        assert "--host localhost --port 7000\n" in page.element(f"paste-{name}")
    assert '"localhost:7000"' in page.element("paste-go")


def test_a_pasted_native_program_logs_a_person_in(person: Person, tmp_path: Path) -> None:
    page = create(person, type="native", client_name="Pasted", redirect_uri="http://127.0.0.1/callback")
    paste(page, tmp_path, native="login.py")
    ran = subprocess.run(
        in_folder(tmp_path, f"{sys.executable} login.py"),
        env=environment(BROWSER=BROWSER),
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    assert "'preferred_username': 'alice'" in ran.stdout


def test_a_pasted_job_gets_a_token(person: Person, tmp_path: Path) -> None:
    page = create(person, type="machine", client_name="Pasted")
    paste(page, tmp_path, machine="job.py")
    ran = subprocess.run(
        in_folder(tmp_path, f"{sys.executable} job.py"), env=environment(), capture_output=True, text=True, timeout=120
    )
    assert "Got a token, valid for 600 seconds" in ran.stdout, ran.stderr


def test_a_pasted_device_waits_for_a_person(person: Person, tmp_path: Path) -> None:
    page = create(person, type="device", client_name="Pasted")
    paste(page, tmp_path, device="device.py")
    with subprocess.Popen(
        in_folder(tmp_path, f"{sys.executable} device.py"), env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        shown = re.search(r"enter ([A-Z]{4}-[A-Z]{4})", process.stdout.readline())
        assert shown
        allow(person, shown[1])
        assert process.communicate(timeout=ANSWER_SECONDS)[0] == "Logged in.\n"


def test_the_shell_commands_get_a_token_without_the_secret_in_them(person: Person) -> None:
    page = create(person, type="machine", client_name="Pasted")
    commands = [html.unescape(text) for text in re.findall(r"<pre><code>(.*?)</code></pre>", page.text, re.DOTALL)]
    secret = page.element("client_secret")
    assert [command for command in commands if secret in command] == []
    exported, read, asking = commands[:3]
    assert read == "read -rs CLIENT_SECRET"
    ran = subprocess.run(
        ["bash", "-c", "\n".join([exported, read, asking])],
        env=environment(),
        input=f"{secret}\n",
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    )
    assert '"access_token"' in ran.stdout, ran.stderr
