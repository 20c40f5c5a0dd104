"""A command in a process of its own loads what it uses and nothing else: that is most of what a start costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.live_server import REPOSITORY, run_flask, server_environment
from tests.support.prepared_databases import set_up_database

#: What most commands do without, and what it is for.
DEFERRED = {
    "alembic": "migrations",
    "flask_migrate": "migrations",
    "requests": "fetching what clients name",
    "urllib3": "fetching what clients name",
    "confusable_homoglyphs": "new usernames",
    "multiprocessing": "the end of a server's process, which writes the last lines of its access log",
    "segno": "QR codes",
    "ua_parser": "the page of sessions",
    "mako": "migrations",
    "rich": "nothing here: structlog shows tracebacks by it where it is installed",
    "pygments": "nothing here: rich does",
}
PROGRAM = """
import json, sys
from flask.cli import main
sys.argv = ["flask", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("instance")
    database = f"sqlite:///{folder}/db.sqlite"
    made = server_environment({"SQLALCHEMY_DATABASE_URI": database, "OAUTH2_INSTANCE_PATH": str(folder)})
    set_up_database(made)
    return {**made, "FLASK_APP": "app.py"}


def loaded_by(environment: dict[str, str], *arguments: str) -> set[str]:
    """Return the packages that are loaded once a command has run."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=list(arguments))],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    modules = ran.stdout.splitlines()[-1].strip("[]").replace('"', "").split(", ")
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    "command",
    [
        ("users", "list"),
        ("clients", "list"),
        ("keys", "list"),
        ("events",),
        ("show-config",),
        ("check-config",),
        ("prune", "--dry-run"),
        ("worker", "--once"),
        ("logout-notices", "list"),
        ("initial-access-tokens", "list"),
        ("drain",),
        ("drain", "--undo"),
    ],
    ids=" ".join,
)
def test_a_command_does_not_load_what_it_does_not_use(environment: dict[str, str], command: tuple[str, ...]) -> None:
    assert not loaded_by(environment, *command) & set(DEFERRED)


def test_importing_the_application_loads_only_what_every_start_needs(environment: dict[str, str]) -> None:
    program = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert not {name.partition(".")[0] for name in json.loads(ran.stdout)} & set(DEFERRED)


def test_a_command_that_uses_it_loads_it(environment: dict[str, str]) -> None:
    assert {"alembic", "flask_migrate"} <= loaded_by(environment, "db", "current")
    assert "confusable_homoglyphs" in loaded_by(environment, "users", "create", "ада", "--password", "correct horse")


def test_the_commands_of_flask_migrate_are_there(environment: dict[str, str]) -> None:
    printed = run_flask("db", "--help", environment=environment)
    assert {"upgrade", "current", "migrate", "downgrade"} <= set(printed.split())


def test_garbage_is_collected_again_once_the_application_stands(environment: dict[str, str]) -> None:
    program = "import gc, app; assert gc.isenabled(); assert gc.get_freeze_count() > 10000"
    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
