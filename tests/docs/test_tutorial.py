"""The tutorial works as it is written: one reader follows all pages, from an empty folder, in order.

Every file is written where a page says so, every command is typed, and after each page the folder is the page's step.
The reader of `make test` makes a quick environment, and starts its Python loaded; the one of `make soak` downloads all.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.docs.console_blocks import Fence, Reader, fences, read_console_block
from tests.docs.quick_environment import offer_python
from tests.docs.quick_look import take_quick_look
from tests.support.loaded_flask import offer_loaded
from tests.support.person import Person, RegisteredClient
from tests.support.ports import reserve_port

TUTORIAL = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorial"
STEPS = TUTORIAL / "steps"
PAGES = sorted(TUTORIAL.glob("[0-9]*.md"))
#: The last page has no step of its own: it compares the reader's files with Grantwright's.
LAST_PAGE = PAGES[-1]
PROJECT = "provider"
QUICK_LOOK = """
**In a second terminal:**

```console
$ . .venv/bin/activate
$ export AUTHLIB_INSECURE_TRANSPORT=1
$ rm -f instance/db.sqlite
$ flask initdb
$ flask run
```
"""
INSTRUCTION = re.compile(r"^\*\*(Create|Change)\*\* \[`([^`]+)`\]\(steps/([^/)]+)/([^)]+)\)", re.MULTILINE)
#: The labels of the client form, and the fields behind them.
FIELDS = {
    "Name": "client_name",
    "Home page": "client_uri",
    "Scope": "scope",
    "Redirect URIs": "redirect_uri",
    "Grant types": "grant_type",
    "Response types": "response_type",
    "Client authentication": "token_endpoint_auth_method",
}
CHOICES = re.compile(rf"(?:^- (?:{'|'.join(FIELDS)}): .*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class FileToWrite:
    """What a page says about one file: create or change it, and the listing that belongs to it."""

    verb: str
    path: str
    step: str
    options: dict[str, str]
    is_listed: bool


def read_page(page: Path) -> Iterator[FileToWrite | Fence]:
    """Yield what a page tells the reader to do, in order: files to write, commands to type."""
    text = page.read_text()
    found = list(fences(text))
    listings = {fence.line: fence for fence in found if fence.info.startswith("{literalinclude}")}
    todo: list[tuple[int, FileToWrite | Fence]] = [(f.line, f) for f in found if f.info == "console"]
    for instruction in INSTRUCTION.finditer(text):
        verb, path, step, linked = instruction.groups()
        line = text.count("\n", 0, instruction.start()) + 1
        assert path == linked, f"{page.name}:{line} links {linked} as {path}"
        # The listing follows its instruction, with nothing but the rest of the paragraph between them.
        following = [number for number in listings if number > line]
        others = [text.count("\n", 0, other.start()) + 1 for other in INSTRUCTION.finditer(text)]
        listing = listings.get(min(following, default=0))
        if listing and any(line < other < listing.line for other in others):
            listing = None
        options = {}
        if listing:
            source = listing.info.removeprefix("{literalinclude}").strip()
            assert source == f"steps/{step}/{path}", f"{page.name}:{listing.line} shows {source} for {path}"
            options = dict(re.findall(r"^:(\w+): *(.*)$", listing.body, re.MULTILINE))
            del listings[listing.line]
        todo.append((line, FileToWrite(verb, path, step, options, listing is not None)))
    assert not listings, f"{page.name}: listings that nobody is told to write: {sorted(listings)}"
    yield from (what for _line, what in sorted(todo, key=lambda pair: pair[0]))


@dataclass
class Hands:
    """Does by hand what the pages say in words: logs in, registers the client, opens addresses, copies values."""

    reader: Reader
    text: str
    former: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        #: One list of choices for each client that the page wants, in order.
        self.clients = CHOICES.findall(self.text)

    def value_of(self, name: str) -> str:
        """Return what the reader puts behind `export name=`."""
        if name == "client_id" and self.clients:
            client = self.register(self.clients.pop(0))
            self.former |= {"client_id": client.client_id, "client_secret": client.secret or ""}
        if name in ("client_id", "client_secret"):
            return self.former[name]
        for printed in reversed(self.reader.printed):
            if "/oauth/authorize?" in printed:
                return self.open(printed.strip())[name]
            if found := re.search(rf'"{name}": ?"([^"]+)"', printed):
                return found[1]
        raise AssertionError(f"{self.reader.page}: nothing was printed that has {name} in it")

    def register(self, choices: str) -> RegisteredClient:
        """Fill in the form as it comes, with the ticks that it has, and change what the list says and no more."""
        person = self.logged_in()
        form = read_form(person.get("/create_client").text)
        for label, said in re.findall(r"^- ([^:]+): (.*)$", self.reader.put_ports(choices), re.MULTILINE):
            name, (ticked, _untick, unticked) = FIELDS[label], said.partition("untick ")
            values = re.findall(r"`([^`]+)`", ticked)
            if name in ("grant_type", "response_type"):
                form[name] = [box for box in dict.fromkeys([*form[name], *values]) if f"`{box}`" not in unticked]
            else:
                form[name] = values[0]
        return person.create_client(**form)

    def open(self, address: str) -> dict[str, str]:
        """Open an address that was printed, allow it, and return what stands in the address that it ends at."""
        person = self.logged_in()
        parts = urlsplit(address)
        answer = person.decide(person.get(f"{parts.path}?{parts.query}"))
        location = urlsplit(answer.location)
        return dict(parse_qsl(location.query) + parse_qsl(location.fragment))

    def logged_in(self) -> Person:
        person = Person(self.reader.url())
        answer = person.log_in("ada")
        assert answer.status in (302, 303), answer.text
        return person


def read_form(page: str) -> dict[str, str | list[str]]:
    """Return what a browser would send of the client form, were nothing changed in it."""
    form: dict[str, str | list[str]] = dict.fromkeys(FIELDS.values(), "")
    form |= {"grant_type": [], "response_type": []}
    for tag in re.findall(r"<(?:input|textarea)\b[^>]*>", page):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        boxes = form.get(given.get("name", ""))
        if boxes is None or (given.get("type") in ("checkbox", "radio") and "checked" not in tag):
            continue
        if isinstance(boxes, list):
            boxes.append(given["value"])
        else:
            form[given["name"]] = given.get("value", "")
    return form


@dataclass
class Journey:
    """One reader's way through the pages."""

    root: Path
    run_folder: Path
    client: dict[str, str] = field(default_factory=dict)
    #: The pages that were not followed yet.
    waiting: list[Path] = field(default_factory=lambda: [*PAGES])

    @property
    def project(self) -> Path:
        return self.root / PROJECT

    def reader(self, page: Path) -> Reader:
        folder = self.project if self.project.exists() else self.root
        return Reader(folder, partial(reserve_port, self.run_folder), self.variables(), page=page.name)

    def variables(self) -> dict[str, str]:
        """Return what the reader has in the environment beside the usual."""
        return {}

    def prepare(self) -> None:
        """Get ready for the next commands."""

    def reach(self, page: Path) -> None:
        """Follow every page up to this one that was not followed yet."""
        while page in self.waiting:
            # A page at which the reader is stuck is tried again by nobody: the next ones fail at it too.
            self.follow(self.waiting[0])
            self.waiting.pop(0)

    def follow(self, page: Path) -> None:
        with self.reader(page) as reader:
            hands = Hands(reader, page.read_text(), self.client)
            reader.values = hands.value_of
            for what in read_page(page):
                if isinstance(what, FileToWrite):
                    self.write(page, what)
                elif block := read_console_block(what):
                    self.prepare()
                    reader.run(block)
        if page != LAST_PAGE:
            found = differences(self.project, STEPS / page.stem)
            assert not found, f"{page.name}: the reader's folder is not its step:\n" + "\n".join(found)

    def write(self, page: Path, file: FileToWrite) -> None:
        target, source = self.project / file.path, STEPS / file.step / file.path
        where = f"{page.name}: {file.path}"
        assert file.step == page.stem, f"{where} is taken from another step"
        if file.verb == "Create":
            assert not target.exists(), f"{where} is there already"
            assert file.is_listed or source.read_text() == "", f"{where} is not shown"
            assert "diff" not in file.options, f"{where} is new and shown as a change"
        else:
            former = TUTORIAL / file.options["diff"]
            assert target.read_text() == former.read_text(), f"{where} is not what the page says it is before"
            assert former.read_text() != source.read_text(), f"{where} does not change"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())


@dataclass
class QuickJourney(Journey):
    """The way of a reader who waits for nothing: no download, and Python has the libraries loaded when it starts."""

    _loaded: ExitStack = field(default_factory=ExitStack)
    _installed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        offer_python(self.root / "bin")

    def variables(self) -> dict[str, str]:
        return {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}

    def prepare(self) -> None:
        """Load what is installed as soon as more of it is."""
        environment = self.project / ".venv"
        installed = sorted(path.name for path in environment.glob("lib/*/site-packages/*.dist-info"))
        if installed != self._installed:
            self.end()
            self._loaded.enter_context(
                offer_loaded(
                    environment / "bin",
                    *("flask", "python"),
                    address=self.run_folder / f"tutorial-{os.getpid()}.socket",
                    python=environment / "bin" / "python3",
                    more=("pytest", "requests", "authlib.integrations.sqla_oauth2"),
                )
            )
            self._installed = installed

    def end(self) -> None:
        self._loaded.close()


def differences(folder: Path, step: Path) -> list[str]:
    """Return in what the reader's folder is not the step's, apart from what the step's .gitignore leaves out."""
    ignored = [line.strip("/") for line in (step / ".gitignore").read_text().splitlines()]

    def files(root: Path) -> dict[str, str]:
        found = {}
        for path in root.rglob("*"):
            relative = path.relative_to(root)
            if path.is_file() and not any(fnmatch.fnmatch(part, name) for part in relative.parts for name in ignored):
                found[str(relative)] = path.read_text()
        return found

    own, whole = files(folder), files(step)
    return [
        "".join(difflib.unified_diff(own.get(name, "").splitlines(True), whole.get(name, "").splitlines(True), name))
        or name
        for name in sorted(own.keys() | whole.keys())
        if own.get(name) != whole.get(name)
    ]


def test_every_page_but_the_last_has_a_step_and_the_index_lists_them() -> None:
    names = [page.stem for page in PAGES]

    assert [step.name for step in sorted(STEPS.iterdir())] == names[:-1]
    assert len(names) > 10
    assert re.findall(r"\]\((\d\d-[\w-]+)\.md\)", (TUTORIAL / "index.md").read_text()) == names


def test_the_index_runs_the_finished_thing(tmp_path: Path, run_folder: Path, loaded_flask: Path) -> None:
    (tmp_path / "docs").symlink_to(TUTORIAL.parent)
    path = f"{loaded_flask}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    with Reader(tmp_path, partial(reserve_port, run_folder), {"PATH": path}, page="index.md") as reader:
        reader.follow((TUTORIAL / "index.md").read_text())


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[QuickJourney]:
    """One journey for all pages: each stands on the folder that the page before it left."""
    quick = QuickJourney(tmp_path_factory.mktemp("tutorial"), run_folder)
    yield quick
    quick.end()


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_works(journey: Journey, page: Path) -> None:
    journey.reach(page)


def test_the_end_passes_the_readmes_quick_look(journey: Journey) -> None:
    journey.reach(LAST_PAGE)
    take_quick_look_at_the_end(journey)


@pytest.mark.soak
def test_every_page_works_with_what_is_downloaded(tmp_path: Path, run_folder: Path) -> None:
    journey = Journey(tmp_path, run_folder)
    journey.reach(LAST_PAGE)
    take_quick_look_at_the_end(journey)


def take_quick_look_at_the_end(journey: Journey) -> None:
    with journey.reader(Path("quick look")) as reader:
        reader.follow(QUICK_LOOK)
        take_quick_look(reader.url(), has_callback=False)
