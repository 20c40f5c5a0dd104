"""Fixtures: real applications, databases, servers and browsers, fresh for each test."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import time_machine
from hypothesis import HealthCheck

from tests.support import canary
from tests.support.compiled_once import keep_compiled
from tests.support.live_server import (
    SETTINGS,
    Kind,
    LiveServer,
    close_database,
    server_environment,
    start_server,
)
from tests.support.loaded_flask import offer_loaded_flask
from tests.support.ordering import put_long_files_first, shuffle
from tests.support.patient_limits import lengthen_limits
from tests.support.ports import reserve_port
from tests.support.postgres import Cluster, end_cluster, obtain_cluster, stop_dropping
from tests.support.quick_passwords import hash_as_in_production, hash_quickly
from tests.support.waiting import ANSWER_SECONDS
from website.access_log import access_log

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.support.token_requests import Provider
    from tests.support.wire import Wire

#: The headless shell, where it is installed, opens a fresh profile in a fifth of the time that Chromium takes.
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER_FIXTURES = {"chromium", "browser", "page"}
RUN_FOLDER = pytest.StashKey[Path]()


# The run: one folder that all workers share. The controller makes it, and ends what was started for the run.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--random-order", action="store_true", help="run files, and the tests of each, in a random order")
    parser.addoption("--random-seed", type=int, metavar="SEED", help="the order that a run printed")


def pytest_configure(config: pytest.Config) -> None:
    canary.install()
    keep_compiled()
    hash_quickly()
    lengthen_limits()
    access_log.start()  # before there is a handler of SIGTERM: lines belong to the test that causes them
    # The same examples each time, as long as each may take; `make soak` draws new ones.
    hypothesis.settings.register_profile(
        "grantwright",
        deadline=None,
        derandomize=config.option.markexpr != "soak",
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.settings.load_profile("grantwright")
    handed_over = getattr(config, "workerinput", None)
    if handed_over is None:
        if config.option.random_seed is None:
            config.option.random_seed = random.randrange(1_000_000)
        config.stash[RUN_FOLDER] = Path(tempfile.mkdtemp(prefix="grantwright-tests-"))
        # A terminated run ends its servers and its cluster as an interrupted one does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    else:
        config.stash[RUN_FOLDER] = Path(handed_over["run_folder"])
        config.option.random_seed = handed_over["random_seed"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["run_folder"] = str(node.config.stash[RUN_FOLDER])
    node.workerinput["random_seed"] = node.config.option.random_seed


def pytest_unconfigure(config: pytest.Config) -> None:
    stop_dropping()
    if not hasattr(config, "workerinput"):
        end_cluster(config.stash[RUN_FOLDER])
        shutil.rmtree(config.stash[RUN_FOLDER])


def pytest_report_header(config: pytest.Config) -> str:
    return f"order: --random-order --random-seed={config.option.random_seed}" if config.option.random_order else ""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collect the tests without a search for garbage, and leave them out of every later one: they stay to the end.

    Later ones are rarer than by default, as each looks at all that thousands of tests have left.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20000, 10, 50)
        gc.enable()


# First, so that pytest then puts the tests of one module fixture together again.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.random_order:
        shuffle(items, config.option.random_seed)
    else:
        put_long_files_first(items)
    for item in items:
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


# No secret in a log or a database (P1): searched for after every test, in what its fixtures made and what it printed.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    canary.begin_test()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    canary.check_test()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if report.when == "call" and report.passed:
        leaks = canary.find_leaks_in_captured(report.sections)
        if leaks:
            report.outcome, report.longrepr = "failed", "secrets in clear:\n" + "\n".join(leaks)
    return report


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The folder that all workers of this run share."""
    return pytestconfig.stash[RUN_FOLDER]


# The environment: a variable wins over any other source of a setting, so none may leak in from outside.


@pytest.fixture(autouse=True)
def insecure_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plain http pass, and take every setting of this machine's own environment away."""
    for name in list(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    # Tests that set the clock mean this process's: PostgreSQL's goes on.
    monkeypatch.setenv("OAUTH2_DATABASE_CLOCK", "0")


@pytest.fixture
def secure_transport_required(insecure_transport: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse plain http, as without AUTHLIB_INSECURE_TRANSPORT. Ask for it before the application."""
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")


@pytest.fixture
def real_password_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with the parameters of production."""
    hash_as_in_production(monkeypatch)


# Databases


@pytest.fixture(scope="session")
def postgres_cluster(run_folder: Path) -> Cluster:
    """The run's own PostgreSQL cluster."""
    return obtain_cluster(run_folder)


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: Cluster) -> str:
    """The address of the cluster's maintenance database; `create_database` gives the ones to write into."""
    return postgres_cluster.url()


@pytest.fixture
def create_database(postgres_cluster: Cluster) -> Iterator[Callable[[], str]]:
    """A factory: each call creates an empty PostgreSQL database and returns its address."""
    with ExitStack() as cleanup:

        def create() -> str:
            name = postgres_cluster.create_database()
            cleanup.callback(postgres_cluster.drop_database, name)
            return postgres_cluster.url(name)

        yield create


@pytest.fixture
def wire(postgres_cluster: Cluster) -> Iterator[Wire]:
    """A connection to the cluster that can be cut or held back; `through(wire, address)` leads over it."""
    from tests.support.wire import Wire

    made = Wire(postgres_cluster.port)
    yield made
    with suppress(OSError):
        made.cut()


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    """The address of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/db.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest) -> str:
    """The address of an empty database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_uri")
    return request.getfixturevalue("create_database")()


# Time


@pytest.fixture
def stopped_clock() -> Iterator[time_machine.Traveller]:
    """The current time, which stays the same until it is moved, however long the requests of a busy machine take."""
    with time_machine.travel(time.time(), tick=False) as clock:
        yield clock


@pytest.fixture
def no_look_for_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request asks whether another process has changed something, as each would if the last one was a second ago."""
    for setting in ("CHECK_SECONDS", "GOOD_SECONDS"):
        monkeypatch.setattr(f"website.database.cache_invalidation.{setting}", 3600.0)


# Applications


@pytest.fixture
def create_application(sqlite_uri: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """A factory: `create_application(OAUTH2_ISSUER=..., ...)` returns an application, its database set up.

    Settings come by name over the defaults: SQLite in `tmp_path`, the demo, TESTING, and signatures by ES256 alone,
    because to make and open keys of RSA takes longer than all the rest; servers and shared providers have the real
    default. `initdb=False` leaves the database as it is, for a second application on the same one.
    """
    from tests.support.prepared_databases import make_application
    from website.app import create_app

    with ExitStack() as cleanup:

        def create(*, initdb: bool = True, **settings: Any) -> Flask:
            defaults = {
                "TESTING": True,
                "SQLALCHEMY_DATABASE_URI": sqlite_uri,
                "OAUTH2_INSTANCE_PATH": str(tmp_path),
                "OAUTH2_SIGNING_ALGORITHMS": ["ES256"],
                "OAUTH2_DECRYPTION_ALGORITHMS": [],
            }
            application = (make_application if initdb else create_app)(defaults | settings)
            cleanup.callback(close_database, application)
            instance = Path(application.instance_path)
            canary.watch(application.config["SQLALCHEMY_DATABASE_URI"], instance, settings=application.config)
            return application

        yield create


@pytest.fixture
def application(create_application: Callable[..., Flask]) -> Flask:
    """The demo on SQLite, its database set up."""
    return create_application()


@pytest.fixture
def client(application: Flask) -> FlaskClient:
    """A browser's stand-in for `application`: keeps cookies, follows nothing unasked."""
    return application.test_client()


# Providers that many tests share: each brings clients and people of its own


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo on SQLite, at the protocol endpoints; shared by the tests of a worker."""
    from tests.support.token_requests import open_provider

    folder = tmp_path_factory.mktemp("provider")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_REGISTRATION="token") as opened:
        yield opened


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def stored_provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo, once on SQLite and once on PostgreSQL; shared by the tests of a worker."""
    if request.param == "sqlite":
        yield request.getfixturevalue("provider")
        return
    from tests.support.token_requests import open_provider

    cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    with open_provider(tmp_path_factory.mktemp("stored"), cluster.url(name), OAUTH2_REGISTRATION="token") as opened:
        yield opened
    cluster.drop_database(name)


# Servers


@pytest.fixture
def live_server(run_folder: Path, sqlite_uri: str, tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """A factory: `live_server("granian", {"OAUTH2_ISSUER": ...})` starts a server process of that kind.

    The environment given comes over the defaults (SQLite in `tmp_path`, the demo); None takes one away.
    `initdb=False` leaves the database as it is; `arguments` are added to the server's own; `port` is
    a port of the test's own choice; `is_loaded=False` has it start as in production, not as a copy of a loaded process.
    """
    from tests.support.prepared_databases import set_up_database

    with ExitStack() as cleanup:

        def start(
            kind: Kind = "flask",
            environment: dict[str, str | None] | None = None,
            *,
            initdb: bool = True,
            arguments: tuple[str, ...] = (),
            port: int | None = None,
            is_loaded: bool = True,
        ) -> LiveServer:
            defaults = {"SQLALCHEMY_DATABASE_URI": sqlite_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
            complete = server_environment(defaults | (environment or {}))
            if initdb:
                set_up_database(complete)
            port = port or reserve_port(run_folder)
            server = start_server(
                kind,
                port=port,
                environment=complete,
                log_path=tmp_path / f"{kind}-{port}.log",
                arguments=arguments,
                is_loaded=is_loaded,
            )
            cleanup.callback(server.end)
            instance = Path(complete.get("OAUTH2_INSTANCE_PATH", "instance"))
            canary.watch(complete.get("SQLALCHEMY_DATABASE_URI", ""), instance, log=server.log_path, settings=complete)
            return server

        yield start


@pytest.fixture
def two_nodes(
    run_folder: Path, database_uri: str, live_server: Callable[..., LiveServer]
) -> tuple[LiveServer, LiveServer]:
    """Two Granian processes on one database (SQLite, then PostgreSQL), with one issuer: the first one's."""
    port = reserve_port(run_folder)
    shared = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_ISSUER": f"http://127.0.0.1:{port}"}
    first = live_server("granian", shared, port=port)
    return first, live_server("granian", shared, initdb=False)


@pytest.fixture(scope="session")
def loaded_flask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a command ``flask`` that starts quickly, for the PATH of whoever types many of them."""
    with offer_loaded_flask(tmp_path_factory.mktemp("loaded")) as folder:
        yield folder


# Browsers


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The worker's one Chromium process."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=ANSWER_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile: no cookies, no storage; `browser.new_page()` opens a page."""
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Page:
    """A page in a fresh browser profile."""
    return browser.new_page()
