"""Pages that are built alike: where they differ in words alone, one of them stands for the others.

A page is taken apart into its landmarks (header, main, footer and so on). Each of them is kept as its elements with
their attributes: without words, addresses and identifiers, and with a row that comes again and again as one row. For
the keyboard, what it reaches is kept, and what that stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.support.every_page import Walk

LANDMARKS = {"header", "nav", "main", "aside", "footer"}
#: Elements that have no end.
VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr"}
#: Attributes whose values are words, addresses or identifiers; that of any other counts.
OPEN = {
    *("action", "content", "for", "href", "id", "src", "srcset", "value"),
    *("alt", "datetime", "download", "placeholder", "title"),
    *("aria-controls", "aria-describedby", "aria-label", "aria-labelledby"),
}
#: Attributes that come and go with what somebody chose.
CHOSEN = {"checked", "selected"}
#: Elements that the keyboard reaches, and attributes that say neither how they look nor whether it does.
REACHED = {"a", "button", "input", "select", "summary", "textarea"}
UNSEEN = {"autocomplete", "inputmode", "max", "maxlength", "min", "name", "pattern", "spellcheck"}
Node = tuple[object, ...] | str


class _Reader(HTMLParser):
    """Reads the landmarks off a page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.landmarks: set[Node] = set()
        #: Each element that is open, and what is in it up to now.
        self._open: list[tuple[str, list[Node]]] = [("", [])]
        self.feed(markup)
        self.close()
        while len(self._open) > 1:
            self._end_element()

    def _add(self, node: Node) -> None:
        children = self._open[-1][1]
        if children[-1:] != [node]:
            children.append(node)

    def _end_element(self) -> None:
        tag, children = self._open.pop()
        node = tuple(children)
        self._add(node)
        if tag in LANDMARKS:
            self.landmarks.add(node)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = sorted((name, "" if name in OPEN else value or "") for name, value in attrs if name not in CHOSEN)
        head = (tag, *kept)
        if tag in VOID:
            self._add(head)
        else:
            self._open.append((tag, [head]))

    def handle_endtag(self, tag: str) -> None:
        if tag in [name for name, _children in self._open]:
            while self._open[-1][0] != tag:
                self._end_element()
            self._end_element()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._add("words")


class _StopReader(_Reader):
    """Reads the landmarks off a page as the keyboard goes through them."""

    def _end_element(self) -> None:
        tag, [head, *inside] = self._open[-1]
        if inside or tag in REACHED or "tabindex" in dict(head[1:]):
            super()._end_element()
        else:
            self._open.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID or (tag in REACHED and ("type", "hidden") not in attrs):
            super().handle_starttag(tag, [(name, value) for name, value in attrs if name not in UNSEEN])

    def handle_data(self, data: str) -> None:
        """Leave words out."""


def landmarks_of(markup: str) -> set[Node]:
    """Return how the landmarks of a page are built."""
    found = _Reader(markup).landmarks
    assert found, "a page without a landmark"
    return found


def stops_of(markup: str) -> set[Node]:
    """Return how the landmarks of a page are built around what the keyboard reaches."""
    found = _StopReader(markup).landmarks
    assert found, "a page without a link or a button"
    return found


@dataclass
class Sample:
    """Takes the pages that have a landmark as none before them had; what stands in another sample is not new either."""

    other: Sample | None = None
    seen: set[Node] = field(default_factory=set)
    read: Callable[[str], set[Node]] = landmarks_of

    def takes(self, markup: str) -> bool:
        """Return whether a page is to be looked at, and remember how it is built."""
        new = self.read(markup) - self.seen
        self.seen |= new
        return bool(new - self.other.seen if self.other else new)


def choose_pages(walk: Walk, sample: Sample | None) -> list[str]:
    """Return the addresses of the pages of a walk that a sample takes; without one, of all of them."""
    return [address for address in walk.pages if sample is None or sample.takes(walk.answers[address].text)]
