"""Addresses of this server: what answers each, how its request is read, and which origins may call it by script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .protocols import Handler

#: Which pages of other origins may call an address by script: all, or those of the origins that clients registered.
ANY, REGISTERED = "*", "registered"
#: Of public documents, which caches may keep: they say it to everybody, lest a cache hand on one without.
OPEN_TO_ANY = ("Access-Control-Allow-Origin", ANY)


@dataclass(frozen=True, slots=True)
class Address:
    """An address of this server: what answers it, how its request is read, and who may call it."""

    path: str
    #: Its name for ``url_for``.
    name: str
    methods: tuple[str, ...]
    #: What answers each method; empty where a page does.
    handlers: Mapping[str, Handler]
    allow_multipart: bool = False
    #: Whether its bodies are JSON instead of forms.
    takes_json: bool = False
    #: :data:`ANY`, :data:`REGISTERED`, or nothing for no other origin.
    cors: str = ""
    #: Whether it is at the root of the host where the provider is one application's part.
    is_host_wide: bool = False


def folder_of(path: str) -> str:
    """Return a path up to its last slash, which covers all paths that differ only in the last part."""
    return path[: path.rfind("/") + 1]
