"""Detecting the format and size of a raster picture from its header, without decoding it.

Browsers decode it, so width and height are limited: a few kilobytes of PNG can expand to gigabytes of pixels.
"""

from __future__ import annotations

import struct

PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
TYPES = (PNG, JPEG, WEBP)
MAX_PIXELS = 2048
_PNG_BEGINNING = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG_BEGINNING = b"\xff\xd8\xff"
#: The JPEG markers with the size: all starts of frames. 0xC4, 0xC8 and 0xCC are other segments.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: The markers of segments with a length that may come before it.
_JPEG_SEGMENTS = frozenset(range(0xDB, 0xFF)) | {0xC4, 0xC8, 0xCC}


class PictureError(ValueError):
    """Pages can't show this picture; the message is for the client's owner."""


def type_of_picture(content: bytes) -> str:
    """Return the media type according to the bytes. Raises :class:`PictureError`."""
    try:
        content_type, width, height = _measure(content)
    except (struct.error, IndexError):
        raise PictureError("the picture is incomplete") from None
    if not (0 < width <= MAX_PIXELS and 0 < height <= MAX_PIXELS):
        raise PictureError(f"it is {width} by {height} pixels; the limit is {MAX_PIXELS} in each direction")
    return content_type


def _measure(content: bytes) -> tuple[str, int, int]:
    if content.startswith(_PNG_BEGINNING):
        return (PNG, *struct.unpack_from(">II", content, 16))
    if content.startswith(_JPEG_BEGINNING):
        return (JPEG, *_measure_jpeg(content))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return (WEBP, *_measure_webp(content))
    raise PictureError("it is not a PNG, JPEG or WebP picture")


def _measure_jpeg(content: bytes) -> tuple[int, int]:
    """Skip segments up to the frame (ITU-T T.81, section B.1.1)."""
    at = 2
    while True:
        if content[at] != 0xFF:
            raise PictureError("the picture is incomplete")
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        # The end, data without a preceding frame, or a marker without a length: we would parse the following bytes
        # differently than a browser, and miss the frame.
        if marker not in _JPEG_SEGMENTS:
            raise PictureError("the picture is incomplete")
        at += 2 + max(2, *struct.unpack_from(">H", content, at + 2))


def _measure_webp(content: bytes) -> tuple[int, int]:
    """Read the size from the first chunk (:rfc:`9649#section-2`)."""
    kind = content[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(_exactly(content, at, 3), "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(_exactly(content, 21, 4), "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise PictureError("it is not a PNG, JPEG or WebP picture")


def _exactly(content: bytes, at: int, length: int) -> bytes:
    part = content[at : at + length]
    if len(part) < length:
        raise PictureError("the picture is incomplete")
    return part
