"""Tests how JSON of a remote party is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from website.strict_json import MalformedJSONError, read_object

_text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "duplicate"),
        ('{"a": {"b": 1, "b": 1}}', "duplicate"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("", "not valid UTF-8 JSON"),
        ('{"a": 1} x', "not valid UTF-8 JSON"),
        ("{'a': 1}", "not valid UTF-8 JSON"),
        (b'{"a": "\xff"}', "not valid UTF-8 JSON"),
        ('{"a": NaN}', "not valid JSON"),
        ('{"a": -Infinity}', "not valid JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "not valid UTF-8 JSON"),
        ('{"a": "\\u0000"}', "invalid character"),
        ('{"\\ud800": 1}', "invalid character"),
        ('{"a": ' + "[" * 21 + "]" * 21 + "}", "nested"),
        ('{"a": ' + "[" * 90_000 + "]" * 90_000 + "}", "not valid UTF-8 JSON"),
    ],
)
def test_json_with_two_meanings_or_none_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(MalformedJSONError, match=words):
        read_object(text)


@given(st.dictionaries(_text, _values, max_size=3))
def test_an_object_is_read_as_json_means_it(value: dict[str, object]) -> None:
    assert read_object(json.dumps(value)) == value
    assert read_object(json.dumps(value, ensure_ascii=False).encode()) == value
