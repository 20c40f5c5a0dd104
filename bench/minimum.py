"""What no request does without: the server with an application that does nothing, a signature, a commit."""

import json
import os
import subprocess
from pathlib import Path

from flows import Plan, Request, plan_get
from measure import Settings, load
from peer import BENCH, REPOSITORY, WORK
from peers import Hello


def measure_minimum(settings: Settings) -> dict[str, float]:
    """Return the CPU microseconds of each, the least of the rounds."""
    return measure_server(settings) | measure_steps(settings.server_cpu)


def measure_server(settings: Settings) -> dict[str, float]:
    hello = Hello()
    body = "grant_type=client_credentials&scope=profile"
    plans = {
        "Granian, an application that does nothing, GET": plan_get("/"),
        "the same, POST with a body": Plan("same", Request("POST", "/", {"Content-Length": str(len(body))}, body)),
    }
    found: dict[str, list[float]] = {name: [] for name in plans}
    try:
        hello.start(settings.server_cpu)
        for name, plan in plans.items():
            load(hello, plan, settings, 1)
            for _ in range(settings.rounds):
                used = hello.process.cpu_seconds()
                result = load(hello, plan, settings, settings.seconds)
                found[name].append((hello.process.cpu_seconds() - used) / result["good"] * 1e6)
    finally:
        hello.process.stop()
    return {name: min(all_rounds) for name, all_rounds in found.items()}


def measure_steps(cpu: int) -> dict[str, float]:
    """Run servers/minimum.py in Grantwright's environment, on the server's CPU."""
    python = Path(os.environ.get("GRANTWRIGHT_BIN", REPOSITORY / ".venv" / "bin")) / "python"
    folder = WORK / "minimum"
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    command = ["taskset", "-c", str(cpu), str(python), str(BENCH / "servers" / "minimum.py"), str(folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    steps: dict[str, float] = json.loads(printed)
    return steps
