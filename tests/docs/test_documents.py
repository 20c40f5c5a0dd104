"""The documents tell the truth: what they name exists, what the code has is described, the README's commands work."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.quick_look import README, code_blocks, take_quick_look
from tests.support.live_server import SETTINGS, LiveServer
from tests.support.person import Person
from website.configuration import read_settings
from website.configuration.value_files import list_file_variables
from website.oauth2.specs import SPECS, spec_name
from website.settings import MEANING, by_name

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DECISIONS = REPOSITORY / "docs" / "explanation" / "decisions"
REFERENCE = REPOSITORY / "docs" / "reference"
PLACES = ("*.md", "docs/**/*.md", "examples/**/*.md")
DOCUMENTS = sorted(path for place in PLACES for path in REPOSITORY.glob(place))
EXPLANATION = [document for document in DOCUMENTS if "explanation" in document.parts]


def without_code(text: str) -> str:
    """Return a document without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that a document's headings get."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> Iterator[tuple[str, str]]:
    """Yield path and anchor of every link to a file of this repository, images included."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if "://" not in target:
            path, _hash, anchor = target.partition("#")
            yield path, anchor


# What every document must keep


def find_in_all(find: Callable[[Path], Iterable[str]], documents: Sequence[Path] = DOCUMENTS) -> list[str]:
    """Return what is found in each document, with the document's path before it."""
    assert documents
    return [f"{document.relative_to(REPOSITORY)}: {found}" for document in documents for found in find(document)]


def test_links_lead_somewhere() -> None:
    def broken(document: Path) -> Iterator[str]:
        for path, anchor in links(document.read_text()):
            target = (document.parent / path).resolve() if path else document
            if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
                yield f"{path}#{anchor}"

    assert find_in_all(broken) == []


def test_lines_wrap() -> None:
    def too_long(document: Path) -> list[str]:
        # Neither a row of a table, nor a link to an image, nor a name that is long by itself can be wrapped.
        prose = [
            line
            for line in without_code(document.read_text()).splitlines()
            if not line.lstrip().startswith(("|", "!["))
        ]
        return [line for line in prose if len(line) > 120 and " " in line.strip()]

    assert find_in_all(too_long) == []


def test_no_path_of_a_machine_is_named() -> None:
    assert find_in_all(lambda document: re.findall(r"/(?:work|tmp|root|home)/", document.read_text())) == []


def test_settings_that_are_named_exist() -> None:
    def unknown(document: Path) -> set[str]:
        named = set(re.findall(r"\b(?:OAUTH2|SQLALCHEMY|AUTHLIB)_[A-Z_]*[A-Z]\b", document.read_text()))
        # Flask-SQLAlchemy's own, which goes through.
        return named - {*by_name(), *list_file_variables(by_name()), "SQLALCHEMY_ENGINE_OPTIONS"}

    # Applications have settings of their own, some with the same prefix.
    documents = [document for document in DOCUMENTS if "applications" not in document.parts]
    assert find_in_all(unknown, documents) == []


def test_commands_that_are_named_exist(application: Flask) -> None:
    of_flask, commands = {"run", "routes", "shell", "db"}, application.cli.commands

    def unknown(document: Path) -> Iterator[str]:
        # Embedded, the commands are a group of the host's.
        text = document.read_text().replace("flask grantwright ", "flask ")
        for command, subcommand in re.findall(r"(?:`|^|\n)flask ([a-z-]+)(?: ([a-z][a-z-]*))?", text):
            if command in of_flask:
                continue
            if command not in commands or (subcommand and subcommand not in getattr(commands[command], "commands", {})):
                yield f"flask {command} {subcommand}"

    assert find_in_all(unknown) == []


def test_make_targets_that_are_named_exist() -> None:
    def unknown(document: Path) -> set[str]:
        named = re.findall(r"(?:`|^|\n)make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", document.read_text())
        return set(named) - make_targets()

    assert find_in_all(unknown) == []


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)) - {"help"}


def test_contributing_describes_every_make_target() -> None:
    described = set(re.findall(r"^\| `make ([a-z-]+)`", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE))

    assert described == make_targets()


# The reference


def test_reference_is_what_the_code_says() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    checked = subprocess.run(
        [sys.executable, REPOSITORY / "tools" / "write_reference.py", "--check"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, item in by_name().items() if not item.metadata[MEANING]] == []


def test_every_specification_has_a_section_and_no_other_has() -> None:
    text = (REFERENCE / "specifications.md").read_text()
    sections = re.findall(r"^## ((?:draft|groups|rfc|oidc)\w*)\n\nStatus: ", text, re.MULTILINE)

    assert sections == [spec_name(module) for module in SPECS]


def test_reserved_paths_answer_404(client: FlaskClient) -> None:
    section = (REFERENCE / "addresses.md").read_text().partition("## Reserved paths")[2].partition("\n## ")[0]
    names = re.findall(r"`(/[^`]+)`", section)

    assert names
    assert [name for name in names if client.get(name).status_code != 404] == []


def test_form_fields_that_are_named_are_in_the_forms(client: FlaskClient) -> None:
    person = Person(client)
    login = person.get("/").text
    person.log_in()
    pages = {"/": login, "/create_client": person.get("/create_client").text}
    registered = person.create_client()
    pages["/oauth/authorize"] = person.ask(registered, code_challenge="A" * 43, code_challenge_method="S256").text
    rows = re.findall(r"^\| `(/[\w/]*)` \| (`.*) \|$", (REFERENCE / "addresses.md").read_text(), re.MULTILINE)
    fields = {path: re.findall(r"`([a-z_]+)`", text) for path, text in rows if path in pages and "[" not in text}
    # The demo asks for no password, and "yes" is a value.
    fields["/"].remove("password")
    fields["/oauth/authorize"].remove("yes")

    assert set(fields) == set(pages)
    for path, names in fields.items():
        assert [name for name in names if f'name="{name}"' not in pages[path]] == [], path


# The decisions and the changelog


def test_decisions_are_numbered_and_listed() -> None:
    records = sorted(DECISIONS.glob("0*.md"))
    listed = re.findall(r"^- \[(\d{4}: .+)\]\((.+)\)$", (DECISIONS / "README.md").read_text(), re.MULTILINE)

    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    assert [(record.read_text().partition("\n")[0].removeprefix("# "), record.name) for record in records] == listed
    for record in records:
        assert re.findall(r"^(?:## .+|Status: \w+)", record.read_text(), re.MULTILINE) == [
            "Status: accepted",
            "## Context",
            "## Decision",
            "## Consequences",
        ]


def test_changelog_names_the_version_of_the_distribution() -> None:
    version = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)

    assert version
    assert version.group(1) in (REPOSITORY / "CHANGELOG.md").read_text()


# The README


def test_readme_names_that_stayed_the_walk_throughs_can_be_imported() -> None:
    imports = re.findall(r"`(from website[^`]+)`", README)

    assert imports == ["from website.models import db, User"]
    exec("from website.models import db, User\nfrom website.oauth2 import authorization, config_oauth, require_oauth")


def test_readme_production_file_is_complete() -> None:
    block = next(block for block in code_blocks(README, "python") if "production.py" in block)
    names: dict[str, str | int] = {}
    # A random value stands where the reader puts one.
    exec(re.sub(r'"\.\.\."', lambda _dots: repr(secrets.token_urlsafe(32)), block), names)
    config = {name: value for name, value in names.items() if name.isupper()}

    assert not read_settings(config, {"WEBSITE_CONF": "production.py"}).demo


def test_readme_commands_work_as_they_stand(live_server: Callable[..., LiveServer]) -> None:
    take_quick_look(live_server("flask").url)


def test_every_test_that_an_explanation_names_exists() -> None:
    def missing(document: Path) -> Iterator[str]:
        for path, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", document.read_text()):
            file = REPOSITORY / path
            if not file.exists() or f"def {name}(" not in file.read_text():
                yield f"{path}::{name}"

    assert find_in_all(missing, EXPLANATION) == []


def test_the_security_pages_name_tests() -> None:
    pages = [(REPOSITORY / "docs" / "explanation" / name).read_text() for name in ("security.md", "threat-model.md")]
    promises = re.findall(r"^\| ([A-Z]\d+[^|]*) \|", pages[0], re.MULTILINE)
    threats = re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", pages[1], re.MULTILINE | re.DOTALL)

    assert min(page.count("::test_") for page in pages) > 80
    assert len(promises) > 50
    assert len(threats) > 25
    for threat, text in threats:
        assert re.findall(r"^- \*\*(\w+)", text, re.MULTILINE) == [
            "Gain",
            "Protection",
            "Code",
            "Tests",
            "Remaining",
        ], threat
        assert "::test_" in text, threat
        for path in re.findall(r"`((?:website|deploy)/[\w/.]+)`", text):
            assert (REPOSITORY / path).exists(), path


def test_functions_on_the_way_of_a_request_are_where_it_says() -> None:
    page = REPOSITORY / "docs" / "explanation" / "a-request.md"
    named = re.findall(r"^\| \[[\w.]+\]\((\S+)\) \| `(?:(\w+)\.)?(\w+)` \|", page.read_text(), re.MULTILINE)

    assert len(named) > 45
    for path, owner, function in named:
        lines = (page.parent / path).read_text().splitlines()
        place = next((i for i, line in enumerate(lines) if re.match(rf"\s*def {function}\(", line)), None)
        assert place is not None, f"{path}: {function}"
        if owner:
            classes = [found[1] for line in lines[:place] if (found := re.match(r"class (\w+)", line))]
            assert classes[-1:] == [owner], f"{path}: {owner}.{function}"
