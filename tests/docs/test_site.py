"""The documentation as a site: it builds without a warning, needs nothing from elsewhere, and hides no page."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag

import pytest

from tests.support.waiting import seconds
from tools.draw_diagrams import DRAWN, find_sources

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCS = REPOSITORY / "docs"
#: What a page loads by itself; a link is followed by a person.
LOADED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}


def build(source: Path, target: Path, *options: str, doctrees: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does, into a folder of its own."""
    read = doctrees or target / "doctrees"
    command = ["sphinx", "-q", "-W", "--keep-going", "-n", "-j", "auto", *options, "-d", read, "-b", "html", source]
    return subprocess.run(
        [sys.executable, "-m", *map(str, command), str(target / "html")],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=seconds(900),
    )


@pytest.fixture(scope="session", params=["quick", pytest.param("whole", marks=pytest.mark.soak)])
def site(request: pytest.FixtureRequest, run_folder: Path) -> Path:
    """The folder of the built site. One worker builds it, the others wait for it.

    Without colours and the list of pages beside each page it takes half as long; `make check` builds all of it too.
    """
    folder = run_folder / f"site-{request.param}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "said").exists():
            # What `make docs` or `make check` read is not read again here, nor by them what was read here. After a
            # failure all of it is: Sphinx says what is wrong with a page when it reads it.
            doctrees = DOCS / "_build" / "doctrees"
            options = ["-D", "quick=1"] if request.param == "quick" else []
            built = build(DOCS, folder, *options, doctrees=doctrees)
            if built.returncode:
                shutil.rmtree(doctrees)
            (folder / "said").write_text(built.stdout + built.stderr)
    return folder


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the built site, read."""
    return {file: Page(file) for file in sorted((site / "html").rglob("*.html"))}


def words(html: str) -> str:
    """Return the text of a page, without its marks and with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


TAG = re.compile(r"<([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+))?)*)\s*/?>")
ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")


class Page:
    """What a page loads and where it leads."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.text = file.read_text()
        # Ten times as fast as Python's parser, which the source pages would keep busy for long.
        for tag, written in TAG.findall(self.text):
            if written:
                self._read_tag(
                    tag.lower(), {name: unescape(a or b or c) for name, a, b, c in ATTRIBUTE.findall(written)}
                )

    def _read_tag(self, tag: str, given: dict[str, str]) -> None:
        self.anchors |= {given["id"]} if "id" in given else set()
        self.loads += [given[name] for name in LOADED.get(tag, ()) if name in given]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])

    def targets(self) -> dict[str, tuple[Path, str]]:
        """Return file and anchor of every link that stays on the site."""
        found = {}
        for link in set(self.links):
            address, anchor = urldefrag(link)
            if not re.match(r"[a-z]+:|//", address):
                found[link] = (_file_of(self.file.parent, address) if address else self.file), anchor
        return found


@cache
def _file_of(folder: Path, address: str) -> Path:
    file = Path(os.path.normpath(folder / unquote(address)))
    return file / "index.html" if file.is_dir() else file


def test_it_builds_without_a_warning(site: Path) -> None:
    assert (site / "said").read_text() == ""
    assert (site / "html" / "index.html").exists()


def test_no_page_loads_anything_from_another_host(pages: dict[Path, Page], site: Path) -> None:
    loaded = {load for page in pages.values() for load in page.loads}
    styles = {file: file.read_text() for file in (site / "html").rglob("*.css")}
    inline = {file: text for file, page in pages.items() for text in re.findall(r"<style.*?</style>", page.text, re.S)}
    fetched = r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)"';]+"""

    assert loaded
    assert [load for load in loaded if re.match(r"(?:[a-z]+:)?//", load)] == []
    assert [load for load in loaded if re.match(r"(?!data:)[a-z]+:", load)] == []
    assert [
        (file.name, found) for file, text in [*styles.items(), *inline.items()] for found in re.findall(fetched, text)
    ] == []


def test_a_browser_reads_and_searches_the_site_from_the_disk_and_asks_nobody(
    site: Path, browser: BrowserContext
) -> None:
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index", "explanation/architecture", "reference/settings", "source/website/wsgi/endpoints.py"):
        page.goto((site / "html" / f"{name}.html").as_uri())
    page.goto((site / "html" / "search.html").as_uri() + "?q=generation")
    # Results appear one after the other.
    page.locator("#search-results a[href*='explanation/architecture.html']").first.wait_for()

    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for file, page in pages.items():
        for link, (target, anchor) in page.targets().items():
            there = pages.get(target)
            if not target.exists() or (anchor and there is not None and anchor not in there.anchors):
                broken.append((file.name, link))

    assert broken == []


def test_every_stub_is_filled_with_the_document_that_it_names(pages: dict[Path, Page]) -> None:
    assert [page.file.name for page in pages.values() if "The built documentation shows" in page.text] == []


def test_every_page_is_reached_from_the_front_page(pages: dict[Path, Page], site: Path) -> None:
    reached, waiting = set(), [site / "html" / "index.html"]
    while waiting:
        file = waiting.pop()
        if file in pages and file not in reached:
            reached.add(file)
            waiting += [target for target, _anchor in pages[file].targets().values()]
    # Made by Sphinx: an index of terms, of which there are none, and the answer to a search, which a form leads to.
    by_sphinx = {site / "html" / "genindex.html", site / "html" / "search.html"}

    assert len(reached) > 40
    assert set(pages) - reached - by_sphinx == set()


def test_a_diagram_is_drawn_in_the_page(pages: dict[Path, Page], site: Path) -> None:
    page = pages[site / "html" / "explanation" / "architecture.html"]

    assert page.text.count('<div class="diagram"') == (DOCS / "explanation/architecture.md").read_text().count(
        "```mermaid"
    )
    assert "var(--diagram-text" in page.text
    assert "The protocol: oauth2/" in words(page.text)


def test_the_repository_has_the_drawing_of_every_diagram_and_no_other() -> None:
    assert sorted(DRAWN.iterdir()) == sorted(find_sources()), "run make diagrams"


def test_no_path_of_the_machine_that_built_it_is_in_a_page(pages: dict[Path, Page]) -> None:
    assert [file.name for file, page in pages.items() if str(REPOSITORY) in page.text] == []


# What pages may use, built from pages made for it


PAGE = """# A page

The file [clock](../website/clock.py), a folder [models](../website/models/), a document
[README](../README.md#a-quick-look), and code that has no link in it:

```text
[no link](../nowhere)
```

```{literalinclude} steps/2/app.py
:diff: steps/1/app.py
:caption: app.py
```

```{literalinclude} steps/2/app.py
:lines: 2-
:emphasize-lines: 1
```

```mermaid
sequenceDiagram
    Ada->>Server: a message
```

```{toctree}
readme
```
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The documents of a repository of two pages, under our configuration."""
    docs = tmp_path / "docs"
    for step, value in (("1", 2), ("2", 22)):
        (docs / "steps" / step).mkdir(parents=True)
        (docs / "steps" / step / "app.py").write_text(f"first = 1\nsecond = {value}\n")
    for name in ("_extensions", "_static", "_templates"):
        (docs / name).symlink_to(DOCS / name)
    for name in ("website", "pyproject.toml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (docs / "conf.py").write_text((DOCS / "conf.py").read_text() + '\nrepository_documents = {"readme": "README.md"}\n')
    (tmp_path / "README.md").write_text("# Read me\n\n## A quick look\n\nBack to [the page](docs/index.md).\n")
    (docs / "readme.md").write_text("# README\n\nThe built site shows README.md here.\n")
    (docs / "index.md").write_text(PAGE)
    return docs


def test_pages_are_built_from_links_that_leave_the_folder_and_files_of_steps(small: Path, tmp_path: Path) -> None:
    built = build(small, tmp_path / "built")
    html = tmp_path / "built" / "html"
    page, readme = Page(html / "index.html"), Page(html / "readme.html")

    assert (built.returncode, built.stderr) == (0, "")
    assert {"source/website/clock.py.html", "source/website/models/index.html", "readme.html#a-quick-look"} <= {
        *page.links
    }
    assert "def now" in words((html / "source/website/clock.py.html").read_text())
    assert "grant.py.html" in Page(html / "source/website/models/index.html").links
    assert "[no link](../nowhere)" in page.text
    assert "Read me" in readme.text
    assert "index.html" in readme.links

    # Files of a step are shown as a change, whole with what changed marked, and in part.
    listings = re.findall(r"<pre>.*?</pre>", page.text, re.S)
    _text, change, whole, part = (re.sub(r"<[^>]+>", "", listing) for listing in listings)
    assert change == " first = 1\n-second = 2\n+second = 22\n"
    assert whole == "first = 1\nsecond = 22\n"
    assert part.strip() == "second = 22"
    assert 'class="hll"' in listings[2]
    assert 'class="hll"' in listings[3]


WRONG = {
    "    Ada->>Server: a message": "    Ada is happy",
    "(../website/clock.py)": "(../website/no_such_file.py)",
    "(../README.md#a-quick-look)": "(../README.md#no-such-heading)",
    ":diff: steps/1/app.py": ":diff: steps/9/app.py",
}


def test_what_is_wrong_stops_the_build_and_is_named(small: Path, tmp_path: Path) -> None:
    names = [f"page{number}" for number in range(len(WRONG))]
    for name, (right, wrong) in zip(names, WRONG.items(), strict=True):
        (small / f"{name}.md").write_text(PAGE.replace(right, wrong).replace("```{toctree}\nreadme\n```", ""))
    (small / "index.md").write_text(PAGE.replace("readme\n```", "\n".join(["readme", *names, "```"])))
    built = build(small, tmp_path / "built", "-D", "quick=1")

    assert built.returncode != 0
    named = set(re.findall(r"(\w+)\.md:\d+: (?:WARNING|ERROR)", built.stderr))
    assert named == set(names)
