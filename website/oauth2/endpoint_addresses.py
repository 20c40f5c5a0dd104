"""The server's addresses: which there are, their handlers, how requests are parsed, and whose scripts may call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .spec_interfaces import Handler

#: The origins whose scripts may call an endpoint: all, or those registered by clients.
ANY, REGISTERED = "*", "registered"
#: For cacheable public documents, which always have it, so that a cache never serves one without.
OPEN_TO_ANY = ("Access-Control-Allow-Origin", ANY)


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint of this server: its handlers, how its requests are parsed, and who may call it."""

    path: str
    #: Its name for ``url_for``.
    name: str
    methods: tuple[str, ...]
    #: The handler of each method; empty for pages.
    handlers: Mapping[str, Handler]
    allow_multipart: bool = False
    #: Whether its bodies are JSON instead of forms.
    takes_json: bool = False
    #: :data:`ANY`, :data:`REGISTERED`, or empty for no other origin.
    cors: str = ""
    #: Whether it is at the root of the host even if the provider is mounted under a path.
    is_host_wide: bool = False

    @property
    def key(self) -> str:
        """Its path, or the folder of the paths that it stands for."""
        return folder_of(self.path) if self.path.endswith(">") else self.path


def folder_of(path: str) -> str:
    """Return a path up to its last slash, which covers all paths that differ only in the last part."""
    return path[: path.rfind("/") + 1]


class Addresses(dict[str, Address]):
    """Every address of one server: by its path, or by its folder if it ends in ``<name>``.

    Specifications register them with ``registry.add_address`` and ``add_page``.
    """

    def add(self, address: Address) -> None:
        """Keep one more address."""
        self[address.key] = address

    def find(self, path: str) -> Address | None:
        """Return the address that a path belongs to, or ``None``."""
        return self.get(path) or self.get(folder_of(path))
