"""The order of a run: by default long files first, so that no worker waits for one at the end; by a seed, any other.

The tests of a file stay together, as they share what the file's fixtures made: xdist is told so by the Makefile, and a
random order shuffles the files, and the tests in each.
"""

from __future__ import annotations

import random
from itertools import groupby

import pytest

#: Files whose tests take longest, by a measured run; a file that is not named here comes in its usual place.
LONG = (
    "tests/browser/test_accessibility.py",
    "tests/docs/test_how_to.py",
    "tests/docs/test_tutorial.py",
    "tests/wsgi/test_health.py",
    "tests/browser/test_keyboard.py",
    "tests/docs/test_site.py",
    "tests/test_embedding.py",
    "tests/clients/test_logos.py",
    "tests/test_events_with_their_changes.py",
    "tests/browser/test_passkeys.py",
    "tests/test_packaging.py",
    "tests/routes/test_every_form.py",
    "tests/docs/test_openapi.py",
    "tests/browser/test_without_scripts.py",
    "tests/survival/test_outbox.py",
    "tests/database/test_ending_all_access.py",
    "tests/routes/authorization/test_pending_requests.py",
    "tests/examples/test_embedding.py",
    "tests/deployment/test_behind_nginx.py",
    "tests/race/test_migrations.py",
    "tests/oauth2/specs/test_oidc_back_channel_logout.py",
    "tests/race/test_two_nodes.py",
)


def file_of(item: pytest.Item) -> str:
    """Return the file of a test, from the repository's folder."""
    return item.nodeid.partition("::")[0]


def put_long_files_first(items: list[pytest.Item]) -> None:
    """Sort by how long a file takes; the order within a file stays."""
    places = {file: place for place, file in enumerate(LONG)}
    items.sort(key=lambda item: places.get(file_of(item), len(LONG)))


def shuffle(items: list[pytest.Item], seed: int) -> None:
    """Put files, and the tests of each, in the order of a seed."""
    chance = random.Random(seed)
    files = [list(tests) for _file, tests in groupby(items, file_of)]
    chance.shuffle(files)
    for tests in files:
        chance.shuffle(tests)
    items[:] = [test for tests in files for test in tests]
