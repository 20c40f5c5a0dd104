"""Every example is complete: a page of its own, a row in the table, a test; small, and without a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.live_server import REPOSITORY

EXAMPLES = sorted(path.parent for path in REPOSITORY.glob("examples/*/README.md"))
OVERVIEW = (REPOSITORY / "examples" / "README.md").read_text()
each_example = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
#: The embedding one is a whole application.
MAX_LINES = 190


def files_of(folder: Path) -> list[Path]:
    """Return an example's own files, without what its page's commands make."""
    made = {".venv", "instance", "__pycache__"}
    found = [path for path in folder.rglob("*") if made.isdisjoint(path.relative_to(folder).parts)]
    return [path for path in found if path.is_file()]


def test_table_lists_every_example_once() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)/README\.md\) \|", OVERVIEW, re.MULTILINE)

    assert sorted(name for name, _folder in listed) == [example.name for example in EXAMPLES]
    assert all(name == folder for name, folder in listed)


def test_each_takes_a_port_of_its_own() -> None:
    ports = re.findall(r"\| port (\d{4}) \|$", OVERVIEW, re.MULTILINE)

    assert len(ports) == len(set(ports)) > 0
    assert "5000" not in ports


@each_example
def test_each_has_a_test(folder: Path) -> None:
    assert (REPOSITORY / "tests" / "examples" / f"test_{folder.name}.py").exists()


@each_example
def test_each_program_is_small_and_says_what_it_is(folder: Path) -> None:
    programs = [path for path in files_of(folder) if path.suffix in (".py", ".js") and path.name != "__init__.py"]
    assert programs
    for program in programs:
        lines = program.read_text().splitlines()
        assert len(lines) <= MAX_LINES, program
        assert lines[0].startswith(('"""', "// ")), program


@each_example
def test_no_file_holds_a_secret(folder: Path) -> None:
    texts = [path.read_text() for path in files_of(folder) if path.suffix != ".png"]

    assert [text for text in texts if re.search(r"gw(?:at|rt|ac|cs)_\w{20,}", text)] == []
