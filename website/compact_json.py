"""JSON without spaces, for tokens and responses.

``json.dumps`` and ``JSONEncoder.encode`` create an encoder in C for each text, which takes longer than encoding it.
"""

from __future__ import annotations

import json
from json import encoder
from typing import Any

_python_encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False)
_encode = encoder.c_make_encoder and encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, _python_encoder.default, encoder.encode_basestring_ascii, None, ":", ",", False, False, False
)
_decoder = json.JSONDecoder()


def write_json(value: object) -> bytes:
    """Return a value as JSON. Raises ``ValueError`` or ``TypeError`` for what JSON can't express, such as NaN."""
    return "".join(_encode(value, 0) if _encode else _python_encoder.iterencode(value)).encode()


def read_own_json(text: bytes) -> Any:
    """Return the value of a text that :func:`write_json` wrote; for any other text use ``strict_json.py``."""
    return _decoder.raw_decode(text.decode())[0]
