"""Checks of one field of a client: each says what is wrong with its value, or "" where nothing is.

A check is given the whole of the metadata too, for a field that has to go with another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..redirect_uris import is_document_address, is_https_or_loopback, is_web_address

#: Takes the value of a field, and the whole metadata that it is part of.
FieldCheck = Callable[[Any, Mapping[str, Any]], str]
HTTPS_NEEDED = "Write an address that begins with https://."


def boolean(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check a ``true`` or ``false`` of JSON."""
    return "" if isinstance(value, bool) else "Write true or false."


def web_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check the URL of a page or picture that people see."""
    return "" if isinstance(value, str) and is_web_address(value) else HTTPS_NEEDED


def browser_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check a URL of the client's own application, which this server or a browser is to call: https, or loopback."""
    is_right = isinstance(value, str) and is_https_or_loopback(value)
    return "" if is_right else "Write an address that begins with https://, without a fragment."


def document_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check the URL of a document that this server is to fetch."""
    return "" if is_document_address(value) else HTTPS_NEEDED


def document_urls(most: int) -> FieldCheck:
    """Check a list of at most so many URLs of documents that this server is to fetch."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, list) and len(value) <= most and all(map(is_document_address, value))
        return "" if is_right else f"Write at most {most} addresses that begin with https://."

    return check


def strings(most: int) -> FieldCheck:
    """Check a list of at most so many strings."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, list) and len(value) <= most and all(isinstance(item, str) for item in value)
        return "" if is_right else f"Write a list of at most {most} strings."

    return check


def seconds(most: int) -> FieldCheck:
    """Check a whole number of seconds."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        return "" if is_right else "Write a number of seconds."

    return check


def one_of(choices: Collection[str]) -> FieldCheck:
    """Check a value that is one of ``choices``."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        return "" if value in tuple(choices) else f"Choose one of: {', '.join(choices)}."

    return check
