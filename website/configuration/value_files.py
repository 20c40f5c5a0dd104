"""Values from files: the environment variable ``NAME_FILE`` names a file with the value of the setting ``NAME``.

Container platforms hand over secrets as files, which neither ``docker inspect`` nor a child process shows.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
#: More than any setting needs.
MAX_BYTES = 64 * 1024


def list_file_variables(names: Iterable[str]) -> dict[str, str]:
    """Return the setting by its ``NAME_FILE``. A setting that has such a name itself stays one: OAUTH2_DRAIN_FILE."""
    known = frozenset(names)
    return {name + SUFFIX: name for name in known if name + SUFFIX not in known}


def read_value_files(environ: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the text for each setting whose ``NAME_FILE`` is in the environment, and the problems found.

    ``names`` are the settings' names. Line breaks at the end of a file aren't part of its value. The problems name
    the variable and the file, but nothing in it.
    """
    texts, problems = {}, []
    for variable, name in sorted(list_file_variables(names).items()):
        if variable not in environ:
            continue
        if name in environ:
            problems.append(f"{variable}: {name} is set too; set only one of them.")
            continue
        try:
            texts[name] = _read(environ[variable])
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    return texts, problems


def _read(path: str) -> str:
    """Return a file's text without its last line breaks. Raises ``ValueError`` with what is wrong with it."""
    if not path:
        raise ValueError("write the path of a file.")
    file = Path(path).absolute()
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would keep the start waiting
            raise ValueError(f"{file} isn't a regular file.")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8.") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{file} is longer than {MAX_BYTES} bytes.")
    if not text:
        raise ValueError(f"{file} is empty.")
    return text
