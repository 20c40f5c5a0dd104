"""Kinds of clients by name, each with the usual grant types and authentication method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .client import EITHER_WAY
from .metadata import DEVICE_CODE


class ClientKind(NamedTuple):
    """What a kind of client usually registers."""

    #: What it is, for people who choose.
    words: str
    grant_types: tuple[str, ...]
    auth_method: str


KINDS: Mapping[str, ClientKind] = {
    "web": ClientKind("a web app with a backend", ("authorization_code", "refresh_token"), EITHER_WAY),
    "spa": ClientKind("an app that runs in the browser", ("authorization_code", "refresh_token"), "none"),
    "native": ClientKind("an app on a phone or computer", ("authorization_code", "refresh_token"), "none"),
    "machine": ClientKind("a program without users", ("client_credentials",), EITHER_WAY),
    "device": ClientKind("a TV or another device without a browser", (DEVICE_CODE, "refresh_token"), "none"),
}
