"""A command in a process of its own loads what it uses and nothing else: that is most of what a start costs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from tests.support.live_server import REPOSITORY, server_environment
from tests.support.prepared_databases import set_up_database
from tests.support.waiting import ANSWER_SECONDS

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
#: All commands in one process: what is loaded only grows, so what one loads is seen behind it.
PROGRAM = """
import contextlib, gc, io, json, sys
import app
steps = [["import app", sorted(sys.modules), [gc.isenabled(), gc.get_freeze_count()]]]
from flask.cli import main
for arguments in {commands!r}:
    sys.argv = ["flask", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            main()
        except SystemExit as end:
            assert not end.code, (arguments, end.code, printed.getvalue())
    steps.append([" ".join(arguments), sorted(sys.modules), printed.getvalue()])
print(json.dumps(steps))
"""
LIGHT = (
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
)
CREATE = ("users", "create", "ада", "--password", "correct horse")
CURRENT = ("db", "current")
HELP = ("db", "--help")


class Step(NamedTuple):
    """What a command has loaded that was not loaded before, and what it printed."""

    loaded: set[str]
    printed: Any


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Step]:
    """The import of the application and then every command, each in a process where the former ones have run."""
    folder = tmp_path_factory.mktemp("instance")
    database = f"sqlite:///{folder}/db.sqlite"
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": database, "OAUTH2_INSTANCE_PATH": str(folder)})
    set_up_database(environment)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(commands=[*LIGHT, CREATE, CURRENT, HELP])],
        cwd=REPOSITORY, env={**environment, "FLASK_APP": "app.py"}, capture_output=True, text=True,
        timeout=ANSWER_SECONDS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found, before = {}, set[str]()
    for name, modules, printed in json.loads(ran.stdout.splitlines()[-1]):
        loaded = {module.partition(".")[0] for module in modules}
        found[name] = Step(loaded - before, printed)
        before |= loaded
    return found


@pytest.mark.parametrize("command", LIGHT, ids=" ".join)
def test_a_command_does_not_load_what_it_does_not_use(steps: dict[str, Step], command: tuple[str, ...]) -> None:
    assert not steps[" ".join(command)].loaded & set(DEFERRED)


def test_importing_the_application_loads_only_what_every_start_needs(steps: dict[str, Step]) -> None:
    loaded = steps["import app"].loaded

    assert "website" in loaded
    assert not loaded & set(DEFERRED)


def test_a_command_that_uses_it_loads_it(steps: dict[str, Step]) -> None:
    assert {"alembic", "flask_migrate"} <= steps[" ".join(CURRENT)].loaded
    assert "confusable_homoglyphs" in steps[" ".join(CREATE)].loaded


def test_the_commands_of_flask_migrate_are_there(steps: dict[str, Step]) -> None:
    assert {"upgrade", "current", "migrate", "downgrade"} <= set(steps[" ".join(HELP)].printed.split())


def test_garbage_is_collected_again_once_the_application_stands(steps: dict[str, Step]) -> None:
    is_enabled, frozen = steps["import app"].printed

    assert is_enabled
    assert frozen > 10000
