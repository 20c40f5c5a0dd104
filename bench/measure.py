"""One measurement: wrk against one peer for a few seconds, and the peer's CPU time."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows import Plan, lua_file, plan_collection
from peer import BENCH, WORK, Peer
from process import busy_seconds
from scenarios import Scenario

MOST_SECONDS = 20
# The share of the server's CPU that other programs may hold before a row is measured again.
TOLERATED_OTHERS = 0.12


@dataclass(frozen=True)
class Settings:
    """The parameters of a comparison: load, time, CPUs."""

    rounds: int
    seconds: int
    connections: int
    server_cpu: int
    load_cpu: int


@dataclass(frozen=True)
class Row:
    """One peer, one scenario, one round, on one CPU or two. CPU is in microseconds per success."""

    peer: str
    scenario: str
    round: int
    cpus: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    others: float
    bad: int
    sample: str
    memory_mib: float


def measure(peer: Peer, key: str, scenario: Scenario, number: int, settings: Settings) -> Row:
    """Measure, and again if other programs used too much of the server's CPU; return the less disturbed row."""
    row = measure_once(peer, key, scenario, number, settings)
    if row.others >= TOLERATED_OTHERS:
        again = measure_once(peer, key, scenario, number, settings)
        row = min(row, again, key=lambda one: one.others)
    return row


def measure_on_two_cpus(peer: Peer, key: str, scenario: Scenario, number: int, settings: Settings) -> Row:
    """Measure with the load's CPU open to the server too: its threads then needn't take turns.

    What others use of two CPUs isn't told apart from what wrk uses, and isn't judged.
    """
    peer.process.bind({settings.server_cpu, settings.load_cpu})
    row = measure_once(peer, key, scenario, number, settings)
    peer.process.bind({settings.server_cpu})
    return replace(row, cpus=2, others=0.0)


def measure_once(peer: Peer, key: str, scenario: Scenario, number: int, settings: Settings) -> Row:
    if scenario.collects:
        load(peer, plan_collection(peer), settings, settings.seconds)
    plan = scenario.plan(peer, settings.connections)
    begun, busy, used = time.perf_counter(), busy_seconds(settings.server_cpu), peer.process.cpu_seconds()
    result = load(peer, plan, settings, settings.seconds)
    used = peer.process.cpu_seconds() - used
    busy, lasted = busy_seconds(settings.server_cpu) - busy, time.perf_counter() - begun
    if not result["good"]:
        raise RuntimeError(f"no good response; {result['bad']} bad ones, such as {result['sample']}")
    return Row(
        peer=peer.name,
        scenario=key,
        round=number,
        cpus=1,
        rate=result["good"] / result["seconds"],
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
        cpu_us=used / result["good"] * 1e6,
        others=max(0.0, (busy - used) / lasted),
        bad=result["bad"] + result["socket_errors"],
        sample=result["sample"],
        memory_mib=peer.process.memory_mib(),
    )


def warm_up(peer: Peer, scenario: Scenario, settings: Settings) -> None:
    """Load without measuring, so that one-time costs aren't measured later."""
    plan = plan_collection(peer) if scenario.collects else scenario.plan(peer, settings.connections)
    load(peer, plan, settings, peer.warm_up)


def load(peer: Peer, plan: Plan, settings: Settings, seconds: int) -> dict[str, Any]:
    """Run wrk with one thread on the load's CPU; return the counts of scenario.lua."""
    if not 1 <= seconds <= MOST_SECONDS:
        raise ValueError(f"a measurement lasts 1 to {MOST_SECONDS} seconds")
    plan_file = WORK / f"{peer.name}.plan.lua"
    plan_file.write_text(lua_file(plan))
    wrk = f"wrk --threads 1 --connections {settings.connections} --duration {seconds}s --timeout 15s"
    command = ["taskset", "-c", str(settings.load_cpu), *wrk.split()]
    done = subprocess.run(
        [*command, "--script", str(BENCH / "scenario.lua"), peer.base],
        env={**os.environ, "BENCH_PLAN": str(plan_file)},
        capture_output=True,
        text=True,
        timeout=seconds + 40,
    )
    found = re.search(r"^RESULT (\{.*\})$", done.stderr, re.MULTILINE)
    if not found:
        raise RuntimeError(f"wrk printed no result: {done.stdout[-400:]} {done.stderr[-400:]}")
    result: dict[str, Any] = json.loads(found[1])
    return result


def only_running(peer: Peer, others: Iterable[Peer]) -> None:
    """Pause all other peers, so that the timers of idle servers don't use the measured CPU."""
    for other in others:
        if other is not peer:
            other.process.pause()
    peer.process.resume()


def result_file() -> Path:
    return WORK / time.strftime("results-%Y%m%d-%H%M%S.json")
