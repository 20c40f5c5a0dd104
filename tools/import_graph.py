"""The imports of website/, counted: packages, arrows between them, arrows upwards, and circles between files.

    python tools/import_graph.py            the counts, and whatever is wrong
    python tools/import_graph.py --arrows   every arrow between packages as well

Imports under ``TYPE_CHECKING`` count like all others: a circle that only types close is still one for a reader.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "website"

#: From the bottom: a package imports from its own line or a lower one. Files of the root stand for themselves.
ORDER: tuple[tuple[str, ...], ...] = (
    (
        "access_log", "base64url", "bounded_cache", "clock", "compact_json", "deferred_import", "domains",
        "email_addresses", "errors", "file_catalogue", "forked_child", "hosts", "identifiers", "known_applications",
        "languages", "logs", "models", "redirect_uris", "request_context", "request_path", "response_types", "scopes",
        "settings", "standard_claims", "strict_json", "translatable",
    ),
    # By itself: test_architecture.py says that it imports nothing of the rest, and the rest nothing of it.
    ("resource_server",),
    (
        "database", "outbound", "outbound_connections", "outbound_errors", "outbound_overdue", "outbound_slots",
    ),
    ("audit", "outbox"),
    ("keys", "mail"),
    ("clients", "resources"),
    ("users",),
    ("access",),
    ("joining",),
    ("configuration", "sessions"),
    ("grants",),
    ("oauth2",),
    ("routes.current", "wsgi"),
    ("routes.browser",),
    ("routes.language",),
    ("routes.presentation",),
    ("routes.login",),
    ("routes.clients", "routes.joining", "routes.people"),
    ("routes.apis", "routes.errors"),
    ("routes.authorization",),
    ("routes.account",),
    ("routes",),
    ("cli",),
    ("app",),
    ("console_script", "embedding"),
)  # fmt: skip


PLACED = frozenset(name for names in ORDER for name in names)


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name, migrations aside."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "migrations" not in path.relative_to(PACKAGE).parts:
            dotted = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports_of(module: str) -> Iterator[tuple[str, int, bool]]:
    """Yield what a module imports: dotted name, line, and whether it is inside a function."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    yield from _walk(ast.parse(path.read_text()), package, inside=False)


def _walk(node: ast.AST, package: str, inside: bool) -> Iterator[tuple[str, int, bool]]:
    for child in ast.iter_child_nodes(node):
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


def package_of(module: str) -> str:
    """Return the package of a module below ``website``, or the name of a file of the root.

    The packages inside ``routes`` have places of their own in :data:`ORDER`, and so names of two parts.
    """
    inner = ".".join(module.split(".")[1:3])
    return inner if inner in PLACED else inner.partition(".")[0] or "website"


def level_of(module: str) -> int:
    """Return the line of :data:`ORDER` on which a module's package stands. Raises ``LookupError``."""
    for number, names in enumerate(ORDER):
        if package_of(module) in names:
            return number
    raise LookupError(f"{module}: add {package_of(module)} to ORDER in tools/import_graph.py.")


def arrows_between_files() -> dict[str, set[str]]:
    """Return the modules that each module imports."""
    return {module: {name for name, *_rest in imports_of(module) if name in MODULES} - {module} for module in MODULES}


def arrows_between_packages() -> dict[str, set[str]]:
    """Return the packages that each package imports."""
    found: dict[str, set[str]] = {}
    for module, imported in arrows_between_files().items():
        if module != "website":
            mine = found.setdefault(package_of(module), set())
            mine |= {package_of(name) for name in imported if name != "website"} - {package_of(module)}
    return found


def arrows_upwards() -> list[str]:
    """Return every import of a package that stands above the importing one, with file and line."""
    return [
        f"{module}:{line} imports {imported}, which is above it"
        for module in MODULES
        if module != "website"
        for imported, line, _inside in imports_of(module)
        if imported.startswith("website.") and level_of(imported) > level_of(module)
    ]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one member (Tarjan), each sorted."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = lowest[name] = len(index)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in index:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], index[other])
        if lowest[name] == index[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(sorted(members))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--arrows", action="store_true", help="show every arrow between packages")
    shows_arrows = options.parse_args().arrows
    files, packages = arrows_between_files(), arrows_between_packages()
    upwards = arrows_upwards()
    of_files, of_packages = circles(files), circles(packages)
    print(f"files:    {len(files)}, {sum(map(len, files.values()))} arrows, {len(of_files)} circles")
    print(f"packages: {len(packages)}, {sum(map(len, packages.values()))} arrows, {len(of_packages)} circles")
    print(f"arrows upwards: {len(upwards)}")
    for line in upwards:
        print("  " + line)
    for members in (*of_packages, *of_files):
        print("  circle: " + ", ".join(members))
    if shows_arrows:
        for package in sorted(packages, key=lambda name: (level_of(f"website.{name}"), name)):
            print(f"  {package} -> {', '.join(sorted(packages[package])) or 'nothing'}")
    return 1 if upwards or of_files or of_packages else 0


if __name__ == "__main__":
    sys.setrecursionlimit(5000)
    raise SystemExit(main())
