"""Moves modules: the files, every import of them, and the paths and dotted names that texts mention.

    python tools/move_modules.py MOVES

Each line of the file ``MOVES`` has a module's former dotted name and its new one. A branch is rebased over a move by
running it there with the same lines. What no script does is repaired by hand: the ``__init__.py`` of a new package,
paths counted from ``__file__``, file names without their folder, and ``ORDER`` in import_graph.py.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ROOTS = ("website", "tests")
TEXTS = {".py", ".md", ".toml", ".yaml", ".ini", ".html", ".jinja", ".service", ".conf"}
#: They tell of the past, or of another project.
LEFT_OUT = ("CHANGELOG.md", "docs/tutorial/steps/")


class Moves:
    """The modules that move, and how imports and texts name them afterwards."""

    def __init__(self, moved: dict[str, str]) -> None:
        self.moved = moved
        self._modules = {dotted_name(path) for root in ROOTS for path in (REPOSITORY / root).rglob("*.py")}
        paths = {path_of(old): path_of(new) for old, new in moved.items()}
        # Without "website/" too, as comments name files; a folder's name has to be there.
        shorter = {old.partition("/")[2]: new.partition("/")[2] for old, new in paths.items()}
        self._paths = paths | {old: new for old, new in shorter.items() if "/" in old}
        self._path = re.compile(rf"(?:(?<![\w./-])|(?<=\./))({one_of(self._paths)})(?!\w)")
        self._name = re.compile(rf"(?<![\w.])({one_of(moved)})(?![\w/(])(?!\.md)")

    def rewrite(self, name: str, text: str) -> str:
        """Return the text of a file with its imports, paths and dotted names as they are after the move."""
        if name.endswith(".py"):
            text = self._rewrite_imports(text, dotted_name(REPOSITORY / name), name.endswith("__init__.py"))
        return "\n".join(line[1:] if line.startswith("\1") else self._rewrite_line(line) for line in text.split("\n"))

    def _rewrite_line(self, line: str) -> str:
        line = self._path.sub(lambda found: self._paths[found[1]], line)
        return self._name.sub(lambda found: self.moved[found[1]], line)

    def _rewrite_imports(self, text: str, module: str, is_package: bool) -> str:
        """Write each ``from ... import`` from where the file stands after the move; such lines begin with a mark."""
        lines = text.split("\n")
        package = module if is_package else module.rpartition(".")[0]
        new_module = self.moved.get(module, module)
        new_package = new_module if is_package else new_module.rpartition(".")[0]
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        for node in sorted(nodes, key=lambda node: -node.lineno):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([base] if base else []))
            if base.split(".")[0] not in ROOTS:
                continue
            is_relative = new_module.startswith("website")
            written: dict[str, list[str]] = {}
            for alias in node.names:
                origin, bound = self._new_place(base, alias)
                written.setdefault(relative(new_package, origin) if is_relative else origin, []).append(bound)
            names = [alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names]
            if written == {"." * node.level + (node.module or ""): names}:
                continue
            last = lines[node.end_lineno - 1] if node.end_lineno else ""
            comment = "  # noqa" + last.split("# noqa", 1)[1] if "# noqa" in last else ""
            indent = " " * node.col_offset
            lines[node.lineno - 1 : node.end_lineno] = [
                f"\1{indent}from {origin} import {', '.join(names)}{comment}" for origin, names in written.items()
            ]
        return "\n".join(lines)

    def _new_place(self, base: str, alias: ast.alias) -> tuple[str, str]:
        """Return what an imported name is imported from afterwards, and how it is written there."""
        whole = f"{base}.{alias.name}"
        if whole not in self._modules:
            return self.moved.get(base, base), alias.name + (f" as {alias.asname}" if alias.asname else "")
        parent, _, name = self.moved.get(whole, whole).rpartition(".")
        bound = alias.asname or (alias.name if alias.name != name else None)
        return parent, name + (f" as {bound}" if bound else "")


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def path_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


def one_of(texts: dict[str, str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def relative(package: str, target: str) -> str:
    """Return a module as an import within ``package`` names it."""
    here, there = package.split("."), target.split(".")
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    return "." * (len(here) - shared + 1) + ".".join(there[shared:])


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def main(file: str) -> None:
    moves = Moves(dict(line.split() for line in Path(file).read_text().splitlines() if line.strip()))
    for name in git("ls-files").splitlines():
        path = REPOSITORY / name
        if path.suffix not in TEXTS and path.name != "Makefile" or name.startswith(LEFT_OUT) or not path.is_file():
            continue
        text = path.read_text()
        rewritten = moves.rewrite(name, text)
        if rewritten != text:
            path.write_text(rewritten)
    for old, new in moves.moved.items():
        target = REPOSITORY / path_of(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        git("mv", path_of(old), str(target))
        if new.startswith("tests.") and not (target.parent / "__init__.py").exists():
            (target.parent / "__init__.py").touch()
    git("add", "-A")


if __name__ == "__main__":
    main(*sys.argv[1:])
