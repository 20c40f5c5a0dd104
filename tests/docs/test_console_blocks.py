"""The runner of the pages' commands notices what it must notice, or no page is tested at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.docs.console_blocks import Reader, console_blocks, is_as_expected
from tests.support.ports import reserve_port

SECOND = "**In a second terminal:**\n\n"


@pytest.fixture
def follow(tmp_path: Path, run_folder: Path) -> Callable[..., None]:
    """Follow a page that has one console fence, with a terminal and the comments given before it."""

    def follow(commands: str, *notes: str, terminal: str = "", values: Callable[[str], str] | None = None) -> None:
        comments = terminal + "".join(f"<!-- {note} -->\n" for note in notes)
        with Reader(tmp_path, partial(reserve_port, run_folder), values=values) as reader:
            reader.follow(f"Words.\n\n{comments}```console\n{commands}\n```\n\nMore words.\n")

    return follow


@pytest.mark.parametrize(
    ("printed", "expected", "fits"),
    [
        ("one\ntwo\n", "one\ntwo", True),
        ("one\ntwo\n", "one", False),
        ("one\n", "one\ntwo", False),
        ("one 1 two", "one ... two", True),
        ("one\ntwo\nthree", "one\n...\nthree", True),
        ("one\nthree", "one\n...\nthree", True),
        ("one\nnot three", "one\n...\nthree", False),
        ("a.b", "a?b", False),
        ("anything\nat all", "", True),
        ("no newline at its end", "no newline at its end", True),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(printed: str, expected: str, fits: bool) -> None:
    assert is_as_expected(printed, tuple(expected.splitlines())) is fits


def test_commands_share_one_shell(follow: Callable[..., None], tmp_path: Path) -> None:
    follow("$ mkdir sub && cd sub\n$ export word=kept\n$ echo \\\n  ${word} $(basename ${PWD})\nkept sub\n$ touch file")

    assert (tmp_path / "sub" / "file").exists()


def test_command_that_fails_is_noticed(follow: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="page:4: .*false\nexited with 1, not 0"):
        follow("$ false\n$ true")


def test_other_output_than_the_pages_is_noticed(follow: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="but printed\ntwo"):
        follow("$ echo two\none")


def test_command_that_should_fail_and_does_not_is_noticed(follow: Callable[..., None]) -> None:
    follow("$ echo no; (exit 3)\nno", "exits with 3")
    with pytest.raises(AssertionError, match="exited with 0, not 3"):
        follow("$ true", "exits with 3")


def test_fence_that_is_not_run_is_left_out(follow: Callable[..., None], tmp_path: Path) -> None:
    follow("$ touch file", "not run: it would make a file")

    assert not (tmp_path / "file").exists()


def test_note_that_is_misspelt_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        list(console_blocks("<!-- exit with 1 -->\n```console\n$ true\n```\n"))


@pytest.mark.parametrize("words", ["In another terminal:", "In a second terminal", "In the 2nd terminal:"])
def test_terminal_that_is_misspelt_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        list(console_blocks(f"**{words}**\n\n```console\n$ true\n```\n"))


def test_page_goes_on_in_one_terminal_until_it_says_otherwise() -> None:
    fence = "```console\n$ true\n```\n\n"
    page = fence + SECOND + fence + "Words.\n\n" + fence + "**In the first terminal:**\n\n" + fence

    assert [block.terminal for block in console_blocks(page)] == ["first", "second", "second", "first"]


def test_values_are_asked_for(follow: Callable[..., None]) -> None:
    follow("$ export code=...   # from the address\n$ echo ${code}\nvalue of 'code'", values="value of '{}'".format)


def test_server_lives_in_its_own_terminal_until_the_next_command_there(tmp_path: Path, run_folder: Path) -> None:
    serve = f"{SECOND}```console\n$ python3 -m http.server 5000 --bind 127.0.0.1\n```\n\n"
    ask = "**In the first terminal:**\n\n```console\n$ curl -s http://127.0.0.1:5000/file\n{}\n```\n\n"
    (tmp_path / "file").write_text("first")
    with Reader(tmp_path, partial(reserve_port, run_folder)) as reader:
        reader.follow(serve + ask.format("first"))
        with urlopen(f"{reader.url()}/file") as answer:
            assert answer.read() == b"first"
        (tmp_path / "file").write_text("second")
        reader.follow(serve + ask.format("second"))
        reader.follow(f"{SECOND}```console\n$ echo stopped\nstopped\n```\n")
        with pytest.raises(OSError, match="refused"):
            urlopen(f"{reader.url()}/file")


def test_server_that_does_not_start_is_noticed(follow: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="exited with 2, not 0"):
        follow("$ python3 -m http.server 5000 --no-such-option", terminal=SECOND)
