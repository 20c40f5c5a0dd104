"""The known applications: the exact redirect URIs, scopes and authentication of each, and its configuration to paste.

``known_applications/`` has one file per application, named as in ``flask clients create --type``: the single source of
the page, the command and the guides.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..file_catalogue import FileCatalogue
from ..redirect_uris import is_web_address
from ..translatable import N_

FOLDER = Path(__file__).parent
#: What a file's texts leave open, written as [[base]].
_OPEN = re.compile(r"\[\[([a-z_]+)\]\]")
#: A path that needs no quoting in any configuration language.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~-]+)*\Z")


class InvalidBaseError(ValueError):
    """A base URL that no application can have. The message says what to write."""


@dataclass(frozen=True, slots=True)
class Block:
    """A text to paste into the application: a file or a command, and the text."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class KnownApplication:
    """What to register for an application, and how to configure it."""

    name: str
    title: str
    words: str
    #: The product and version whose documentation this was taken from, and its URL.
    documented: str
    documentation: str
    #: The product and version that it was tried with; empty if it wasn't.
    tried: str
    #: A base URL as an example; empty if the redirect URIs are the same everywhere.
    example: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scope: str
    grant_types: tuple[str, ...]
    auth_method: str
    #: The operator's decisions that differ from the usual ones, by the names that forms have for them and their values.
    #: ``pkce`` is ``off`` for an application that sends neither a challenge nor a nonce.
    decisions: Mapping[str, str]
    notes: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Its texts for people, each with its own translation."""
        return self.title, self.words, *self.notes, *(block.where for block in self.blocks)

    @property
    def has_base(self) -> bool:
        return bool(self.example)

    def redirect_uris_at(self, base: str) -> list[str]:
        """Return the redirect URIs of an installation. Raises :class:`InvalidBaseError`."""
        return self._fill_in(self.redirect_uris, base)

    def post_logout_redirect_uris_at(self, base: str) -> list[str]:
        return self._fill_in(self.post_logout_redirect_uris, base)

    def blocks_for(self, values: Mapping[str, str]) -> list[Block]:
        """Return the configuration with the values of an installation, a client and this server in it.

        A line with a value that is empty falls away, such as that of an endpoint that is switched off.
        """
        return [Block(block.where, "\n".join(_fill_in_lines(block.text, values))) for block in self.blocks]

    def _fill_in(self, uris: tuple[str, ...], base: str) -> list[str]:
        trimmed = read_base(base) if self.has_base else ""
        return [uri.replace("[[base]]", trimmed) for uri in uris]


def _fill_in_lines(text: str, values: Mapping[str, str]) -> Iterator[str]:
    for line in text.splitlines():
        if all(values[name] for name in _OPEN.findall(line)):
            yield _OPEN.sub(lambda found: values[found[1]], line)


def read_base(text: str) -> str:
    """Return a base URL without its final slashes. Raises :class:`InvalidBaseError`."""
    base = text.strip().rstrip("/")
    if not is_web_address(base) or not _PLAIN_URL.match(base):
        raise InvalidBaseError("Enter the URL where people open it, such as https://app.example.org.")
    return base


def read_application(file: Path) -> KnownApplication:
    """Read one file of the catalogue. Raises ``TypeError`` for a key that is missing or unknown."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    blocks = tuple(Block(N_(block["where"]), block["text"].strip("\n")) for block in content.pop("blocks"))
    notes = tuple(N_(" ".join(note.split())) for note in content.pop("notes"))
    content.update({name: N_(content[name]) for name in ("title", "words")})
    lists = ("redirect_uris", "post_logout_redirect_uris", "grant_types")
    fields: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in content.items()}
    return KnownApplication(name=file.stem, notes=notes, blocks=blocks, **fields)


#: Every known application, by name.
KNOWN_APPLICATIONS: Mapping[str, KnownApplication] = FileCatalogue(FOLDER, read_application)
