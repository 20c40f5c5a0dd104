"""Decoding ``application/x-www-form-urlencoded``, of queries and bodies (:rfc:`6749#appendix-B`)."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from authlib.oauth2.rfc6749 import InvalidRequestError

#: Names and values in the order sent.
Pairs = list[tuple[str, str]]
#: Parameters that may be repeated (:rfc:`8707#section-2`).
REPEATABLE = frozenset(("resource",))
#: Their values up to this length are kept decoded: a server has few APIs, which requests name again and again.
MAX_KEPT_CHARACTERS = 300


def parse_pairs(text: bytes) -> Pairs:
    """Decode ``application/x-www-form-urlencoded`` strictly as UTF-8 (:rfc:`6749#appendix-B`)."""
    try:
        form = text.decode("ascii")
        if "%" not in form and "+" not in form:
            fields = [field.partition("=") for field in form.split("&") if field]
            return [(name, value) for name, _equals, value in fields]
        pairs = []
        for field in filter(None, form.split("&")):
            name, _equals, value = field.partition("=")
            if name in REPEATABLE:
                value = _decode_kept(value) if len(value) <= MAX_KEPT_CHARACTERS else decode_form_text(value)
            elif "%" in field or "+" in field:  # most fields have nothing to decode
                name, value = decode_form_text(name), decode_form_text(value)
            pairs.append((name, value))
        return pairs
    except UnicodeDecodeError:
        raise InvalidRequestError("The parameters are not percent-encoded UTF-8.") from None


def decode_form_text(text: str) -> str:
    """Decode a name or a value. Raises ``UnicodeDecodeError``."""
    if "+" in text:
        text = text.replace("+", " ")
    # unquote() looks for parts that aren't ASCII first, which takes twice as long.
    return unquote_to_bytes(text).decode() if "%" in text else text


#: Not for other parameters, which may be secrets.
_decode_kept = lru_cache(maxsize=1024)(decode_form_text)
