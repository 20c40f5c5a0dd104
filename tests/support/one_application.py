"""One application for a whole test module, where a new one per test would only cost time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support import canary
from tests.support.live_server import close_database
from tests.support.prepared_databases import make_application
from website.app import create_app


@contextmanager
def open_application(instance: Path, *, initdb: bool = True, **config: Any) -> Iterator[Flask]:
    """Make an application on a fresh SQLite file, with its tables and keys; close its engine at the end.

    It is the demo unless ``config`` says otherwise: then plain http is refused, as production cannot start without.
    ``initdb=False`` opens what a folder has already.
    """
    since = canary.mark()
    with pytest.MonkeyPatch.context() as patch:
        if config.get("OAUTH2_DEMO", True):
            patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        else:
            patch.delenv("AUTHLIB_INSECURE_TRANSPORT", raising=False)
        application = (make_application if initdb else create_app)({"OAUTH2_INSTANCE_PATH": str(instance), **config})
        try:
            yield application
            canary.check(since, application.config["SQLALCHEMY_DATABASE_URI"], instance)
        finally:
            close_database(application)
