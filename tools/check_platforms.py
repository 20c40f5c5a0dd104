"""Checks with the package index that every platform in README.md can install the pinned requirements.

Each package needs a wheel, or a source distribution if README.md lists the package for that platform.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIREMENTS = REPOSITORY / "requirements.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MISSING = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class Platform:
    """One row of the table in README.md."""

    name: str
    #: Its names in pip, newest first.
    tags: tuple[str, ...]
    #: The packages without a wheel there, which are built from source.
    built: frozenset[str] = frozenset()


def glibc(machine: str) -> tuple[str, ...]:
    return tuple(f"manylinux_2_{minor}_{machine}" for minor in range(36, 16, -1)) + (f"manylinux2014_{machine}",)


def musl(machine: str) -> tuple[str, ...]:
    return tuple(f"musllinux_1_{minor}_{machine}" for minor in (2, 1))


def macos(machine: str) -> tuple[str, ...]:
    versions = [*(f"{major}_0" for major in range(15, 10, -1)), "10_15", "10_13", "10_12", "10_9"]
    return tuple(f"macosx_{version}_{kind}" for version in versions for kind in (machine, "universal2"))


PLATFORMS = (
    Platform("Linux with glibc, x86-64", glibc("x86_64")),
    Platform("Linux with glibc, 64-bit ARM", glibc("aarch64")),
    Platform("Alpine, x86-64", musl("x86_64")),
    Platform("Alpine, 64-bit ARM", musl("aarch64")),
    Platform("macOS, Apple silicon", macos("arm64")),
    Platform("Windows, x86-64", ("win_amd64",)),
    Platform("macOS, Intel", macos("x86_64"), frozenset({"argon2-cffi-bindings", "cryptography"})),
)


def pinned() -> dict[str, str]:
    """Return the pinned requirements with their hashes, by name."""
    text = REQUIREMENTS.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {re.split(r"[\[=]", line, maxsplit=1)[0].lower(): line for line in lines}


def find_missing(platform: Platform, python: str) -> Iterator[str]:
    """Yield the packages that have no wheel for a platform and a version of Python."""
    wanted = pinned()
    tags = [part for tag in platform.tags for part in ("--platform", tag)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        while True:
            file.write_text("\n".join(wanted.values()))
            asked = subprocess.run(
                [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet",
                 "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "--target", folder,
                 "--python-version", python, "--implementation", "cp", *tags, "-r", str(file)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if not asked.returncode:
                return
            found = MISSING.search(asked.stderr)
            if found is None:
                raise SystemExit(asked.stderr)
            yield found.group(1).lower()
            del wanted[found.group(1).lower()]


def main() -> int:
    status = 0
    for platform in PLATFORMS:
        for python in PYTHONS:
            missing = set(find_missing(platform, python))
            is_as_said = missing <= platform.built
            status |= not is_as_said
            built = f"to be built: {', '.join(sorted(missing))}" if missing else "wheels for all"
            print(f"{'ok ' if is_as_said else 'NOT AS README.md SAYS'} {platform.name}, Python {python}: {built}")
    return status


if __name__ == "__main__":
    sys.exit(main())
