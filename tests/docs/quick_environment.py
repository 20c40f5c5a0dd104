"""Virtual environments as the tutorial has them made, in a moment: nothing is downloaded, unpacked or compiled.

`python3 -m venv` makes one without pip, and its `pip install -r` links the distributions that are installed beside the
tests, those named and what they require, in the versions that are asked for. So a file of requirements that lacks
something fails as it would with pip. `make soak` follows the tutorial with both commands as they are.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

#: In the place of `python3`, for whoever has no environment yet.
PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] && exec {python} {program} venv "$3"
exec {base} "$@"
"""
PIP = """#!/bin/sh
exec {python} {program} pip {environment} "$@"
"""
SCRIPT = """#!{environment}/bin/python3
import sys
from {module} import {name}
sys.exit({name}())
"""


def offer_python(folder: Path) -> None:
    """Put a `python3` into a folder, for the beginning of a PATH, whose environments are made here."""
    folder.mkdir()
    # Not the executable of the tests' own environment: what is made with that one would be installed there.
    base = Path(sysconfig.get_config_var("BINDIR")) / "python3"
    _write_program(folder / "python3", PYTHON.format(python=sys.executable, program=__file__, base=base))


def make_environment(folder: Path) -> None:
    """Do what `python3 -m venv` does, with a `pip` of this module."""
    venv.create(folder, symlinks=True)
    pip = PIP.format(python=sys.executable, program=__file__, environment=folder.resolve())
    _write_program(folder / "bin" / "pip", pip)


def install(environment: Path, requirements: Path) -> list[str]:
    """Link what a file of requirements names into an environment; return what was not there before."""
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    added = []
    waiting = list(read_requirements(requirements))
    for requirement in waiting:
        found = distribution(requirement.name)
        if not requirement.specifier.contains(found.version):
            raise SystemExit(f"{requirement} is asked for, and {found.version} is installed beside the tests")
        extras = requirement.extras or {""}
        needed = map(Requirement, found.requires or ())
        waiting += [
            one
            for one in needed
            if one not in waiting and (not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras))
        ]
        if _link(found, packages):
            added.append(f"{found.name}-{found.version}")
            for entry in found.entry_points.select(group="console_scripts"):
                script = SCRIPT.format(environment=environment, module=entry.module, name=entry.attr)
                _write_program(environment / "bin" / entry.name, script)
    return sorted(added)


def read_requirements(file: Path) -> Iterator[Requirement]:
    """Yield the requirements of a file, and of the files that it names."""
    for line in filter(None, map(str.strip, file.read_text().splitlines())):
        if line.startswith("-r "):
            yield from read_requirements(file.parent / line.removeprefix("-r "))
        else:
            yield Requirement(line)


def _link(found: Distribution, packages: Path) -> bool:
    """Link the files of a distribution; return whether they were not there before."""
    names = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
    new = [name for name in names if not (packages / name).exists()]
    for name in new:
        (packages / name).symlink_to(Path(str(found.locate_file(name))))
    return bool(new)


def _write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["venv", folder]:
            make_environment(Path(folder))
        case ["pip", environment, "install", "-r", requirements]:
            if added := install(Path(environment), Path(requirements)):
                print("Successfully installed", *added)
        case unknown:
            raise SystemExit(f"the tutorial's pip is not told such things: {unknown}")
