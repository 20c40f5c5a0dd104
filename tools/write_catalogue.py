"""Writes website/translations/messages.pot: every text of the pages, as translators start from it.

python tools/write_catalogue.py            writes it, and brings every language's catalogue up to date with it
python tools/write_catalogue.py --check    writes nothing; the exit status is 1 where it is stale
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from website.errors.catalogue import CATALOGUE  # noqa: E402
from website.known_applications.catalogue import KNOWN_APPLICATIONS  # noqa: E402

PACKAGE = REPOSITORY / "website"
TRANSLATIONS = PACKAGE / "translations"
TEMPLATE = TRANSLATIONS / "messages.pot"
#: How a text is marked, and which arguments of the call are its texts: the first, or singular and plural.
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
#: A comment that begins so is for translators.
COMMENT_TAGS = ("Translators:",)
OPTIONS = {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}
#: What changes by itself, or says nothing before there is a language.
VOLATILE = tuple(
    f'"{name}:'
    for name in (
        "Project-Id-Version", "Report-Msgid-Bugs-To", "POT-Creation-Date", "PO-Revision-Date", "Last-Translator",
        "Language-Team", "Generated-By",
    )
)  # fmt: skip
HEADER = "# The texts of the pages, which tools/write_catalogue.py collects from the code."


def main(arguments: list[str]) -> int:
    catalog = build_catalog()
    text = write_template(catalog)
    if "--check" in arguments:
        is_current = TEMPLATE.is_file() and TEMPLATE.read_text(encoding="utf-8") == text
        if not is_current:
            print(f"{TEMPLATE.relative_to(REPOSITORY)} is stale: run make catalogue.", file=sys.stderr)
        return 0 if is_current else 1
    TRANSLATIONS.mkdir(exist_ok=True)
    TEMPLATE.write_text(text, encoding="utf-8")
    for file in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")):
        update_language(file, catalog)
    return 0


def build_catalog() -> Catalog:
    """Return every text, with the files that it is in."""
    catalog = Catalog(project="Grantwright", fuzzy=False, header_comment=HEADER)
    for file in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.glob("templates/*.html"), *PACKAGE.glob("templates/mail/*")]):
        for message, comments in extract(file):
            catalog.add(message, None, [(str(file.relative_to(REPOSITORY)), 1)], auto_comments=comments)
    for code, meaning in CATALOGUE.items():
        catalog.add(meaning.title, None, [(f"website/errors/{code}.toml", 1)])
    for name, application in KNOWN_APPLICATIONS.items():
        for text in application.texts:
            catalog.add(text, None, [(f"website/known_applications/{name}.toml", 1)])
    return catalog


def extract(file: Path) -> Iterator[tuple[str | tuple[str, ...], list[str]]]:
    """Yield each text of a file, or singular and plural of it, and what its comments tell translators."""
    method = "python" if file.suffix == ".py" else "jinja2.ext:babel_extract"
    found = extract_from_file(method, file, keywords=KEYWORDS, comment_tags=COMMENT_TAGS, options=OPTIONS)
    for _line, message, comments, _context in found:
        yield message, comments


def write_template(catalog: Catalog) -> str:
    """Return the template without what changes by itself, such as line numbers and dates."""
    output = io.BytesIO()
    write_po(output, catalog, width=120, include_lineno=False, sort_output=False)
    lines = output.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(VOLATILE))


def update_language(file: Path, catalog: Catalog) -> None:
    """Bring a language's catalogue up to date, and compile it."""
    with file.open("rb") as source:
        language = read_po(source, locale=file.parent.parent.name)
    language.update(catalog, no_fuzzy_matching=True)
    problems = [f"{message.id!r}: {error}" for message, errors in language.check() for error in errors]
    if problems:
        raise SystemExit("\n".join([f"{file.relative_to(REPOSITORY)}:", *problems]))
    with file.open("wb") as target:
        write_po(target, language, width=120, include_lineno=False)
    with file.with_suffix(".mo").open("wb") as target:
        write_mo(target, language)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
