"""The house rules, read off the source: imports run down, the protocol floor knows no Flask, files stay small."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "website"
MAX_LINES = 300

#: The ladder, top first. A module may import from its own rung or a lower one.
LADDER = (
    ("embedding",),
    ("app",),
    ("wsgi", "mount", "guard", "health"),
    ("routes", "endpoints", "cli"),
    ("oauth2",),
    ("plain modules",),
    ("database",),
    ("models",),
)
SPECIFICATION = re.compile(r"website\.oauth2\.(rfc\d|oidc_)")
#: A specification extends another only where the standard itself does.
SPECIFICATION_IMPORTS: dict[str, set[str]] = {
    "website.oauth2.oidc_core_hybrid": {"website.oauth2.rfc6749_authorization_code"},
}
FLASK = re.compile(r"(flask|flask_\w+|authlib\.integrations\.flask\w*)(\.|$)")


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        dotted = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        found[dotted.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports_of(module: str) -> Iterator[tuple[str, int, bool]]:
    """Yield what a module imports at run time: dotted name, line, and whether it is inside a function."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    yield from _walk(ast.parse(path.read_text()), package, inside=False)


def _walk(node: ast.AST, package: str, inside: bool) -> Iterator[tuple[str, int, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parents = package.split(".")[: len(package.split(".")) - child.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in child.names:
                whole = f"{base}.{alias.name}"
                yield (whole if whole in MODULES else base), child.lineno, inside
        else:
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from _walk(child, package, inside or is_function)


def rung_of(module: str) -> int:
    name = module.split(".")[1] if "." in module else ""
    for number, names in enumerate(LADDER):
        if name in names:
            return number
    return LADDER.index(("plain modules",))


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"website"}))
def test_imports_run_only_down(module: str) -> None:
    for imported, line, _inside in imports_of(module):
        if imported.startswith("website."):
            assert rung_of(imported) >= rung_of(module), f"{module}:{line} imports {imported}, which is above it"


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: {imported for imported, *_rest in imports_of(name) if imported in MODULES} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " > ".join((*path, name))
        if name not in done:
            for imported in sorted(graph[name] - {name}):
                visit(imported, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_hides_in_a_function(module: str) -> None:
    assert [line for _imported, line, inside in imports_of(module) if inside] == []


def is_below_routes(module: str) -> bool:
    if module in ("website", "website.app", "website.embedding", "website.models"):
        return False
    return not module.startswith(("website.routes", "website.cli"))


@pytest.mark.parametrize("module", sorted(filter(is_below_routes, MODULES)))
def test_the_protocol_floor_does_not_import_flask(module: str) -> None:
    for imported, line, _inside in imports_of(module):
        assert not FLASK.match(imported), f"{module}:{line} imports {imported}"
        # Its own code may not come by Flask through the one file that may import an extension.
        assert imported != "website.models", f"{module}:{line} imports the package of models instead of a model's file"


def test_only_specs_imports_specification_files() -> None:
    for module in MODULES:
        if module == "website.oauth2.specs":
            continue
        for imported, line, _inside in imports_of(module):
            if SPECIFICATION.match(imported) and imported not in SPECIFICATION_IMPORTS.get(module, set()):
                pytest.fail(f"{module}:{line} imports {imported}")


def test_every_specification_file_is_in_the_table_of_contents() -> None:
    listed = {imported for imported, *_rest in imports_of("website.oauth2.specs") if SPECIFICATION.match(imported)}
    assert listed == {module for module in MODULES if SPECIFICATION.match(module)}


def test_route_files_with_views_do_not_import_each_other() -> None:
    with_views = {
        module
        for module, path in MODULES.items()
        if module.startswith("website.routes.") and "Blueprint(" in path.read_text()
    }
    assert with_views
    for module in with_views:
        assert with_views.isdisjoint(imported for imported, *_rest in imports_of(module)), module


def test_imports_inside_the_package_are_relative() -> None:
    for module, path in MODULES.items():
        assert not re.search(r"^\s*(from|import) website", path.read_text(), re.MULTILINE), module


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("website/**/*.py")), ids=lambda path: path.name)
def test_no_file_is_longer_than_a_reader_can_hold(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"website"}))
def test_first_line_says_what_the_file_owns(module: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[module].read_text())), module


@pytest.mark.parametrize("module", sorted(filter(is_below_routes, MODULES)))
def test_functions_are_short(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{module}.{node.name}"


def test_the_machines_door_is_served_without_any_flask_application() -> None:
    """The door as plain WSGI, in a process of its own that never imports a Flask application."""
    program = """
import io, json, sys
from sqlalchemy import create_engine
from website.database import prepare_engine
from website.endpoints import Endpoints
from website.encryption import new_key
from website.models.base import Base
from website.oauth2 import config_oauth
from website.configuration import read_settings
from website.wsgi import OuterLayer

settings = read_settings({"OAUTH2_KEY_ENCRYPTION_KEY": new_key(), "AUTHLIB_INSECURE_TRANSPORT": True}, {})
engine = create_engine("sqlite:///" + sys.argv[1])
prepare_engine(engine, "NORMAL")
server = config_oauth(settings, engine)
Base.metadata.create_all(engine)
server.keys.create_missing()
door = OuterLayer(lambda environ, start: [b"pages"], server, Endpoints(server))
metadata = {"client_name": "c", "grant_types": ["client_credentials"], "scope": "profile",
            "token_endpoint_auth_method": "client_secret_post"}
client, secret = server.clients.create(metadata, None)
body = f"grant_type=client_credentials&client_id={client.client_id}&client_secret={secret}".encode()
environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/oauth/token", "QUERY_STRING": "", "SCRIPT_NAME": "",
           "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
           "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1",
           "REMOTE_ADDR": "127.0.0.1"}
answer = json.loads(b"".join(door(environ, lambda status, headers, exc_info=None: None)))
assert answer["access_token"].startswith("gwat_"), answer
import flask
assert not flask.has_app_context() and not flask.has_request_context()
assert "website.app" not in sys.modules and "website.routes" not in sys.modules
"""
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-c", program, f"{folder}/db.sqlite"], cwd=REPOSITORY, capture_output=True, text=True
        )
    assert ran.returncode == 0, ran.stderr
