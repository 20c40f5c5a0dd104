"""Commands of ``flask``, run on an application of this process as an operator runs them, and the events they leave."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result

from tests.support.token_requests import MachineClient, Provider


def run(node: Provider, *arguments: str, feed: str = "", exit_code: int = 0) -> Result:
    """Run a ``flask`` command; it ends as expected and never by a traceback."""
    result = node.application.test_cli_runner().invoke(args=arguments, input=feed)
    assert result.exit_code == exit_code, result.output or result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def run_for_json(node: Provider, *arguments: str) -> Any:
    return json.loads(run(node, *arguments).stdout)


def stop_client(node: Provider, command: str, client: MachineClient, *options: str, **more: Any) -> Result:
    """Run ``flask clients disable``, ``enable`` or ``delete``."""
    return run(node, "clients", command, *options, "--", client.client_id, **more)


def latest_event(node: Provider, event: str) -> Any:
    found = node.server.audit.list(events=[event])
    assert found, f"no event {event}"
    return found[0]
