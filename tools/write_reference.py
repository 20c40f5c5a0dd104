"""Writes the parts of docs/ that the code knows best: settings, addresses, known applications and so on.

Each page keeps its own text; the part between the two markers is rewritten. With ``--check`` nothing is
written: the stale pages are named, and the exit status is 1.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from flask import Flask
from sqlalchemy import Column, Table, create_engine

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from reference_applications import write_application, write_application_list  # noqa: E402
from reference_errors import write_errors  # noqa: E402
from reference_markdown import file_link, first_sentence, table, to_markdown, wrapped  # noqa: E402

from website.app import create_app  # noqa: E402
from website.audit import EVENTS  # noqa: E402
from website.configuration import read_settings  # noqa: E402
from website.console_script import COMMANDS  # noqa: E402
from website.database import Database  # noqa: E402
from website.known_applications.catalogue import KNOWN_APPLICATIONS  # noqa: E402
from website.models import Base, db  # noqa: E402
from website.oauth2.discovery_document import ServerMetadata  # noqa: E402
from website.oauth2.endpoint_addresses import ANY, REGISTERED, Address  # noqa: E402
from website.oauth2.server import AuthorizationServer  # noqa: E402
from website.oauth2.specs import SPECS, in_order, spec_name  # noqa: E402
from website.settings import MEANING, SECURITY, UNIT, by_name, default_of  # noqa: E402

DOCS = REPOSITORY / "docs"
BEGIN = "<!-- From here to the end marker: written by tools/write_reference.py. Change the code, not this text. -->"
END = "<!-- End of what tools/write_reference.py writes. -->"
ISSUER = "https://issuer.example"
#: Specifications that answer by way of the browser, and whose tests are those of the authorization endpoint's page.
TESTED_WITH_THE_PAGE = ("rfc6749_authorization_endpoint", "rfc6749_implicit", "rfc9207_issuer_identification")
KINDS = {bool: "true or false", int: "whole number", str: "text", list: "list", dict: "mapping"}
SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def main(arguments: list[str]) -> int:
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        config = {"OAUTH2_INSTANCE_PATH": folder, "SQLALCHEMY_DATABASE_URI": "sqlite://", "OAUTH2_DEMO": True}
        app = create_app(config)
        for name, write in PAGES.items():
            path = DOCS / name
            before = path.read_text(encoding="utf-8")
            after = put_between_markers(before, "\n".join(write(app)))
            if before != after:
                stale.append(name)
                if "--check" not in arguments:
                    path.write_text(after, encoding="utf-8")
        with app.app_context():
            db.engine.dispose()
    for name in stale:
        print(f"docs/{name}: " + ("stale, run make docs-reference" if "--check" in arguments else "written"))
    return 1 if stale and "--check" in arguments else 0


def put_between_markers(page: str, text: str) -> str:
    head, begin, rest = page.partition(BEGIN)
    _former, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"A page of docs/ lacks its markers:\n{BEGIN}\n{END}")
    return f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{tail}"


# --- settings.md


def write_settings(app: Flask) -> Iterator[str]:
    options = by_name()
    yield from table(
        ("Setting", "Default", "Unit"),
        *((f"[`{name}`](#{name.lower()})", _default(item), item.metadata[UNIT]) for name, item in options.items()),
    )
    for name, item in options.items():
        yield f"\n## {name}\n"
        yield wrapped(item.metadata[MEANING]) + "\n"
        yield f"- Kind: {KINDS[type(default_of(item))]}" + (
            f", in {item.metadata[UNIT]}" if item.metadata[UNIT] else ""
        )
        yield textwrap.fill(f"- Default: {_default(item)}", 118, subsequent_indent="  ", break_on_hyphens=False)
        if item.metadata[SECURITY]:
            yield wrapped(f"- Security: {item.metadata[SECURITY]}", "  ")


def _default(item: Any) -> str:
    value = default_of(item)
    if value == "":
        return "empty"
    text = f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"
    if item.metadata[UNIT] == "seconds":
        for seconds, word in SPANS:
            if value and value % seconds == 0:
                number = value // seconds
                return f"{text} ({number} {word}{'s' if number > 1 else ''})"
    return text


# --- addresses.md


def write_addresses(app: Flask) -> Iterator[str]:
    server: AuthorizationServer = app.extensions["grantwright"]
    metadata_key = {path: key for key, path in server.registry.named_addresses.items()}
    owner = {path: added for added in registrations() for path in added.addresses}
    yield "## Protocol endpoints\n"
    rows = [
        (
            f"`{address.path}`",
            ", ".join(address.methods),
            f"`{metadata_key[address.path]}`" if address.path in metadata_key else "",
            _origins(address),
            file_link(owner[known_as].file),
            owner[known_as].title,
        )
        for known_as, address in server.registry.addresses.items()
        if address.handlers
    ]
    yield from table(("Address", "Methods", "Metadata key", "CORS", "File", "What it is"), *rows)
    yield "\n## Pages\n"
    pages = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        if rule.build_only:
            continue
        view = inspect.unwrap(app.view_functions[rule.endpoint])
        file = inspect.getsourcefile(view) or ""
        is_ours = Path(file).is_relative_to(REPOSITORY / "website" / "routes")
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        pages.append(
            (
                f"`{rule.rule}`",
                ", ".join(methods),
                file_link(file) if is_ours else "",
                first_sentence(view.__doc__) if is_ours else "Stylesheet, script and images",
            )
        )
    yield from table(("Address", "Methods", "File", "What it does"), *pages)


def _origins(address: Address) -> str:
    return {ANY: "any origin", REGISTERED: "registered origins", "": ""}[address.cors]


# --- commands.md


def write_commands(app: Flask) -> Iterator[str]:
    for name in sorted(app.cli.commands):
        if name != "db":  # Flask-Migrate's own, described where it is documented
            yield from _describe_command(app.cli.commands[name], f"flask {name}")
    for command in COMMANDS:
        yield from _describe_command(command, f"grantwright {command.name}")


def _describe_command(command: click.Command, called: str) -> Iterator[str]:
    context = click.Context(command, info_name=called, terminal_width=100, max_content_width=100)
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _describe_command(command.commands[name], f"{called} {name}")
        return
    yield f"## {called}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"


# --- specifications.md


class Registration:
    """What one specification adds to a server, seen by comparing before and after."""

    def __init__(self, module: ModuleType, server: AuthorizationServer) -> None:
        self.name = spec_name(module)
        self.file = Path(str(module.__file__))
        self.title = _title(module)
        addresses, named, metadata = (
            set(server.registry.addresses),
            dict(server.registry.named_addresses),
            _metadata(server),
        )
        module.register(server, server.settings)
        self.addresses = [path for path in server.registry.addresses if path not in addresses]
        self.named = {key: path for key, path in server.registry.named_addresses.items() if key not in named}
        self.metadata = {
            key: [item for item in value if item not in metadata.get(key, ())] if isinstance(value, list) else value
            for key, value in _metadata(server).items()
            if value != metadata.get(key) and key not in self.named
        }

    def metadata_lines(self) -> str:
        values = {**self.named, **self.metadata}
        return "<br>".join(f"`{key}`: {_values(value)}" for key, value in values.items())


def _values(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _title(module: ModuleType) -> str:
    """Return what the docstring's first line names: all before its colon or period."""
    line = first_sentence(module.__doc__)
    whole = re.match(r"(.*?\((?:\[[^]]+\]\([^)]*\)(?:, )?)+\))", line)
    return whole.group(1) if whole else line.partition(":")[0]


def _metadata(server: AuthorizationServer) -> dict[str, Any]:
    return ServerMetadata(server.registry, server.accounts.claims, server.settings.redirect_rules).list_registered(
        ISSUER
    )


def registrations() -> list[Registration]:
    """Register every specification on a bare server, one after the other."""
    engine = create_engine("sqlite://")
    settings = read_settings({"OAUTH2_KEY_ENCRYPTION_KEY": "A" * 43}, {})
    server = AuthorizationServer(settings, Database(engine))
    found = {module: Registration(module, server) for module in in_order(SPECS)}
    engine.dispose()
    return [found[module] for module in SPECS]


def write_specifications(app: Flask) -> Iterator[str]:
    rows = []
    for added in registrations():
        tests = sorted(REPOSITORY.glob(f"tests/**/test_{added.name}*.py"))
        tests += (
            [REPOSITORY / "tests/routes/authorization/test_authorize.py"] if added.name in TESTED_WITH_THE_PAGE else []
        )
        rows.append(
            (
                added.title,
                f"[`{added.name}`](../../website/oauth2/specs/{added.name}.py)",
                "<br>".join(f"[{path.name}](../../{path.relative_to(REPOSITORY)})" for path in tests),
                added.metadata_lines() or "none",
            )
        )
    yield from table(("Specification", "Switch and file", "Tests", "What it adds to the server metadata"), *rows)


# --- tables.md


def write_tables(app: Flask) -> Iterator[str]:
    mappers = sorted(Base.registry.mappers, key=lambda mapper: str(mapper.local_table.name))
    for mapper in mappers:
        model, held = mapper.class_, mapper.local_table
        source = Path(str(inspect.getsourcefile(model)))
        notes = column_notes(source, model.__name__)
        yield f"## {held.name}\n"
        for paragraph in inspect.cleandoc(model.__doc__ or "").split("\n\n"):
            yield wrapped(" ".join(paragraph.split())) + "\n"
        yield wrapped(f"Model: `{model.__name__}` in {file_link(source)}") + "\n"
        columns = [
            (f"`{column.name}`", str(column.type), _traits(column, held), to_markdown(notes.get(column.name, "")))
            for column in held.columns
        ]
        yield from table(("Column", "Type", "Key, index, null", "Note"), *columns)
        yield ""


def _traits(column: Column[Any], held: Table) -> str:
    traits = ["primary key"] if column.primary_key else []
    for key in column.foreign_keys:
        traits.append(f"to `{key.target_fullname}`" + (f", on delete {key.ondelete.lower()}" if key.ondelete else ""))
    if column.unique:
        traits.append("unique")
    if column.index:
        traits.append("index")
    for index in held.indexes:
        if len(index.columns) > 1 and column.name in index.columns:
            traits.append(("unique index" if index.unique else "index") + " with others")
    for constraint in held.constraints:
        if type(constraint).__name__ == "UniqueConstraint" and len(constraint.columns) > 1:
            if column.name in constraint.columns:
                traits.append("unique with others")
    if column.nullable:
        traits.append("may be null")
    return ", ".join(traits)


def column_notes(source: Path, class_name: str) -> dict[str, str]:
    """Return the ``#:`` comments that stand above a model's columns."""
    text = source.read_text(encoding="utf-8")
    lines = text.splitlines()
    notes = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef) or node.name != class_name:
            continue
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                comments: list[str] = []
                number = item.lineno - 2
                while lines[number].strip().startswith("#:"):
                    comments.insert(0, lines[number].strip().removeprefix("#:").strip())
                    number -= 1
                notes[item.target.id] = " ".join(comments)
    return notes


# --- events.md


def write_events(app: Flask) -> Iterator[str]:
    yield from table(("Event", "What happened"), *((f"`{name}`", meaning) for name, meaning in EVENTS.items()))


def write_known_application(name: str, app: Flask) -> Iterator[str]:
    return write_application(name, _metadata(app.extensions["grantwright"]))


PAGES: dict[str, Callable[[Flask], Iterator[str]]] = {
    "reference/settings.md": write_settings,
    "reference/addresses.md": write_addresses,
    "reference/commands.md": write_commands,
    "reference/specifications.md": write_specifications,
    "reference/tables.md": write_tables,
    "reference/events.md": write_events,
    "reference/errors.md": lambda _app: write_errors(),
    "applications/index.md": lambda _app: write_application_list(),
    **{f"applications/{name}.md": partial(write_known_application, name) for name in KNOWN_APPLICATIONS},
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
