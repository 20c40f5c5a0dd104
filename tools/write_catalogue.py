"""Writes website/translations/messages.pot: every text of people's pages and mail, as translators start from it.

The pages of developers and operators are in English (routes/language/page_language.py): their texts are left out.

python tools/write_catalogue.py            writes it, and brings every language's catalogue up to date with it
python tools/write_catalogue.py --check    writes nothing; the exit status is 1 where it is stale
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from website.errors.catalogue import CATALOGUE  # noqa: E402

PACKAGE = REPOSITORY / "website"
TRANSLATIONS = PACKAGE / "translations"
TEMPLATE = TRANSLATIONS / "messages.pot"
#: The files whose texts are for developers and operators alone.
ENGLISH_FILES = tuple(
    f"website/{path}"
    for path in (
        "access/*.py", "clients/*.py", "joining/invitations.py", "resources/*.py", "known_applications/*",
        *(f"routes/{name}.py" for name in (
            "apis/*", "dev_mail", "errors/error_reference", "login/login_before_act", "people/*",
            *(f"clients/{name}" for name in (
                "claim_map_form", "client_*", "edit_form", "example_commands", "extra_fields", "form_choices",
                "form_input", "logo_pictures", "new_client", "self_registration", "short_form", "snippets",
                "token_contents", "try_it*",
            )),
            "presentation/client_logos", "presentation/event_rows", "presentation/short_form_fields",
        )),
        *(f"templates/{name}.html" for name in (
            "_client_fields", "_commands", "_consent_preview", "_custom_client", "_snippets",
            "client*", "create_client", "custom_client", "delete_client", "delete_resource", "dev_mail", "error_code",
            "errors", "events",
            "flow_*", "group", "group_*", "groups", "home_demo", "home_operator", "initial_access_token",
            "invitation_created", "invitations", "new_client",
            "new_person", "people", "people_*", "person", "person_*", "resource*", "rotate_secret", "secret_rotated",
            "self_registration",
        )),
    )
)  # fmt: skip
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
NO_DATE = datetime.fromtimestamp(0, UTC)
HEADER = "# The texts of people's pages and mail, which tools/write_catalogue.py collects from the code."


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
    """Return every text for people, with the files that it is in."""
    catalog = Catalog(project="Grantwright", fuzzy=False, header_comment=HEADER)
    templates = [*PACKAGE.glob("templates/*.html"), *PACKAGE.glob("templates/mail/*")]
    for file in filter(is_for_people, sorted([*PACKAGE.rglob("*.py"), *templates])):
        for message, comments in extract(file):
            catalog.add(message, "", [(str(file.relative_to(REPOSITORY)), 1)], auto_comments=comments)
    for code, meaning in CATALOGUE.items():
        catalog.add(meaning.title, "", [(f"website/errors/{code}.toml", 1)])
    return catalog


def is_for_people(file: Path) -> bool:
    """Tell whether people read the texts of a file; what isn't listed is for them."""
    path = str(file.relative_to(REPOSITORY))
    return not any(fnmatch(path, pattern) for pattern in ENGLISH_FILES)


def extract(file: Path) -> Iterator[tuple[str | tuple[str, ...], list[str]]]:
    """Yield each text of a file, or singular and plural of it, and what its comments tell translators."""
    method = "python" if file.suffix == ".py" else "jinja2.ext:babel_extract"
    found = extract_from_file(method, file, keywords=KEYWORDS, comment_tags=COMMENT_TAGS, options=OPTIONS)
    for _line, message, comments, _context in found:
        yield message, comments


def write_template(catalog: Catalog) -> str:
    """Return the template without what changes by itself, such as line numbers and dates."""
    output = io.BytesIO()
    write_po(output, catalog, width=120, include_lineno=False, sort_output=False, ignore_obsolete=True)
    lines = output.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(VOLATILE))


def update_language(file: Path, catalog: Catalog) -> None:
    """Bring a language's catalogue up to date, and compile it: what is new is empty, what is unused is deleted."""
    language = read_language(file)
    language.update(catalog, no_fuzzy_matching=True)
    problems = [f"{message.id!r}: {error}" for message, errors in language.check() for error in errors]
    if problems:
        raise SystemExit("\n".join([f"{file.relative_to(REPOSITORY)}:", *problems]))
    file.write_text(write_template(language), encoding="utf-8")
    file.with_suffix(".mo").write_bytes(compile_language(read_language(file)))


def read_language(file: Path) -> Catalog:
    """Return a language's catalogue."""
    with file.open("rb") as source:
        return read_po(source, locale=file.parent.parent.name)


def compile_language(language: Catalog) -> bytes:
    """Return a catalogue as the pages read it: the same bytes whenever it's compiled."""
    language.creation_date = language.revision_date = NO_DATE
    output = io.BytesIO()
    write_mo(output, language)
    return output.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
