"""Checks for single client fields: each returns the problem with a value, or "" if there is none.

A check also gets the complete metadata, for fields that depend on others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..redirect_uris import is_document_address, is_https_or_loopback, is_web_address

#: Takes the value of a field and the complete metadata.
FieldCheck = Callable[[Any, Mapping[str, Any]], str]
#: Takes the complete metadata, and metadata that was checked before.
IsSettled = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
HTTPS_NEEDED = "Enter a URL that begins with https://."


class UncheckedFieldError(Exception):
    """A field can't be checked at the moment, which says nothing about its value. The message is for its author."""


@dataclass(frozen=True, slots=True)
class FetchingCheck:
    """A check that fetches a document, unless what it would find out was found out before.

    Raises :class:`UncheckedFieldError`.
    """

    check: FieldCheck
    is_settled: IsSettled

    def __call__(self, value: Any, metadata: Mapping[str, Any]) -> str:
        return self.check(value, metadata)


def boolean(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check a JSON boolean."""
    return "" if isinstance(value, bool) else "Write true or false."


def web_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check the URL of a page or picture for people."""
    return "" if isinstance(value, str) and is_web_address(value) else HTTPS_NEEDED


def browser_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check a URL of the client's application that this server or a browser opens: https or loopback."""
    is_right = isinstance(value, str) and is_https_or_loopback(value)
    return "" if is_right else "Enter a URL that begins with https:// and has no fragment."


def document_url(value: Any, _metadata: Mapping[str, Any]) -> str:
    """Check the URL of a document that this server fetches."""
    return "" if is_document_address(value) else HTTPS_NEEDED


def document_urls(most: int) -> FieldCheck:
    """Check a list with a maximum number of URLs of documents that this server fetches."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, list) and len(value) <= most and all(map(is_document_address, value))
        return "" if is_right else f"Enter at most {most} URLs that begin with https://."

    return check


def strings(most: int) -> FieldCheck:
    """Check a list with a maximum number of strings."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, list) and len(value) <= most and all(isinstance(item, str) for item in value)
        return "" if is_right else f"Write a list of at most {most} strings."

    return check


def seconds(most: int) -> FieldCheck:
    """Check an integer number of seconds."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        is_right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        return "" if is_right else "Write a number of seconds."

    return check


def one_of(choices: Collection[str]) -> FieldCheck:
    """Check that a value is one of ``choices``."""

    def check(value: Any, _metadata: Mapping[str, Any]) -> str:
        return "" if value in tuple(choices) else f"Choose one of: {', '.join(choices)}."

    return check
