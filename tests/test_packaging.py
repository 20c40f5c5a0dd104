"""Owns the facts about what the distribution holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_wheel_names_every_package_of_the_folder_website() -> None:
    folders = {path.parent.relative_to(REPOSITORY) for path in REPOSITORY.glob("website/**/*.py")}
    packages = {".".join(folder.parts).replace("website", "grantwright", 1) for folder in folders}

    assert packages <= set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_requirements_name_no_index_and_no_folder() -> None:
    for name in ("requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt"):
        lines = (REPOSITORY / name).read_text().splitlines()

        assert [line for line in lines if "://" in line or line.startswith(("-i", "-f", "--"))] == []


def test_every_requirement_is_pinned_with_its_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (REPOSITORY / name).read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

        assert len(lines) > 10
        assert [line for line in lines if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []
