"""The rules of the code, read off the source: imports run down, the protocol knows no Flask, files stay small."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tools.import_graph import (
    MODULES,
    ORDER,
    PACKAGE,
    REPOSITORY,
    arrows_between_files,
    arrows_between_packages,
    arrows_upwards,
    circles,
    imports_of,
    package_of,
)
from website.database import Statement

MAX_LINES, MAX_FUNCTION_LINES = 300, 50
SPECS = "website.oauth2.specs"
SPECIFICATION = re.compile(r"website\.oauth2\.specs\.\w+")
#: A specification extends another only where the standard itself does.
SPECIFICATION_IMPORTS: dict[str, set[str]] = {
    f"{SPECS}.oidc_core_hybrid": {f"{SPECS}.rfc6749_authorization_code"},
}
#: The pages that serve one specification, and may import that one.
PAGES_OF_SPECIFICATIONS = {
    "website.routes.login.browser_state": f"{SPECS}.oidc_session_management",
    "website.routes.authorization.device_page": f"{SPECS}.rfc8628_device_authorization",
    "website.routes.login.end_session": f"{SPECS}.oidc_rp_initiated_logout",
}
#: Neither pages nor commands.
FLASK = re.compile(r"(click|flask|flask_\w+|authlib\.integrations\.flask\w*)(\.|$)")
#: What is loaded for a command alone: no package may load it for whoever imports the package.
FOR_COMMANDS = ("website.database.backup", "website.database.pruning", "website.users.export", "alembic", "requests")
#: For APIs, with a module per web framework. No part of the server.
RESOURCE_SERVER = "website.resource_server"
MAX_NAMES_OF_A_PACKAGE = 10
#: The names under which users have these in their own files.
PUBLIC_PACKAGES = {"website.models", "website.oauth2", "website.routes", "website.cli", "website.settings", SPECS}


def test_every_package_has_its_place_in_the_order() -> None:
    placed = [name for names in ORDER for name in names]
    assert sorted(placed) == sorted({package_of(module) for module in MODULES} - {"website"})
    pages = {f"routes.{path.parent.name}" for path in (PACKAGE / "routes").glob("*/__init__.py")}
    assert pages == {name for name in placed if name.startswith("routes.")}


def test_imports_run_only_down() -> None:
    assert arrows_upwards() == []


def test_the_resource_server_stands_alone() -> None:
    """An API loads nothing of the provider for it, and the provider nothing of it."""
    arrows = arrows_between_packages()
    assert arrows["resource_server"] == set()
    assert [package for package, imported in arrows.items() if "resource_server" in imported] == []


def test_no_import_goes_round_in_a_circle() -> None:
    assert circles(arrows_between_files()) == []
    assert circles(arrows_between_packages()) == []


def test_inside_the_protocol_the_facade_alone_imports_the_specifications() -> None:
    support = [module for module in MODULES if module.startswith("website.oauth2.") and not module.startswith(SPECS)]
    above = [(module, name) for module in support for name, *_rest in imports_of(module) if name.startswith(SPECS)]
    assert above == []


def test_a_page_imports_at_most_the_one_specification_that_it_serves() -> None:
    outside = [module for module in MODULES if not module.startswith("website.oauth2")]
    found = {(module, name) for module in outside for name, *_rest in imports_of(module) if SPECIFICATION.match(name)}
    assert found == set(PAGES_OF_SPECIFICATIONS.items())


def test_no_import_hides_in_a_function() -> None:
    assert [f"{module}:{line}" for module in MODULES for _name, line, inside in imports_of(module) if inside] == []


def test_no_statement_leaves_the_package_that_owns_its_table() -> None:
    packages: dict[int, tuple[str, set[str]]] = {}
    for module in MODULES:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, Statement):
                packages.setdefault(id(value), (name, set()))[1].add(package_of(module))
    assert {name: found for name, found in packages.values() if len(found) > 1} == {}


def test_no_file_has_the_name_of_its_package_or_of_one_beside_it() -> None:
    folders = {path.parent for path in MODULES.values()} - {PACKAGE}
    for folder in folders:
        beside = {path.name for path in folder.iterdir() if path.is_dir()} | {folder.name}
        same = [path.name for path in folder.glob("*.py") if path.stem in beside]
        assert same == [], folder


def test_a_package_says_what_it_holds_and_shows_few_names() -> None:
    for module, path in MODULES.items():
        if path.name != "__init__.py" or module in {"website", *PUBLIC_PACKAGES}:
            continue
        tree = ast.parse(path.read_text())
        assert "ay use" in (ast.get_docstring(tree) or "") or module == "website.errors", f"{module}: what may it use?"
        shown = [
            name.asname or name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names
        ]
        assert len(shown) <= MAX_NAMES_OF_A_PACKAGE, f"{module} shows {len(shown)} names"


def test_importing_a_package_loads_nothing_that_only_commands_need() -> None:
    packages = sorted(
        module
        for module, path in MODULES.items()
        if path.name == "__init__.py"
        and module not in {"website", "website.cli", RESOURCE_SERVER}
        and not module.startswith("website.routes")
    )
    program = f"""
import importlib, sys
for name in {packages!r}:
    importlib.import_module(name)
print(*(name for name in {FOR_COMMANDS!r} if name in sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def is_below_routes(module: str) -> bool:
    if module in ("website", "website.app", "website.console_script", "website.embedding", "website.models"):
        return False
    return not module.startswith(("website.routes", "website.cli", RESOURCE_SERVER))


BELOW_ROUTES = sorted(filter(is_below_routes, MODULES))


def test_the_protocol_does_not_import_flask() -> None:
    for module in BELOW_ROUTES:
        for imported, line, _inside in imports_of(module):
            assert not FLASK.match(imported), f"{module}:{line} imports {imported}"
            # Its own code may not come by Flask through the one file that may import an extension.
            assert imported != "website.models", f"{module}:{line} imports the package of models, not a model's file"


def test_a_specification_imports_another_only_where_its_standard_does() -> None:
    for module in MODULES:
        if not module.startswith(SPECS) or module == SPECS:
            continue
        for imported, line, _inside in imports_of(module):
            if SPECIFICATION.match(imported) and imported not in SPECIFICATION_IMPORTS.get(module, set()):
                raise AssertionError(f"{module}:{line} imports {imported}")


def test_tokens_are_issued_by_the_two_lists_of_steps_alone() -> None:
    """No grant and no page can give a token past the steps that come before."""
    issuers = ("issue_tokens", "write_access_token", "write_refresh_token")
    callers = {name: set[str]() for name in issuers}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in callers:
                    callers[name].add(module)
    assert callers["issue_tokens"] == {"website.oauth2.token_request", "website.oauth2.authorization_request"}
    assert callers["write_access_token"] == callers["write_refresh_token"] == {"website.oauth2.token_issuance"}


def test_every_specification_file_is_in_the_table_of_contents() -> None:
    listed = {imported for imported, *_rest in imports_of(SPECS) if SPECIFICATION.match(imported)}
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


def test_nothing_is_imported_from_a_file_of_tests() -> None:
    """What several files of tests share stands in tests/support, or in a conftest.py."""
    imports = {
        (str(path.relative_to(REPOSITORY)), name)
        for path in (REPOSITORY / "tests").rglob("*.py")
        for name in re.findall(r"^from (tests[\w.]*\.test_\w+) import", path.read_text(), re.MULTILINE)
    }
    assert imports == set()


def test_no_file_is_longer_than_a_reader_can_follow() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_the_first_line_of_a_file_says_what_is_in_it() -> None:
    trees = {module: ast.parse(path.read_text()) for module, path in MODULES.items() if module != "website"}
    assert [module for module, tree in trees.items() if not ast.get_docstring(tree)] == []


def functions(module: str) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_functions_are_short() -> None:
    for module in BELOW_ROUTES:
        for function in functions(module):
            length = (function.end_lineno or 0) - function.lineno
            assert length < MAX_FUNCTION_LINES, f"{module}.{function.name}: {length} lines"


def test_the_machines_door_is_served_without_any_flask_application() -> None:
    """The door as plain WSGI, in a process of its own that never imports a Flask application."""
    program = """
import io, json, sys
from sqlalchemy import create_engine
from website.database.connection import prepare_engine
from website.wsgi.endpoints import Endpoints
from website.keys.key_encryption import new_key
from website.models.base import Base
from website.oauth2 import config_oauth
from website.configuration.loading import read_settings
from website.wsgi.outer_layer import OuterLayer

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


def test_the_present_moment_is_called_now() -> None:
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
            assert name != "present", f"{module}:{node.lineno}"
