"""Small pictures, built byte by byte, and a site that serves them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.raw_servers import served


def png(width: int = 2, height: int = 2, padding: int = 0) -> bytes:
    """Return a whole PNG, in grey; ``padding`` makes the file that much longer."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * min(width, 4) for _ in range(min(height, 4))))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", b"Comment\0" + b"x" * padding) if padding else b""
    return b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int = 2, height: int = 2) -> bytes:
    """Return the segments of a JPEG up to its frame, and its end."""
    jfif = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + jfif + frame + b"\xff\xd9"


def hidden_frame(marker: int) -> bytes:
    """Return a JPEG of 4000 by 4000 pixels whose frame stands behind a marker without a length, and a small one later.

    Whoever takes the frame's own marker for that length jumps over it, to the second frame.
    """
    large, small = (b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, side, side, 1) + b"\x01\x11\x00" for side in (4000, 2))
    head = b"\xff\xd8\xff" + bytes([marker]) + large
    return head.ljust(4 + 0xFFC0, b"\0") + small + b"\xff\xd9"


def webp(kind: str = "VP8X", width: int = 2, height: int = 2) -> bytes:
    """Return the beginning of a WebP, with a first chunk of a kind."""
    body = {
        "VP8X": b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
        "VP8L": b"\x2f" + ((width - 1 & 0x3FFF) | (height - 1) << 14).to_bytes(8, "little")[:4],
        "VP8 ": b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF),
    }[kind]
    chunks = b"WEBP" + kind.encode() + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


@dataclass
class PictureSite:
    """What is served at every path of a site, and how often somebody came."""

    url: str = ""
    body: bytes = field(default_factory=png)
    content_type: str = "image/png"
    status: str = "200 OK"
    more: tuple[str, ...] = ()
    visits: int = 0


@contextmanager
def open_picture_site() -> Iterator[PictureSite]:
    """Serve a picture on a port of this machine, as it is at that moment."""
    site = PictureSite()

    def serve(connection: object) -> None:
        connection.recv(65536)  # type: ignore[attr-defined]
        site.visits += 1
        lines = [
            f"HTTP/1.1 {site.status}", f"Content-Length: {len(site.body)}", f"Content-Type: {site.content_type}",
            *site.more, "Connection: close", "", "",
        ]  # fmt: skip
        connection.sendall("\r\n".join(lines).encode() + site.body)  # type: ignore[attr-defined]

    with served(serve) as port:
        site.url = f"http://127.0.0.1:{port}/logo.png"
        yield site
