"""Fixtures for the examples: a running provider, and an example started as its page says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.docs.console_blocks import Reader, console_blocks
from tests.support import canary
from tests.support.live_server import REPOSITORY, START_SECONDS, LiveServer, server_environment, start_server
from tests.support.person import Answer, Person
from tests.support.ports import reserve_port
from tests.support.prepared_databases import set_up_database
from tests.support.waiting import ANSWER_SECONDS

SCOPES = re.compile(r"^\$ export OAUTH2_SCOPES='(\{.*?\})'", re.MULTILINE | re.DOTALL)
FACT = re.compile(r"^(client_id|client_secret) +(\S+)$", re.MULTILINE)


@dataclass
class Example:
    """One example, started by the commands of its page, beside the provider that it works with."""

    name: str
    folder: Path
    provider: LiveServer
    reader: Reader
    #: What each `flask clients create` of the page printed.
    registered: list[dict[str, str]] = field(default_factory=list)

    def url(self, named_port: int) -> str:
        """Return the example's address, for the port that its page names."""
        return self.reader.url(named_port)

    def fill_in(self, text: str) -> str:
        """Put the real ports in for those that the pages name."""
        return re.sub(r"(?<=127\.0\.0\.1:)5\d{3}\b", lambda named: str(self.reader.port(int(named[0]))), text)

    def follow_page(self) -> None:
        """Type what the page shows. Servers in other terminals go on."""
        text = (self.folder / "examples" / self.name / "README.md").read_text()
        for block in console_blocks(text):
            self.reader.run(block)
            found = dict(FACT.findall(self.reader._terminals[block.terminal].printed))
            self.registered += [found] if found else []

    def value_of(self, name: str) -> str:
        """Return what the reader puts where the page leaves a value open: what it printed just before."""
        return self.registered[-1][name.lower()]

    @contextmanager
    def serving(self, command: list[str], variables: Mapping[str, str]) -> Iterator[str]:
        """Run a server beside those of the page, its port added to the command; yield its address."""
        port = self.reader.free_port()
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"} | dict(variables)
        with subprocess.Popen(
            [sys.executable, "-m", *command, str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                deadline = time.monotonic() + START_SECONDS
                while not answers(port):
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()

    @contextmanager
    def provider_down(self) -> Iterator[None]:
        """End the provider, and start it again at the same address afterwards."""
        former = self.provider
        former.end()
        try:
            yield
        finally:
            self.provider = start_server(
                former.kind, port=former.port, environment=former.environment, log_path=former.log_path
            )

    def log_in(self, username: str) -> Person:
        """Return a person who is logged in at the provider."""
        person = Person(self.provider.url)
        person.log_in(username)
        return person

    @staticmethod
    def allow(person: Person, address: str) -> Answer:
        """Have a person say yes at an address of the authorization endpoint; return the redirect to the client."""
        page = person.get(address)
        return person.decide(page) if page.status == 200 else page

    def sign_out_everywhere(self, person: Person) -> None:
        """Have a person end every token there is."""
        path = "/account/sessions/sign_out_everywhere"
        answer = person.post(path, person.get(path).hidden_fields())
        assert answer.status == 303, answer.text


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS):
        return True
    return False


@pytest.fixture(scope="module")
def start_example(
    run_folder: Path, loaded_flask: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Example]]:
    """A factory: `start_example("spa")` starts a provider, and then the example, as its page says.

    `settings` are the provider's, over the demo on SQLite; `variables` are the environment of the example.
    """
    with ExitStack() as cleanup:

        def start(name: str, settings: Mapping[str, str] | None = None, **variables: str) -> Example:
            folder = tmp_path_factory.mktemp(name)
            lay_out(folder)
            own = provider_settings(folder, name) | dict(settings or {})
            environment = server_environment(own)
            set_up_database(environment)
            path = (str(loaded_flask), str(Path(sys.executable).parent), os.environ["PATH"])
            modules = os.pathsep.join((str(folder), str(REPOSITORY)))
            typed = own | {"PATH": os.pathsep.join(path), "PYTHONPATH": modules}
            reader = Reader(folder, partial(reserve_port, run_folder), typed, page=f"examples/{name}/README.md")
            cleanup.enter_context(reader)
            log = folder / "instance" / "provider.log"
            provider = start_server("flask", port=reader.port(), environment=environment, log_path=log)
            example = Example(name, folder, provider, reader)
            cleanup.callback(lambda: example.provider.end())
            reader.values = example.value_of
            typed.update({"ISSUER": provider.url, **{key: example.fill_in(value) for key, value in variables.items()}})
            for file in (folder / "examples" / name).glob("*.html"):
                # A file that names the provider's port in a policy: here the provider is at another one.
                file.write_text(example.fill_in(file.read_text()))
            example.follow_page()
            return example

        yield start


def lay_out(folder: Path) -> None:
    """Make the repository's folder as a reader has it, with examples that a test may write into."""
    for name in ("app.py", "website"):
        (folder / name).symlink_to(REPOSITORY / name)
    # As after `pip install .`.
    (folder / "grantwright").symlink_to(REPOSITORY / "website")
    shutil.copytree(REPOSITORY / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "instance").mkdir()


def provider_settings(folder: Path, name: str) -> dict[str, str]:
    """Return the provider's settings: a database of its own, and the scopes that the example's page sets."""
    instance = folder / "instance"
    settings = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{instance}/db.sqlite", "OAUTH2_INSTANCE_PATH": str(instance)}
    scopes = SCOPES.search((folder / "examples" / name / "README.md").read_text())
    return settings | ({"OAUTH2_SCOPES": scopes[1].replace("\n> ", " ")} if scopes else {})


@pytest.fixture(autouse=True)
def watch_provider(request: pytest.FixtureRequest) -> None:
    """Have the provider's database and log searched for secrets at the end of each test."""
    if "example" not in request.fixturenames:
        return
    example: Example = request.getfixturevalue("example")
    environment = example.provider.environment
    canary.watch(
        environment["SQLALCHEMY_DATABASE_URI"],
        example.folder / "instance",
        log=example.provider.log_path,
        settings=environment,
    )
