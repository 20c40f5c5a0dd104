"""Diagrams: a fence marked mermaid becomes SVG in the page.

Mermaid itself draws it, in an interpreter without browser or network (decision 0010). The drawings of the repository's
documents are in docs/images/diagrams, where `make diagrams` puts them; any other is drawn while the site is built. A
syntax error fails the build at the line of the fence. Colours are CSS variables, so that one image works in light and
dark mode.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: The drawings that are in the repository, each named by a hash of all that it depends on.
DRAWN = Path(__file__).resolve().parent.parent / "images" / "diagrams"
#: The colours that Mermaid gets, and the variables in grantwright-docs.css that replace them.
COLOURS = {
    "#1e2624": "--diagram-text",
    "#0f6e5f": "--diagram-border",
    "#eaf4f1": "--diagram-fill",
    "#56625e": "--diagram-line",
    "#fdfdfb": "--diagram-paper",
    "#fbf3e0": "--diagram-note",
    "#c9a24e": "--diagram-note-border",
    "#f3f4f0": "--diagram-group",
}
TEXT, BORDER, FILL, LINE, PAPER, NOTE, NOTE_BORDER, GROUP = COLOURS
CONFIG: dict[str, Any] = {
    "theme": "base",
    "fontFamily": "system-ui, sans-serif",
    "fontSize": 14,
    "deterministicIds": True,
    "handDrawnSeed": 1,
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "useMaxWidth": False, "subGraphTitleMargin": {"top": 6, "bottom": 6}},
    "sequence": {"useMaxWidth": False, "wrap": False},
    "state": {"useMaxWidth": False},
    "themeVariables": {
        "fontSize": "14px",
        "background": PAPER,
        "primaryColor": FILL,
        "primaryBorderColor": BORDER,
        "primaryTextColor": TEXT,
        "secondaryColor": GROUP,
        "secondaryBorderColor": LINE,
        "secondaryTextColor": TEXT,
        "tertiaryColor": GROUP,
        "tertiaryBorderColor": LINE,
        "tertiaryTextColor": TEXT,
        "mainBkg": FILL,
        "nodeBorder": BORDER,
        "nodeTextColor": TEXT,
        "lineColor": LINE,
        "textColor": TEXT,
        "titleColor": TEXT,
        "arrowheadColor": LINE,
        "edgeLabelBackground": PAPER,
        "clusterBkg": GROUP,
        "clusterBorder": LINE,
        "actorBkg": FILL,
        "actorBorder": BORDER,
        "actorTextColor": TEXT,
        "actorLineColor": LINE,
        "signalColor": LINE,
        "signalTextColor": TEXT,
        "labelBoxBkgColor": GROUP,
        "labelBoxBorderColor": LINE,
        "labelTextColor": TEXT,
        "loopTextColor": TEXT,
        "noteBkgColor": NOTE,
        "noteBorderColor": NOTE_BORDER,
        "noteTextColor": TEXT,
        "activationBkgColor": GROUP,
        "activationBorderColor": LINE,
        "sequenceNumberColor": PAPER,
    },
}


class Diagram(SphinxDirective):
    """The ``mermaid`` fence."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        source = "\n".join(self.content)
        try:
            svg = draw(source, Path(self.env.srcdir) / "_build" / "diagrams")
        except RuntimeError as error:
            # Mermaid names the place, followed by everything it would have accepted instead.
            reason = " ".join(str(error).partition("Expecting")[0].split())
            return [self.state_machine.reporter.error(f"This diagram cannot be drawn: {reason}", line=self.lineno)]
        # The frame scrolls if the page is narrower than the diagram, with the keyboard too.
        frame = f'<div class="diagram" tabindex="0" role="group" aria-label="Diagram">{svg}</div>'
        return [nodes.raw("", frame, format="html")]


def name_file(source: str) -> str:
    """Return the name of the file that has the drawing of a diagram."""
    written = json.dumps([version("mermaidx"), COLOURS, CONFIG, source], sort_keys=True)
    return f"{hashlib.sha256(written.encode()).hexdigest()[:16]}.svg"


def draw(source: str, kept: Path) -> str:
    """Return the SVG of a diagram, from the repository, from the folder of those drawn before, or drawn into it."""
    name = name_file(source)
    for file in (DRAWN / name, kept / name):
        if file.exists():
            return file.read_text()
    # Loading Mermaid takes longer than reading all drawings.
    import mermaidx

    kept.mkdir(parents=True, exist_ok=True)
    svg = _adapt(mermaidx.render(source, config=CONFIG, theme="base").svg(), f"diagram-{file.stem}")
    # Processes that build the site at the same time may draw the same diagram.
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(svg)
    draft.replace(file)
    return svg


def _adapt(svg: str, identifier: str) -> str:
    """Give an SVG its own identifier, its natural size, and our colour variables."""
    svg = svg.replace("my-svg", identifier)
    for colour, variable in COLOURS.items():
        svg = re.sub(colour, f"var({variable}, {colour})", svg, flags=re.IGNORECASE)
    box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', svg)
    head, rest = svg.split(">", 1)
    if box:
        head = re.sub(r' (?:width|height|style)="[^"]*"', "", head)
        width, height = round(float(box[1])), round(float(box[2]))
        head += f' width="{width}" height="{height}" style="--natural-width: {width}px"'
    return f"{head}>{rest}"


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("mermaid", Diagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
