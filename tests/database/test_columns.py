"""Every column is used by the code, and every table about people is in the export of their account."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.live_server import REPOSITORY
from website.database import tables
from website.models.base import Base
from website.sessions.authentication_context import AUTHENTICATION_COLUMNS
from website.standard_claims import ADDRESS_PARTS, VERIFIED

PACKAGE = REPOSITORY / "website"
MODELS = {mapper.class_.__name__: mapper for mapper in Base.registry.mappers}
#: What ``database/tables.py`` calls a table, or its columns.
ALIASES = {
    alias: name
    for name, mapper in MODELS.items()
    for alias, value in vars(tables).items()
    if value is mapper.local_table or value is mapper.local_table.c
}


def models_of(tree: ast.Module) -> set[str]:
    """Return the models that a file imports, by themselves or by another name of their table."""
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return {ALIASES.get(name, name) for name in imported} & MODELS.keys()


def words_of(tree: ast.AST) -> Iterator[str]:
    """Yield every attribute, keyword and string of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_column_is_used_in_a_file_that_knows_its_table() -> None:
    used: dict[str, set[str]] = {name: set() for name in MODELS}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names, words = models_of(tree), set(words_of(tree))
        if path.parent.name == "models":  # what its methods say: the declaration of a column is no use of it
            names |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)} & MODELS.keys()
            methods = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
            words = {word for method in methods for word in words_of(method)}
        for name in names:
            used[name] |= words
    # What codes and grants keep of a login is written and read by these names.
    for name in ("OAuth2AuthorizationCode", "Grant"):
        used[name] |= set(AUTHENTICATION_COLUMNS)
    # The columns behind claims are read by the names of these (users/claim_columns.py).
    used["User"] |= {*ADDRESS_PARTS, *VERIFIED, *VERIFIED.values()}
    unused = {
        f"{name}.{attribute.key}"
        for name, mapper in MODELS.items()
        for attribute in mapper.column_attrs
        if attribute.key not in used[name]
    }
    assert unused == set()


#: Tables about people that an export leaves out.
NOT_EXPORTED = {
    "OAuth2AuthorizationCode",  # over in a minute; what it gave is a grant
    "LoginName",  # the account's names once more, as keys
}
PEOPLE = {"oauth2_subject", "oauth2_user"}


def test_every_table_about_people_is_in_the_export_of_their_account() -> None:
    about_people = {
        name
        for name, mapper in MODELS.items()
        # Codes refer to a subject without a foreign key.
        if "subject" in mapper.local_table.c
        or {key.column.table.name for key in mapper.local_table.foreign_keys} & PEOPLE
    }
    exported = models_of(ast.parse((PACKAGE / "users" / "export.py").read_text()))
    assert about_people - exported == NOT_EXPORTED
