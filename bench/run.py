"""The command line of the load measurement: setup, compare, table.

python bench/run.py setup
python bench/run.py compare --scenarios S3,S6 --rounds 3 --secs 3
python bench/run.py table --details
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from install import setup
from measure import (
    MOST_SECONDS,
    Row,
    Settings,
    measure,
    measure_on_two_cpus,
    only_running,
    result_file,
    warm_up,
)
from minimum import measure_minimum
from peer import WORK, Peer
from peers import PEERS, USUAL
from report import report, report_details
from scenarios import SCENARIOS


def main() -> int:
    args = arguments()
    if args.command == "setup":
        setup()
        return 0
    if args.command == "table":
        return show(args.file or max(WORK.glob("results-*.json"), default=None), args.details)
    settings = Settings(args.rounds, args.secs, args.connections, args.server_cpu, args.load_cpu)
    os.sched_setaffinity(0, {settings.load_cpu})
    return compare([PEERS[name]() for name in args.peers], args.scenarios, settings, with_minimum=not args.no_minimum)


def arguments() -> argparse.Namespace:
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="check the tools and install the other servers into bench/.work")
    run = commands.add_parser("compare", help="measure the peers side by side")
    for option, known, usual in (("--peers", PEERS, USUAL), ("--scenarios", SCENARIOS, SCENARIOS)):
        run.add_argument(option, type=names(known), default=list(usual), help=f"of {', '.join(known)}")
    seconds = range(1, MOST_SECONDS + 1)
    run.add_argument("--rounds", type=int, default=3, help="how often each peer is measured")
    run.add_argument("--secs", type=int, default=3, choices=seconds, metavar="1..20", help="of each round")
    run.add_argument("--connections", type=int, default=8)
    run.add_argument("--no-minimum", action="store_true", help="leave out what a request can't do without")
    run.add_argument("--server-cpu", type=int, default=0)
    run.add_argument("--load-cpu", type=int, default=1)
    again = commands.add_parser("table", help="print a run's tables again")
    again.add_argument("--details", action="store_true", help="rates, latencies and the spread, for each scenario")
    again.add_argument("file", type=Path, nargs="?", help="default: the latest")
    return parser.parse_args()


def names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """An argument type: known names, separated by commas."""

    def parse(text: str) -> list[str]:
        for name in (asked := text.split(",")):
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
        return asked

    return parse


def compare(peers: list[Peer], keys: list[str], settings: Settings, *, with_minimum: bool) -> int:
    """Start all peers, measure them in turns, stop them; print the table; 1 if anything failed.

    What happens meanwhile is said on standard error: on standard output there is the table alone.
    """
    failures: list[str] = []
    rows: list[Row] = []
    running: list[Peer] = []
    minimum = measure_minimum(settings) if with_minimum else {}
    try:
        for peer in peers:
            try:
                peer.start(settings.server_cpu)
                running.append(peer)
                note(f"{peer.name} answered after {peer.process.started_in:.2f} s")
            except Exception as error:
                failures.append(failure(f"{peer.name} did not start", error))
                peer.process.stop()
        for key in keys:
            rows += compare_one(key, running, settings, failures)
    finally:
        for peer in peers:
            peer.process.stop()
    if rows:
        order = [peer.name for peer in peers]
        file = result_file()
        stored = {"peers": order, "rows": [asdict(row) for row in rows], "minimum": minimum}
        file.write_text(json.dumps(stored, indent=1) + "\n")
        print(report(rows, order, minimum))
        note(f"\nwritten to {file}")
    return 1 if failures else 0


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def compare_one(key: str, running: list[Peer], settings: Settings, failures: list[str]) -> list[Row]:
    """One scenario: in each round every peer once, in an order that rotates from round to round."""
    scenario, rows = SCENARIOS[key], []
    able = [peer for peer in running if scenario.possible(peer)]
    for number in range(settings.rounds):
        turn = number % max(1, len(able))
        for peer in able[turn:] + able[:turn]:
            only_running(peer, running)
            try:
                if number == 0:
                    warm_up(peer, scenario, settings)
                found = [measure(peer, key, scenario, number, settings)]
                if peer is running[0]:
                    found.append(measure_on_two_cpus(peer, key, scenario, number, settings))
            except Exception as error:
                failures.append(failure(f"{peer.name} {key} failed", error))
                able.remove(peer)
                continue
            rows += found
            for row in found:
                note(said_of(row))
    return rows


def said_of(row: Row) -> str:
    return (
        f"{row.scenario} round {row.round + 1} {row.peer:20} {row.cpus} CPU{row.rate:>9,.0f}/s"
        f"  p50 {row.p50_ms:.2f} p99 {row.p99_ms:.2f} ms  CPU {row.cpu_us:,.1f} us"
        f"  others {row.others:.0%}  bad {row.bad} {row.sample if row.bad else ''}"
    )


def failure(what: str, error: Exception) -> str:
    said = f"{what}: {error}"
    note(said)
    if not isinstance(error, RuntimeError):
        traceback.print_exception(error)
    return said


def show(file: Path | None, with_details: bool) -> int:
    if file is None:
        print("no results yet", file=sys.stderr)
        return 1
    stored = json.loads(file.read_text())
    rows = [Row(**row) for row in stored["rows"]]
    print(report(rows, stored["peers"], stored["minimum"]))
    if with_details:
        print(f"\n{report_details(rows, stored['peers'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
