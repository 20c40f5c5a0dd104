"""Facts about the contents of the distribution."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import requests

from tests.support.live_server import server_environment, wait_until_reachable
from tests.support.person import Person
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS
from tools.check_platforms import PLATFORMS
from website import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIREMENTS = [path.name for path in sorted(REPOSITORY.glob("requirements*"))]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_wheel_names_every_package_of_the_folder_website() -> None:
    folders = {path.parent.relative_to(REPOSITORY) for path in REPOSITORY.glob("website/**/*.py")}
    packages = {".".join(folder.parts).replace("website", "grantwright", 1) for folder in folders}

    assert packages <= set(PYPROJECT["tool"]["setuptools"]["packages"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the wheel holds, built from a copy: a build leaves folders where it runs."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(REPOSITORY / "website", source / "website", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(REPOSITORY / name, source)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"),
            *("--wheel-dir", target, source),
        ],
        check=True,
        timeout=ANSWER_SECONDS,
    )
    [built] = target.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; what the wheel requires is that of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    [site] = folder.glob("lib/python*/site-packages")
    (site / "required.pth").write_text(sysconfig.get_path("purelib"))
    [file] = wheel.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", file],
        check=True,
        timeout=ANSWER_SECONDS,
    )
    return folder / "bin"


@contextmanager
def running(program: Path, *arguments: str, folder: Path, **environment: str | None) -> Iterator[subprocess.Popen[str]]:
    """Start the installed console script in an empty folder that is also its user's; end it."""
    variables = server_environment({"HOME": str(folder), "XDG_DATA_HOME": None, "PYTHONPATH": None, **environment})
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, *arguments], cwd=folder, env=variables, stdout=log, stderr=log, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(ANSWER_SECONDS)


def test_the_installed_demo_needs_nothing_but_a_folder_of_its_user(
    installed: Path, tmp_path: Path, run_folder: Path
) -> None:
    port = reserve_port(run_folder)
    insecure = {"AUTHLIB_INSECURE_TRANSPORT": None}
    with running(installed / "grantwright", "demo", "--port", str(port), folder=tmp_path, **insecure) as process:
        person = Person(f"http://127.0.0.1:{port}")
        wait_until_reachable(process, f"http://127.0.0.1:{port}/")
        person.log_in("ada")
        page = person.get("/")
        assert "ada" in page.text
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert files
        assert {person.get(file).status for file in files} == {200}
    assert f"Open http://127.0.0.1:{port}/" in (tmp_path / "log").read_text()
    # Later commands find the same data, wherever they are called.
    [database] = tmp_path.rglob("db.sqlite")
    assert tmp_path / "instance" not in database.parents
    ran = subprocess.run(
        [installed / "grantwright", "show-config", "--json"],
        cwd=run_folder, env=server_environment({"HOME": str(tmp_path), "XDG_DATA_HOME": None, "PYTHONPATH": None}),
        capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS,
    )  # fmt: skip
    assert str(database.parent) in ran.stdout


def test_the_installed_server_takes_its_secrets_from_files_and_ends_at_sigterm(
    installed: Path, tmp_path: Path, run_folder: Path
) -> None:
    for module in ("granian.py", "flask.py", "sitecustomize.py", "grantwright.console_script.py", "__init__.py"):
        (tmp_path / module).write_text("import os\nos._exit(7)  # nothing is imported from the working folder\n")
    (tmp_path / "secret_key").write_text("zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G\n")
    (tmp_path / "encryption_key").write_text("Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY\n")
    settings = {
        "AUTHLIB_INSECURE_TRANSPORT": None, "OAUTH2_DEMO": "0", "OAUTH2_ISSUER": "https://id.example",
        "OAUTH2_INSTANCE_PATH": str(tmp_path), "SECRET_KEY_FILE": str(tmp_path / "secret_key"),
        "OAUTH2_KEY_ENCRYPTION_KEY_FILE": str(tmp_path / "encryption_key"),
    }  # fmt: skip
    port = reserve_port(run_folder)
    settings["GRANTWRIGHT_SERVE_PORT"] = str(port)
    with running(installed / "grantwright", "serve", folder=tmp_path, **settings) as process:
        wait_until_reachable(process, f"http://127.0.0.1:{port}/healthz")
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=ANSWER_SECONDS).json() == {"status": "ok"}
        process.terminate()
        assert process.wait(ANSWER_SECONDS) == 0, (tmp_path / "log").read_text()


def files_below(folder: Path) -> set[Path]:
    return {
        file.relative_to(folder) for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_wheel_has_every_file_of_the_folder_website(wheel: Path) -> None:
    """Fonts, scripts, catalogues and error pages too: nothing is fetched or built when it runs."""
    assert files_below(wheel / "grantwright") == files_below(REPOSITORY / "website")


def count_data(folder: Path, package: str) -> list[int]:
    """Return how many migrations and error codes a package finds beside itself."""
    program = (
        f"from {package}.database.schema import known_revisions; from {package}.errors.catalogue import CATALOGUE; "
        "print(len(known_revisions()), len(CATALOGUE))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return [int(number) for number in ran.stdout.split()]


def test_migrations_and_errors_are_found_in_the_checkout_and_in_the_wheel(wheel: Path) -> None:
    versions = len(list((REPOSITORY / "website/migrations/versions").glob("[0-9]*.py")))
    errors = len(list((REPOSITORY / "website/errors").glob("*.toml")))
    assert min(versions, errors) > 10
    assert count_data(REPOSITORY, "website") == count_data(wheel, "grantwright") == [versions, errors]
    # What Alembic and the pages need besides.
    for name in ("env.py", "script.py.mako", "alembic.ini"):
        assert (wheel / "grantwright/migrations" / name).exists(), name


def test_the_version_is_the_one_of_the_distribution() -> None:
    assert __version__ == PYPROJECT["project"]["version"]


def test_the_wheel_has_the_font_and_its_licence(wheel: Path) -> None:
    font = wheel / "grantwright/static/vendor/inter/inter-latin-wght-normal.woff2"
    assert font.read_bytes()[:4] == b"wOF2"
    assert "SIL Open Font License" in font.with_name("OFL.txt").read_text()


def test_the_wheel_protects_an_api_without_loading_the_provider(wheel: Path) -> None:
    program = (
        "import sys, grantwright.resource_server; from grantwright.resource_server import asgi; "
        "print(*sorted({'flask', 'sqlalchemy', 'argon2', 'starlette', 'mcp'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=wheel, capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
    for name in ("flask", "fastapi", "mcp"):
        assert (wheel / "grantwright/resource_server" / f"{name}.py").exists(), name


def test_requirements_name_no_index_and_no_folder() -> None:
    for name in REQUIREMENTS:
        lines = (REPOSITORY / name).read_text().splitlines()

        assert [line for line in lines if "://" in line or line.startswith(("-i", "-f", "--"))] == []


def test_the_wheel_requires_every_library_that_it_imports() -> None:
    """requirements.in is what the wheel requires; requirements.txt holds that, and what comes with it."""
    installed = {line.partition("==")[0] for line in (REPOSITORY / "requirements.txt").read_text().splitlines()}
    found = packages_distributions()
    imported = {
        name.partition(".")[0]
        for path in REPOSITORY.glob("website/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported_by(node)
    }
    # An API that uses these brings them itself.
    extras = set(PYPROJECT["project"]["optional-dependencies"])
    libraries = imported - set(sys.stdlib_module_names) - extras - {"website"}
    missing = {
        library
        for library in libraries
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in found.get(library, ())} & installed
    }

    assert len(libraries) > 10
    assert missing == set()


def imported_by(node: ast.AST) -> list[str]:
    """Return the modules that a node imports from outside its package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_every_requirement_is_pinned_with_its_hashes() -> None:
    for name in ("requirements.txt", "requirements-docs.txt", "requirements-dev.txt"):
        text = (REPOSITORY / name).read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

        assert len(lines) > 10
        assert [line for line in lines if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_table_of_platforms_is_the_one_that_the_package_index_is_asked_about() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    table = {name: said for name, said in rows if "ready-made" in said or "are built" in said}
    assert list(table) == [platform.name for platform in PLATFORMS]
    for platform in PLATFORMS:
        assert all(package in table[platform.name] for package in platform.built)
        assert ("ready-made" in table[platform.name]) == (not platform.built)


FAKE_PIP = """#!/bin/sh
echo "$@" >> "$0.log"
case "$*" in
  *--only-binary*) echo "{complaint}" >&2; exit 1;;
esac
"""


@pytest.mark.parametrize(
    ("complaint", "is_built", "status"),
    [
        ("ERROR: No matching distribution found for granian==2.8.0", True, 0),
        ("ERROR: Could not find a version that satisfies the requirement argon2-cffi-bindings", True, 0),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", False, 1),
        ("ERROR: Could not install packages due to an OSError: No space left on device", False, 1),
    ],
)
def test_a_package_is_built_from_source_only_where_there_is_no_wheel(
    tmp_path: Path, complaint: str, is_built: bool, status: int
) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(REPOSITORY / "tools" / "make-venv", tmp_path / "tools")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PIP.format(complaint=complaint))
    python.chmod(0o755)
    ran = subprocess.run(
        [tmp_path / "tools" / "make-venv", "requirements.txt"],
        env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True,
    )  # fmt: skip
    calls = [line for line in python.with_name("python.log").read_text().splitlines() if "install" in line]
    assert ran.returncode == status
    assert complaint.removeprefix("ERROR: ")[:20] in ran.stderr or is_built
    assert ["--only-binary" in call for call in calls] == ([True, False] if is_built else [True])
    assert all("--require-hashes" in call for call in calls)


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("more", [[], ["--host", "127.0.0.1"], ["--debug"]])
def test_flask_run_says_that_its_port_is_taken_and_which_option_helps(
    loaded_flask: Path, tmp_path: Path, more: list[str]
) -> None:
    environment = server_environment({"OAUTH2_INSTANCE_PATH": str(tmp_path)})
    with taken_port() as port:
        ran = subprocess.run(
            [loaded_flask / "flask", "run", "--port", str(port), *more],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS,
        )  # fmt: skip
    assert ran.returncode == 1
    assert f"Port {port} is in use" in ran.stderr
    assert "flask run --port" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_make_run_says_so_before_it_makes_anything(tmp_path: Path) -> None:
    environment = server_environment({"OAUTH2_INSTANCE_PATH": str(tmp_path)})
    with taken_port() as port:
        ran = subprocess.run(
            ["make", "--no-print-directory", "-o", ".venv/requirements.stamp", "run", f"PORT={port}"],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS,
        )  # fmt: skip
    assert ran.returncode == 2
    assert f"Port {port} is in use" in ran.stderr
    assert "make run PORT=" in ran.stderr
    assert not list(tmp_path.iterdir())


def test_the_documentation_is_built_with_what_it_needs_and_no_more() -> None:
    names = re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements-docs.txt").read_text(), re.MULTILINE)
    assert "sphinx" in names
    assert not {"pytest", "playwright", "mypy", "flask", "granian"} & {name.lower() for name in names}
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "docs"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    ).stdout
    assert "requirements-docs.txt" in said
    assert "requirements-dev.txt" not in said
    assert "Setting up .venv for the documentation" in said
