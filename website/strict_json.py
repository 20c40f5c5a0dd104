"""A strict parser for JSON from remote parties: unambiguous, and storable in any database.

Python's own parser keeps the last of two members with the same name, and accepts NaN and lone surrogates.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

MAX_DEPTH = 20


class MalformedJSONError(ValueError):
    """The text is not a JSON object, or two parsers could interpret it differently."""


def read_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises :class:`MalformedJSONError` with a message for the author of the text."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except MalformedJSONError:
        raise
    except (ValueError, RecursionError):
        raise MalformedJSONError("This is not valid UTF-8 JSON.") from None
    if not isinstance(value, dict):
        raise MalformedJSONError("This is not a JSON object.")
    _check(value, 0)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject duplicate names (:rfc:`8259#section-4`): a check could see one value, and later code use the other."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise MalformedJSONError("The JSON has a duplicate name.")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJSONError("NaN and Infinity are not valid JSON.")


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedJSONError("The JSON is nested too deeply.")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJSONError("The JSON contains an invalid character: U+0000 or a lone surrogate.")
    elif isinstance(value, dict):
        for name, member in value.items():
            _check(name, depth)
            _check(member, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise MalformedJSONError("The JSON has a number that is too large.")
