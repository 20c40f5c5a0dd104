"""The bodies of requests: reading them completely, whether their length is known or not, within their limits."""

from __future__ import annotations

from io import BytesIO

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_content_length, get_input_stream

from ..request_context import Environ

MAX_LENGTH_DIGITS = 18


def buffer_chunked_body(environ: Environ, max_bytes: int) -> None:
    """Read a complete body of unknown length, as parsers would silently stop at their limit.

    Raises ``RequestEntityTooLarge`` above the limit, ``ClientDisconnected`` for malformed chunks.
    """
    try:
        # Servers that pass on this header have decoded the chunks, even if they don't say so.
        terminated = {**environ, "wsgi.input_terminated": True}
        stream = get_input_stream(terminated, max_content_length=max_bytes)
        body = stream.read() + stream.read(1)
    except HTTPException:
        raise
    except Exception as error:
        raise ClientDisconnected from error  # each server has its own exceptions
    if len(body) > max_bytes:
        raise RequestEntityTooLarge
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
    del environ["HTTP_TRANSFER_ENCODING"]


def read_body(environ: Environ, max_bytes: int) -> bytes:
    """Return the complete body, and put it back for later readers.

    Raises ``RequestEntityTooLarge`` above the limit, ``ClientDisconnected`` for a body that ends early.
    """
    length = content_length(environ)
    if length is not None and length > max_bytes:
        raise RequestEntityTooLarge
    try:
        if length is None:
            body: bytes = get_input_stream(environ, max_content_length=max_bytes).read()
        else:
            body = environ["wsgi.input"].read(length)
    except HTTPException:
        raise
    except Exception as error:
        # For broken chunks and lost connections, every server has its own exceptions, and not all are an OSError.
        raise ClientDisconnected from error
    if length is not None and len(body) < length:
        raise ClientDisconnected
    # Replace it for later readers, as reading the connection again would block forever.
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def content_length(environ: Environ) -> int | None:
    """Return the length of the body in bytes, or ``None`` if it isn't known."""
    text = environ.get("CONTENT_LENGTH", "")
    if text.isdigit() and text.isascii() and len(text) < MAX_LENGTH_DIGITS and "HTTP_TRANSFER_ENCODING" not in environ:
        return int(text)
    return get_content_length(environ)  # everything unusual is Werkzeug's to judge, which takes ten times as long
