"""Moments as pages write them."""

from __future__ import annotations

import pytest
import time_machine

from tests.support.token_requests import Provider
from website import clock
from website.routes.presentation.moments import write_ago, write_hour

HOUR, DAY = 3600, 86400


def write(provider: Provider, distance_seconds: int, language: str = "en") -> str:
    with provider.application.test_request_context("/", headers={"Accept-Language": language}):
        return str(write_ago(clock.now() + distance_seconds))


@pytest.mark.parametrize(
    ("distance_seconds", "words"),
    [
        (0, "just now"),
        (-50, "just now"),
        (-90, "1 minute ago"),
        (-2 * HOUR - 5, "2 hours ago"),
        (-23 * HOUR - 3500, "23 hours ago"),
        (-DAY - 5, "1 day ago"),
        (3 * DAY + 100, "in 3 days"),
    ],
)
def test_a_moment_is_written_by_its_distance_from_now(provider: Provider, distance_seconds: int, words: str) -> None:
    assert write(provider, distance_seconds).endswith(f">{words}</time>")


def test_a_moment_that_is_long_ago_is_written_as_its_day(provider: Provider) -> None:
    with provider.application.test_request_context("/"):
        assert write_ago(1772874300) == (
            '<time datetime="2026-03-07T09:05:00Z" title="7 March 2026, 09:05 UTC">7 March 2026</time>'
        )


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (1772874000, "This hour"),
        (1772874000 + HOUR - 1, "This hour"),
        (1772874000 + HOUR, "Today"),
        (1772874000 + 15 * HOUR - 1, "Today"),
        (1772874000 + 15 * HOUR, "7 March 2026"),
    ],
)
def test_an_hour_is_written_no_finer_than_it_is_known(provider: Provider, now: int, words: str) -> None:
    with provider.application.test_request_context("/"), time_machine.travel(now, tick=False):
        assert write_hour(1772874000) == words
