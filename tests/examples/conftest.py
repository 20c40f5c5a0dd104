"""Owns what the tests of the examples share: a running provider, and an example started as its page says."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import canary
from tests.docs.console_blocks import Reader, console_blocks
from tests.live_server import REPOSITORY, LiveServer, run_flask, server_environment, start_server
from tests.person import Answer, Person
from tests.ports import reserve_port

SCOPES = re.compile(r"^\$ export OAUTH2_SCOPES='(\{.*?\})'", re.MULTILINE | re.DOTALL)
FACT = re.compile(r"^(client_id|client_secret) +(\S+)$", re.MULTILINE)


@dataclass
class Example:
    """One example, started by the commands of its page, beside the provider that it works with."""

    name: str
    folder: Path
    provider: LiveServer
    reader: Reader
    #: What the last `flask clients create` of the page printed.
    registered: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def url(self, named_port: int) -> str:
        """Return the example's address, for the port that its page names."""
        return self.reader.url(named_port)

    def follow_page(self) -> None:
        """Type what the page shows. Servers in other terminals go on."""
        text = (self.folder / "examples" / self.name / "README.md").read_text()
        for block in console_blocks(text):
            self.reader.run(block)
            printed = self.reader._terminals[block.terminal].printed
            self.registered.update(FACT.findall(printed))

    def value_of(self, name: str) -> str:
        return self.registered[name.lower()]

    def log_in(self, username: str) -> Person:
        """Return a person who is logged in at the provider."""
        person = Person(self.provider.url)
        person.log_in(username)
        return person

    def sign_out_everywhere(self, person: Person) -> None:
        """Have a person end every token there is."""
        path = "/account/sessions/sign_out_everywhere"
        answer = person.post(path, person.get(path).hidden_fields())
        assert answer.status == 303, answer.text


@pytest.fixture(scope="module")
def start_example(
    run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Example]]:
    """A factory: `start_example("spa")` starts a provider, and then the example, as its page says.

    `settings` are the provider's, over the demo on SQLite; `variables` are the environment of the example.
    """
    started: list[Example] = []

    def start(name: str, settings: dict[str, str] | None = None, **variables: str) -> Example:
        folder = tmp_path_factory.mktemp(name)
        lay_out(folder)
        instance = folder / "instance"
        instance.mkdir()
        own = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{instance}/db.sqlite", "OAUTH2_INSTANCE_PATH": str(instance)}
        page = (folder / "examples" / name / "README.md").read_text()
        if scopes := SCOPES.search(page):
            own["OAUTH2_SCOPES"] = scopes[1].replace("\n> ", " ")
        environment = server_environment(own | (settings or {}))
        run_flask("initdb", environment=environment)

        typed: dict[str, str] = {}
        reader = Reader(folder, partial(reserve_port, run_folder), typed, page=f"examples/{name}/README.md")
        provider = start_server(
            "flask", port=reader.port(), environment=environment, log_path=instance / "provider.log"
        )
        example = Example(name, folder, provider, reader)
        started.append(example)
        reader.values = example.value_of
        tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        typed.update(own | {"PATH": tools, "ISSUER": provider.url} | variables)
        typed.update({"AUTHLIB_INSECURE_TRANSPORT": "1"} if name == "" else {})
        example.environment.update(typed)
        return example

    yield start
    for example in started:
        example.reader.__exit__(None, None, None)
        example.provider.end()
