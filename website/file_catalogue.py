"""A folder of TOML files as a mapping: the entry of each file by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class FileCatalogue(Mapping[str, Entry], Generic[Entry]):
    """The files of a folder by name, each read on first use."""

    def __init__(self, folder: Path, read: Callable[[Path], Entry]) -> None:
        self._files = {file.stem: file for file in sorted(folder.glob("*.toml"))}
        self._read_file = read
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            self._entries[name] = self._read_file(self._files[name])
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
