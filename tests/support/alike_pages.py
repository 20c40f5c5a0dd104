"""Pages that are built alike: where one has nothing that others don't have, these stand for it.

A page is taken apart into pieces: an element with the few that are in it, such as a field with its label and its help,
and what it stands in; what stands directly in a larger element; each heading with the one before. Words, addresses and
identifiers are left out, and a row that comes again and again is one row. For the keyboard, what it reaches is kept,
and what that stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from tests.support.every_page import Walk

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
#: Elements that have no end.
VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr"}
#: What an element looks like as part of a larger one.
OUTLINE = {"class", "hidden", "open", "role", "type"}
#: Attributes whose values are words, addresses or identifiers, as those of ``data-`` are; that of any other counts.
OPEN = {
    *("action", "content", "for", "href", "id", "src", "srcset", "value"),
    *("alt", "autocomplete", "datetime", "download", "lang", "name", "nonce", "placeholder", "title"),
    *("aria-controls", "aria-describedby", "aria-label", "aria-labelledby"),
}
#: Attributes that come and go with what somebody chose.
CHOSEN = {"checked", "selected"}
#: Elements that the keyboard reaches, and attributes that say neither how they look nor whether it does.
REACHED = {"a", "button", "input", "select", "summary", "textarea"}
UNSEEN = {"autocomplete", "inputmode", "max", "maxlength", "min", "name", "pattern", "spellcheck"}
Node = tuple[Any, ...] | str


class _Reader(HTMLParser):
    """Reads the pieces off the body of a page."""

    #: An element with what is in it is one piece up to so many elements and texts; a larger one is taken apart.
    most_in_a_piece = 6

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.pieces: set[Node] = set()
        #: Each element that is open, and what is in it up to now.
        self._open: list[tuple[str, list[Node]]] = [("", [("",)])]
        self._heading = ""
        self.feed(markup)
        self.close()
        while len(self._open) > 1:
            self._end_element()

    def _is_in(self, tag: str) -> bool:
        return any(name == tag for name, _children in self._open)

    def _add(self, node: Node) -> None:
        children = self._open[-1][1]
        if children[-1:] != [node]:
            children.append(node)

    def _end_element(self) -> None:
        _tag, children = self._open.pop()
        node = tuple(children)
        self._add(node)
        if self._is_in("body"):
            if _size_of(node) <= self.most_in_a_piece:
                self.pieces.add((_outline_of(self._open[-1][1]), node))
            else:
                self.pieces |= {(_outline_of(node), _outline_of(child)) for child in children[1:]}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_in("svg"):
            return  # a picture is one whatever it shows
        kept = sorted((name, "" if _is_open(name) else value or "") for name, value in attrs if name not in CHOSEN)
        head = (tag, *kept)
        self._open.append((tag, [head]))
        if tag in HEADINGS:
            self._note_heading(tag)
        if tag in VOID:
            self._end_element()

    def _note_heading(self, tag: str) -> None:
        self.pieces.add((self._heading, tag))
        self._heading = tag

    def handle_endtag(self, tag: str) -> None:
        if self._is_in(tag):
            while self._open[-1][0] != tag:
                self._end_element()
            self._end_element()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._add("words")


def _is_open(attribute: str) -> bool:
    return attribute in OPEN or attribute.startswith("data-")


def _size_of(node: Node) -> int:
    return 1 if isinstance(node, str) else 1 + sum(_size_of(child) for child in node[1:])


def _outline_of(node: Sequence[Node] | str) -> Node:
    """Return an element without what is in it: its name, and what it looks like."""
    if isinstance(node, str):
        return node
    tag, *attributes = node[0]
    return (tag, *(attribute for attribute in attributes if attribute[0] in OUTLINE))


class _StopReader(_Reader):
    """Reads the pieces off a page as the keyboard goes through them."""

    most_in_a_piece = 2

    def _end_element(self) -> None:
        tag, [head, *inside] = self._open[-1]
        if inside or tag in REACHED or "tabindex" in dict(head[1:]):
            super()._end_element()
        else:
            self._open.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID or (tag in REACHED and ("type", "hidden") not in attrs):
            super().handle_starttag(tag, [(name, value) for name, value in attrs if name not in UNSEEN])

    def _note_heading(self, tag: str) -> None:
        """Leave headings out."""

    def handle_data(self, data: str) -> None:
        """Leave words out."""


def pieces_of(markup: str) -> set[Node]:
    """Return the pieces of a page."""
    found = _Reader(markup).pieces
    assert found, "a page without a body"
    return found


def stops_of(markup: str) -> set[Node]:
    """Return the pieces of a page that the keyboard reaches, and those around them."""
    found = _StopReader(markup).pieces
    assert found, "a page without a link or a button"
    return found


@dataclass
class Sample:
    """Takes the pages that have a piece as none before them had; what stands in another sample is not new either."""

    other: Sample | None = None
    seen: set[Node] = field(default_factory=set)
    read: Callable[[str], set[Node]] = pieces_of

    def takes(self, markup: str) -> bool:
        """Return whether a page is to be looked at, and remember its pieces."""
        return bool(self.choose({"": markup}))

    def choose(self, pages: Mapping[str, str]) -> list[str]:
        """Return the names of some of these pages in which every new piece is, and remember them: few and full ones."""
        left = {name: self.read(markup) for name, markup in pages.items()}
        chosen = []
        while left:
            known = self.seen | (self.other.seen if self.other else set())
            fullest = max(left, key=lambda name: len(left[name] - known))
            pieces = left.pop(fullest)
            self.seen |= pieces
            if not pieces - known:
                self.seen.update(*left.values())
                break
            chosen.append(fullest)
        return chosen


def choose_pages(walk: Walk, sample: Sample | None) -> list[str]:
    """Return the addresses of the pages of a walk that a sample chooses; without one, of all of them."""
    return sample.choose({address: walk.answers[address].text for address in walk.pages}) if sample else walk.pages
