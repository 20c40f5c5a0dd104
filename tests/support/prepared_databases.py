"""Databases with tables and keys, as ``flask initdb`` makes them: made once for each set of keys, then copied.

Their tables are made once, by all migrations; what ``flask initdb`` adds to a copy of them is the keys.

To make them takes 75 ms on SQLite and 240 ms on PostgreSQL, more where keys of RSA are among them; a copy takes 2 ms
and 30 ms. A database that is not empty, or whose instance folder has secrets already, is set up by ``flask initdb``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from flask import Flask
from sqlalchemy.engine import URL, make_url

from tests.support.live_server import close_database, environment_of
from tests.support.postgres import Cluster, running_cluster
from website.app import create_app
from website.cli.migrations import upgrade
from website.configuration.loading import gather, read_configuration
from website.settings import Settings, SettingsError

DATABASE = "db.sqlite"
#: What the demo keeps beside its database: keys are encrypted under one of them.
SECRET_FILES = ("secret_key", "key_encryption_key")

#: By what keys there are, and under what they are encrypted: a folder, and the name of a PostgreSQL database.
_folders: dict[tuple[Any, ...], Path] = {}
_databases: dict[tuple[Any, ...], str] = {}
#: The folders and the databases whose tables are there, and nothing in them, by what made them.
_empty_folders: dict[Callable[..., Flask], Path] = {}
_empty_databases: dict[Callable[..., Flask], str] = {}


def make_application(config: Mapping[str, Any]) -> Flask:
    """Build the application that these settings and the environment describe, with tables and keys."""
    is_copied = _copy(config)
    application = create_app(dict(config))
    if not is_copied:
        run_initdb(application)
    return application


def set_up_database(environment: Mapping[str, str]) -> None:
    """Do what ``flask initdb`` does in that environment, without the start of a process."""
    with environment_of(environment):
        if _copy({}):
            return
        application = create_app()
        run_initdb(application)
        close_database(application)


def put_tables(database_uri: str, create: Callable[[str, Path], Flask]) -> None:
    """Put tables into an empty database: those of the application that is created at an address and a folder.

    They are made once for each function. Of another run's databases nothing is known, and nothing is done.
    """
    url = make_url(database_uri)
    if database_uri.startswith("sqlite"):
        if not Path(str(url.database)).exists():
            shutil.copy(_folder_of_tables(create) / DATABASE, str(url.database))
        return
    cluster = _find_cluster(url)
    if cluster is not None:
        cluster.copy_database(_database_of_tables(cluster, create), str(url.database))


def run_initdb(application: Flask) -> None:
    """Run ``flask initdb`` in this process."""
    outcome = application.test_cli_runner().invoke(args=["initdb"])
    assert outcome.exit_code == 0, outcome.output


def _copy(config: Mapping[str, Any]) -> bool:
    """Put a copy where these settings say that the database is; return whether nothing is missing in it.

    Keys are missing where those of a copy would be of another time, or not of the secrets that are there.
    """
    try:
        settings = read_configuration(gather(config, os.environ), os.environ).settings
    except SettingsError:
        return False  # the application that is built next says so
    instance = Path(settings.instance_path).absolute()
    has_secrets = any((instance / name).exists() for name in SECRET_FILES)
    has_keys = not has_secrets and not time_machine.escape_hatch.is_travelling()
    if settings.database_uri.startswith("sqlite"):
        return _copy_file(settings, config, instance, has_keys)
    url = make_url(settings.database_uri)
    cluster = _find_cluster(url)
    if cluster is None:
        return False
    return _copy_database(cluster, str(url.database), settings, config, instance, has_keys)


def _copy_file(settings: Settings, config: Mapping[str, Any], instance: Path, has_keys: bool) -> bool:
    name = make_url(settings.database_uri).database
    if not name or name.startswith(("file:", ":memory:")) or (instance / name).exists():
        return False
    template = _folder_for(settings, config) if has_keys else _folder_of_tables(_create_for_tables)
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(template / DATABASE, instance / name)
    if has_keys:
        _copy_secrets(template, instance)
    return has_keys


def _copy_secrets(template: Path, instance: Path) -> None:
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRET_FILES:
        if (template / name).exists():
            shutil.copy(template / name, instance / name)


def _find_cluster(url: URL) -> Cluster | None:
    """Return the run's cluster, if that is where an address leads and there is nothing in the database yet."""
    cluster = running_cluster()
    is_there = cluster is not None and url.port == cluster.port and _is_empty(cluster, str(url.database))
    return cluster if is_there else None


def _is_empty(cluster: Cluster, database: str) -> bool:
    with psycopg.connect(cluster.url(database).replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        return tables == (0,)


def _copy_database(
    cluster: Cluster, name: str, settings: Settings, config: Mapping[str, Any], instance: Path, has_keys: bool
) -> bool:
    if not has_keys:
        cluster.copy_database(_database_of_tables(cluster, _create_for_tables), name)
        return False
    key = _kind_of(settings)
    folder = _folder_for(settings, config)
    if key not in _databases:
        template = cluster.create_database()
        cluster.copy_database(_database_of_tables(cluster, _create_for_tables), template)
        _make(config, folder, cluster.url(template))
        _databases[key] = template
    cluster.copy_database(_databases[key], name)
    _copy_secrets(folder, instance)
    return True


def _kind_of(settings: Settings) -> tuple[Any, ...]:
    algorithms = (*settings.signing_algorithms, "", *settings.decryption_algorithms)
    return settings.demo, settings.secret_key, settings.key_encryption_key, *algorithms


def _folder_for(settings: Settings, config: Mapping[str, Any]) -> Path:
    key = _kind_of(settings)
    if key not in _folders:
        folder = _make_folder()
        shutil.copy(_folder_of_tables(_create_for_tables) / DATABASE, folder / DATABASE)
        _make(config, folder, f"sqlite:///{folder}/{DATABASE}")
        _folders[key] = folder
    return _folders[key]


def _folder_of_tables(create: Callable[[str, Path], Flask]) -> Path:
    if create not in _empty_folders:
        folder = _make_folder()
        _make_tables(create(f"sqlite:///{folder}/{DATABASE}", folder))
        _empty_folders[create] = folder
    return _empty_folders[create]


def _database_of_tables(cluster: Cluster, create: Callable[[str, Path], Flask]) -> str:
    if create not in _empty_databases:
        name = cluster.create_database()
        _make_tables(create(cluster.url(name), _make_folder()))
        _empty_databases[create] = name
    return _empty_databases[create]


def _make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="grantwright-template-"))
    atexit.register(shutil.rmtree, folder)
    return folder


def _create_for_tables(database_uri: str, instance: Path) -> Flask:
    own = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(instance)}
    with environment_of({"AUTHLIB_INSECURE_TRANSPORT": "1", **own}):
        return create_app()


def _make_tables(application: Flask) -> None:
    with application.app_context():
        upgrade(application)
    close_database(application)


def _make(config: Mapping[str, Any], instance: Path, database_uri: str) -> None:
    application = _create(config, instance, database_uri)
    run_initdb(application)
    # The last connection to close writes SQLite's log into the file.
    close_database(application)


def _create(config: Mapping[str, Any], instance: Path, database_uri: str) -> Flask:
    own = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(instance)}
    with pytest.MonkeyPatch.context() as patch:
        for name in own.keys() & os.environ.keys():
            patch.setenv(name, own[name])
        return create_app({**config, **own})
