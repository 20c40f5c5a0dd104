"""The shipped systemd units: systemd finds nothing to say against them, and they start what the guide says."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.support.live_server import GRANIAN, REPOSITORY, LiveServer
from website.cli.serve import OPTIONS

UNITS = sorted((REPOSITORY / "deploy" / "systemd").iterdir())
GUIDE = (REPOSITORY / "docs" / "how-to" / "run-in-production.md").read_text()
PROGRAM = re.compile(r"/opt/grantwright/\.venv/bin/(flask|granian)")

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def place(folder: Path) -> list[str]:
    """Copy the units, their programs replaced by one that every machine has; return their names, a node's in full."""
    for unit in UNITS:
        name = unit.name.replace("@.", "@8001.")
        (folder / name).write_text(PROGRAM.sub("/bin/true", unit.read_text()))
    return sorted(str(file) for file in folder.iterdir())


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *place(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs_systemd
def test_a_node_is_exposed_to_little(tmp_path: Path) -> None:
    place(tmp_path)
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", tmp_path / "grantwright@8001.service"],
        capture_output=True,
        text=True,
    )
    assert rated.returncode == 0, rated.stdout


def test_the_units_call_commands_that_exist(application: Flask) -> None:
    called = {name for unit in UNITS for name in re.findall(r"bin/flask ([a-z-]+)", unit.read_text())}
    assert called == {"check-config", "drain", "prune", "backup", "worker"}
    assert called <= set(application.cli.commands)


def test_the_guide_starts_a_node_as_the_unit_does() -> None:
    unit = next(unit for unit in UNITS if "@" in unit.name).read_text()
    [started] = re.findall(r"^ExecStart=/opt/grantwright/(\.venv/bin/granian .*)$", unit, re.MULTILINE)
    assert started.replace("%i", "8001") in GUIDE
    assert started.partition("--blocking-threads")[2] in (REPOSITORY / "README.md").read_text()
    assert " ".join(GRANIAN) in started
    assert OPTIONS == GRANIAN  # of `grantwright serve`


def test_a_node_starts_without_a_word_of_warning(live_server: Callable[..., LiveServer]) -> None:
    assert "WARN" not in live_server("granian").log
