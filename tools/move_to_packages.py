"""The move of the flat modules into packages, as a script: rebase a branch over it by running it on that branch.

What no script does was repaired by hand in the same commit: texts of links, paths counted from ``__file__``, the list
of packages in pyproject.toml, and the order of packages in tests/test_architecture.py.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

PACKAGES = {
    "database": {
        "database": "connection", "tables": "tables", "changes": "cache_invalidation", "revocation": "cascades",
        "lasting_connections": "lasting_connections", "withdrawn_scopes": "withdrawn_scopes",
        "former_keys": "former_keys", "schema": "schema", "sqlite_files": "sqlite_files",
        "private_files": "private_files", "postgresql_connections": "postgresql_connections", "pruning": "pruning",
        "backup": "backup",
    },
    "keys": {
        "keys": "server_keys", "key_ring": "keyring", "encryption": "key_encryption", "signing": "jws",
        "encrypting": "jwe", "jwt_times": "jwt_times",
    },
    "clients": {
        "client": "client", "clients": "storage", "client_rows": "rows", "client_secrets": "secrets",
        "client_metadata": "metadata", "client_decisions": "decisions", "client_policy": "policy",
        "client_owners": "owners", "client_logos": "logos", "raster_pictures": "raster_pictures",
        "client_jwks": "client_jwks", "client_keys": "client_keys", "client_registration": "registration",
        "registration_narrowing": "registration_narrowing", "subject_types": "subject_types",
        "client_subjects": "subject_changes", "shown_client": "shown_client", "cors": "origins",
        "extra_origins": "extra_origins", "initial_access_tokens": "initial_access_tokens",
    },
    "users": {
        "users": "protocols", "local_users": "local_users", "account_changes": "account_changes",
        "account_export": "export", "login_names": "login_names", "lookalikes": "lookalikes",
        "passwords": "passwords", "password_login": "password_login", "password_links": "password_links",
        "login_throttle": "login_throttle", "requested_claims": "requested_claims",
        "user_claims": "user_claims", "demo_face": "demo_claims", "host_users": "host_users",
        "user_import": "user_import",
    },
    "sessions": {
        "sessions": "login_sessions", "client_sessions": "client_sessions", "outbox": "logout_notices",
        "notice_turns": "notice_turns", "authentication": "authentication_context",
    },
    "grants": {
        "grants": "storage", "codes": "codes", "consents": "consents", "waiting_requests": "pending_requests",
        "replay": "replay", "tokens": "tokens", "refresh_rotation": "refresh_rotation",
        "ending_grants": "ending_grants",
    },
    "configuration": {
        "configuration": "loading", "malformed_settings": "validation",
        "malformed_registration": "registration_validation", "production": "production",
        "demo_secrets": "demo_secrets", "configuration_facts": "report",
    },
    "wsgi": {
        "wsgi": "outer_layer", "endpoints": "endpoints", "guard": "admission",
        "health": "health", "draining": "draining", "mount": "mount",
    },
    "errors": {"error_catalogue": "catalogue"},
}  # fmt: skip
RENAMED = {
    "rate_limits": "oauth2.rate_limits",
    "oauth2.extension_points": "oauth2.registry",
    "oauth2.authorization_code": "oauth2.decision",
    "oauth2.logout": "oauth2.logout_uris",
    "routes.look": "routes.branding",
    "routes.errors": "routes.error_reference",
    "routes.host": "routes.host_application",
    "routes.client_more_fields": "routes.extra_fields",
    "routes.try_it_commands": "routes.example_commands",
    "routes.own_password": "routes.password_confirmation",
    "routes.waiting_requests": "routes.pending_requests",
    "routes.waiting_browser": "routes.pending_browser",
}
#: What a package shows of itself: its class and the types in its signatures. Everything else comes from its file.
FACES = {
    "database": {
        "connection": ("Database", "DatabaseUnavailableError", "ReferenceGoneError", "Row", "SchemaMissingError",
                       "StaleLoginError", "Statement", "Writer", "prepare_engine"),
    },
    "keys": {"server_keys": ("Keys", "KeysMissingError"), "key_encryption": ("KeyEncryption",)},
    "clients": {"client": ("Client",), "storage": ("Clients",)},
    "users": {"protocols": ("Account", "HostFacts", "HostLogin", "Users"), "local_users": ("LocalUsers",)},
    "sessions": {"login_sessions": ("Login", "Sessions"), "authentication_context": ("Authentication",)},
    "grants": {"storage": ("Grants",), "consents": ("Consents",), "tokens": ("AccessToken", "RefreshToken", "Tokens")},
    "configuration": {"loading": ("Configuration", "read_settings")},
    "wsgi": {"outer_layer": ("OuterLayer",), "endpoints": ("Endpoints",), "mount": ("Mount",)},
    "errors": {},
}  # fmt: skip
DOCSTRINGS = {
    "database": "The database: its connections, its tables as statements name them, and what ends with what.\n\n"
    "May use the models and the ground modules.",
    "keys": "The server's own keys, how they are encrypted at rest, and how JWTs are signed and encrypted.\n\n"
    "May use the database.",
    "clients": "Clients: what they are, how they are stored, what they may register, and who may decide about them.\n\n"
    "May use keys and the database.",
    "users": "Users: the protocol that any users table can satisfy, our own table, passwords, and claims.\n\n"
    "May use clients, as an account's own clients end with it.",
    "sessions": "Login sessions: a browser's login, the clients that know of it, and the notices of its end.\n\n"
    "May use users.",
    "grants": "Grants: consents, codes, tokens, and the authorization requests that wait for a person.\n\n"
    "May use sessions, clients and users.",
    "configuration": "Where the values of the settings come from, and what is wrong with them.\n\n"
    "May use whatever judges a value: keys, users, the database.",
    "wsgi": "The WSGI layers in front of Flask: every request passes the outer one, protocol endpoints end here.\n\n"
    "May use the protocol.",
    "errors": "What every error means: the catalogue, and one file for each error.",
}
SPECIFICATION = re.compile(r"(rfc\d|oidc_)")

TESTS = {
    **{f"{name}": f"support/{name}" for name in (
        "canary", "certificates", "embedding_host", "every_page", "listening_client", "live_server",
        "one_application", "person", "pictures", "ports", "postgres", "registering_client", "signing_client",
        "token_requests", "wire",
    )},
    "test_accounts": "users/test_accounts", "test_backup": "database/test_backup", "test_canary": "support/test_canary",
    "test_check_config": "cli/test_check_config", "test_client_logos": "clients/test_logos",
    "test_client_metadata": "clients/test_metadata", "test_cors": "wsgi/test_cors",
    "test_database": "database/test_connection", "test_docs": "docs/test_documents",
    "test_error_catalogue": "errors/test_catalogue", "test_events": "test_audit", "test_guard": "wsgi/test_admission",
    "test_health": "wsgi/test_health", "test_keys": "keys/test_server_keys",
    "test_login_by_email": "users/test_login_by_email", "test_login_throttle": "users/test_login_throttle",
    "test_look": "routes/test_branding", "test_owners_of_clients": "clients/test_owners",
    "test_path_issuer": "wsgi/test_path_issuer",
    "test_postgresql_connections": "database/test_postgresql_connections", "test_pruning": "database/test_pruning",
    "test_rate_limit_holders": "wsgi/test_rate_limit_holders", "test_rate_limits": "wsgi/test_rate_limits",
    "test_secrets_in_production": "survival/test_secrets_in_production", "test_settings": "configuration/test_loading",
    "test_signing_algorithms": "keys/test_signing_algorithms", "test_signing_out": "database/test_cascades",
    "test_start_up": "configuration/test_start_up", "test_storage_contract": "database/test_storage_contract",
    "test_tokens": "grants/test_tokens", "test_trusted_claims": "users/test_trusted_claims",
    "test_wsgi": "wsgi/test_outer_layer",
    "routes/test_waiting_requests": "routes/test_pending_requests",
    "routes/test_client_more_fields": "routes/test_extra_fields",
}  # fmt: skip


def moved_modules() -> dict[str, str]:
    """Return the former dotted name of every module that moves, and its new one."""
    moves = {}
    for package, files in PACKAGES.items():
        for old, new in files.items():
            moves[f"website.{old}"] = f"website.{package}.{new}"
    for old, new in RENAMED.items():
        moves[f"website.{old}"] = f"website.{new}"
    for path in (REPOSITORY / "website/oauth2").glob("*.py"):
        if SPECIFICATION.match(path.stem):
            moves[f"website.oauth2.{path.stem}"] = f"website.oauth2.specs.{path.stem}"
    tests = dict(TESTS)
    for path in (REPOSITORY / "tests/oauth2").glob("test_*.py"):
        if SPECIFICATION.match(path.stem.removeprefix("test_")):
            tests[f"oauth2/{path.stem}"] = f"oauth2/specs/{path.stem}"
    for path in (REPOSITORY / "tests/clients").glob("[!_]*.py"):
        tests[f"clients/{path.stem}"] = f"real_clients/{path.stem}"
    for old, new in tests.items():
        moves["tests." + old.replace("/", ".")] = "tests." + new.replace("/", ".")
    return {old: new for old, new in moves.items() if old != new}


def modules(root: str) -> set[str]:
    found = set()
    for path in (REPOSITORY / root).rglob("*.py"):
        dotted = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        found.add(dotted.removesuffix(".__init__"))
    return found


MOVES = moved_modules()
MODULES = modules("website") | modules("tests")
FACE_OF = {
    (f"website.{package}.{file}", name): f"website.{package}"
    for package, files in FACES.items()
    for file, names in files.items()
    for name in names
}


def rewrite_imports(text: str, old_module: str, new_module: str, is_package: bool, was_package: bool) -> str:
    """Return a file's text with each import of a module that moved, written from where the file itself stands now."""
    lines = text.split("\n")
    inside = new_module.split(".")[0]
    old_package = old_module if was_package else old_module.rpartition(".")[0]
    new_package = new_module if is_package else new_module.rpartition(".")[0]
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.ImportFrom, ast.Import))]
    for node in sorted(nodes, key=lambda node: -node.lineno):
        if isinstance(node, ast.Import):
            if any(alias.name in MOVES for alias in node.names):
                raise SystemExit(f"{new_module}: import {node.names[0].name} is not handled")
            continue
        base = node.module or ""
        if node.level:
            parts = old_package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1] + ([base] if base else []))
        if base.split(".")[0] not in ("website", "tests"):
            continue
        written: dict[str, list[str]] = {}
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            if whole in MODULES:
                target = MOVES.get(whole, whole)
                parent, _, name = target.rpartition(".")
                bound = alias.asname or (alias.name if alias.name != name else None)
            else:
                target = MOVES.get(base, base)
                name, bound = alias.name, alias.asname
                face = FACE_OF.get((target, name))
                parent = face if face and not f"{new_package}.".startswith(f"{face}.") else target
            origin = parent
            if inside == "website":
                origin = relative(new_package, parent)
            written.setdefault(origin, []).append(name + (f" as {bound}" if bound else ""))
        indent = " " * node.col_offset
        last = lines[node.end_lineno - 1]
        comment = "  # noqa" + last.split("# noqa", 1)[1] if "# noqa" in last else ""
        new = [f"\1{indent}from {origin} import {', '.join(names)}{comment}" for origin, names in written.items()]
        lines[node.lineno - 1 : node.end_lineno] = new
    return "\n".join(lines)


def relative(package: str, target: str) -> str:
    """Return a module as an import within ``package`` names it."""
    here, there = package.split("."), target.split(".")
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    return "." * (len(here) - shared + 1) + ".".join(there[shared:])


def rewrite_text(text: str) -> str:
    """Return a text with the paths and dotted names of what moved; imports that were rewritten begin with a mark."""
    return "\n".join(line[1:] if line.startswith("\1") else rewrite_line(line) for line in text.split("\n"))


PATHS = {old.replace(".", "/") + ".py": new.replace(".", "/") + ".py" for old, new in MOVES.items()}
ANY_PATH = "|".join(re.escape(path) for path in sorted(PATHS, key=len, reverse=True))
ANY_NAME = "|".join(re.escape(name) for name in sorted(MOVES, key=len, reverse=True))
LINK = re.compile(rf"\[(`?)(\w+\.py)(`?)\](\([^)]*?({ANY_PATH})\))")
PATH = re.compile(rf"(?:(?<![\w./-])|(?<=\.\./))({ANY_PATH})")
NAME = re.compile(rf"(?<![\w.])({ANY_NAME})(?![\w/(])(?!\.md)")


def rewrite_line(text: str) -> str:
    def link(found: re.Match[str]) -> str:
        before, shown, after, target, path = found.groups()
        if shown == path.rpartition("/")[2]:
            shown = PATHS[path].rpartition("/")[2]
        return f"[{before}{shown}{after}]{target}"

    text = LINK.sub(link, text)
    text = PATH.sub(lambda found: PATHS[found[1]], text)
    return NAME.sub(lambda found: MOVES[found[1]], text)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True)


def main() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    files = [REPOSITORY / name for name in listed.stdout.splitlines()]
    for path in files:
        if path.suffix not in {".py", ".md", ".toml", ".yaml", ".ini", ".service", ".html", ".conf"}:
            continue
        if path == Path(__file__).resolve() or not path.exists():
            continue
        name = path.relative_to(REPOSITORY).as_posix()
        if name == "CHANGELOG.md" or name.startswith("docs/tutorial/steps"):
            continue
        text = path.read_text()
        if path.suffix == ".py":
            dotted = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
            old = dotted.removesuffix(".__init__")
            new = "website.oauth2.specs" if old == "website.oauth2.specs" else MOVES.get(old, old)
            is_package = path.name == "__init__.py" or new == "website.oauth2.specs"
            text = rewrite_imports(text, old, new, is_package, path.name == "__init__.py")
        path.write_text(rewrite_text(text))
    (REPOSITORY / "website/oauth2/specs").mkdir()
    if (REPOSITORY / "tests/clients").exists():
        git("mv", "tests/clients", "tests/real_clients")
    git("mv", "website/oauth2/specs.py", "website/oauth2/specs/__init__.py")
    for old, new in MOVES.items():
        source = REPOSITORY / (old.replace(".", "/") + ".py")
        target = REPOSITORY / (new.replace(".", "/") + ".py")
        if not source.exists():
            continue
        # A module may leave a name that its package takes.
        target.parent.mkdir(parents=True, exist_ok=True)
        git("mv", str(source), str(target))
        if target.is_relative_to(REPOSITORY / "tests") and not (target.parent / "__init__.py").exists():
            (target.parent / "__init__.py").touch()
    for package, docstring in DOCSTRINGS.items():
        faces = FACES[package]
        lines = [f'"""{docstring}\n"""' if "\n" in docstring else f'"""{docstring}"""', ""]
        lines += [f"from .{file} import {', '.join(names)}" for file, names in faces.items()]
        shown = sorted(name for names in faces.values() for name in names)
        if shown:
            lines += ["", f"__all__ = {shown!r}"]
        (REPOSITORY / "website" / package / "__init__.py").write_text("\n".join(lines) + "\n")
    git("add", "-A")


if __name__ == "__main__":
    main()
