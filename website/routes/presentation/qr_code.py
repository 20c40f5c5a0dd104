"""QR codes as SVG in the page itself, which no content security policy stops."""

from __future__ import annotations

from markupsafe import Markup

from ...deferred_import import DeferredModule

segno = DeferredModule("segno")


def draw_qr_code(text: str, title: str) -> Markup:
    """Return the picture of a text, black on white in dark mode too, as some cameras can't read it otherwise."""
    code = segno.make(text, error="m", micro=False)
    look = {"scale": 4, "border": 4, "omitsize": True, "dark": "#000", "light": "#fff", "lineclass": None}
    return Markup(code.svg_inline(svgclass="qr", title=title, **look))  # noqa: S704 - segno escapes the title
