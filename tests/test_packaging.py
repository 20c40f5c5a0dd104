"""Owns the facts about what the distribution holds."""

from __future__ import annotations

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
