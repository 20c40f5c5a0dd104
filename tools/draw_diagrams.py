"""Draws the diagrams of the documents into docs/images/diagrams, so that a build of the site only has to read them.

python tools/draw_diagrams.py            draws the new and changed ones, and deletes those that no document shows now
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "docs" / "_extensions"))

from diagrams import DRAWN, draw, name_file  # noqa: E402

DOCUMENTS = ("*.md", "bench/*.md", "docs/**/*.md", "examples/**/*.md")
FENCE = re.compile(r"^```mermaid\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def find_sources() -> dict[Path, str]:
    """Return the text of each diagram, by the file that its drawing belongs in."""
    pages = (page for place in DOCUMENTS for page in REPOSITORY.glob(place))
    return {DRAWN / name_file(source): source for page in pages for source in FENCE.findall(page.read_text())}


def main() -> None:
    sources = find_sources()
    for file in set(DRAWN.glob("*.svg")) - set(sources):
        file.unlink()
    for source in sources.values():
        draw(source, DRAWN)


if __name__ == "__main__":
    main()
