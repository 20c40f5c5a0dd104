"""The device client: a viewer with a phone logs in, denies it, or comes too late; the device waits as it is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.examples.conftest import Example
from tests.support.device_flow import allow, decide, enter
from tests.support.person import Person
from tests.support.waiting import ANSWER_SECONDS

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
#: So that the tests don't wait long; what an interval is, tests/oauth2/specs/test_rfc8628_device_authorization.py says.
SETTINGS = {"OAUTH2_DEVICE_CODE_INTERVAL_SECONDS": "1"}


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("device_client", SETTINGS)


@contextmanager
def television(example: Example, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Turn the television on; yield its process and the code that it shows."""
    environment = {
        **os.environ,
        "ISSUER": example.provider.url,
        "CLIENT_ID": example.registered[0]["client_id"],
        "NO_PROXY": "127.0.0.1",
        "PYTHONIOENCODING": "utf-8",
        **variables,
    }
    command = [sys.executable, str(example.folder / "examples" / "device_client" / "client.py")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout
            shown = ""
            while not (found := re.search(r"^ {4}([A-Z]{4}-[A-Z]{4})$", shown, re.MULTILINE)):
                line = process.stdout.readline()
                assert line, process.stderr and process.stderr.read()
                shown += line
            assert f"    {example.provider.url}/device\n" in shown
            assert "█" in shown or "▄" in shown  # the QR code
            yield process, found[1]
        finally:
            process.kill()


def test_a_viewer_with_a_phone_logs_in_and_is_greeted(example: Example, chromium: Browser) -> None:
    with television(example) as (process, code), chromium.new_context(**PHONE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(ANSWER_SECONDS * 1000)
        page.goto(f"{example.provider.url}/device?user_code={code}")
        page.get_by_label("name").fill("alice")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Check that your device shows this code.")).to_be_visible()
        expect(page.get_by_label("Code")).to_have_value(code)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading")).to_contain_text("Living room")
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Allow", exact=True).click()
        expect(page.get_by_role("heading", name="Your device is connected")).to_be_visible()
        printed, complained = process.communicate(timeout=ANSWER_SECONDS)
    assert (process.returncode, complained) == (0, "")
    assert printed.endswith("Good evening, alice.\n")


def test_a_code_typed_in_small_letters_is_enough(example: Example) -> None:
    with television(example) as (process, code):
        person = Person(example.provider.url)
        person.log_in("bob")
        allow(person, code.lower().replace("-", " "))
        printed, _complained = process.communicate(timeout=ANSWER_SECONDS)
    assert printed.endswith("Good evening, bob.\n")


def test_a_denied_television_says_so(example: Example) -> None:
    with television(example) as (process, code):
        person = Person(example.provider.url)
        person.log_in("carol")
        enter(person, code)
        decide(person, code, "no")
        _printed, complained = process.communicate(timeout=ANSWER_SECONDS)
    assert (process.returncode, complained) == (1, "You denied the television access.\n")


def test_an_unknown_client_gets_no_code(example: Example) -> None:
    command = [sys.executable, str(example.folder / "examples" / "device_client" / "client.py")]
    environment = {**os.environ, "ISSUER": example.provider.url, "CLIENT_ID": "nobody", "NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    assert ran.returncode == 1
    assert ran.stderr.startswith("Grantwright issued no code")
