"""The result tables: CPU of all peers side by side with ratios, then each scenario in detail."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from measure import TOLERATED_OTHERS, Row
from peer import REPOSITORY
from scenarios import SCENARIOS

DETAILS = ("peer", "per second", "p50 ms", "p99 ms", "CPU us", "least..most", "rate ratio", "notes")
#: Where the tests say what each kind of request asks of the database.
ROUND_TRIPS = REPOSITORY / "tests" / "database" / "test_round_trips.py"


def report(rows: list[Row], peers: list[str], minimum: Mapping[str, float]) -> str:
    """Return the one table, in Markdown, with the minimum and the memory below it.

    The first of `peers` is the one that is judged: each ratio is its CPU as a multiple of another's.
    """
    keys = list(dict.fromkeys(row.scenario for row in rows))
    most = {name: max((row.memory_mib for row in rows if row.peer == name), default=None) for name in peers}
    memory = ", ".join(f"{name} {mib:.0f}" for name, mib in most.items() if mib is not None)
    parts = [summary(rows, peers, keys), f"Most memory seen, MiB: {memory}."]
    if minimum:
        parts.insert(1, markdown([("at least", "CPU us"), *((name, microseconds(us)) for name, us in minimum.items())]))
    return "\n\n".join(parts)


def report_details(rows: list[Row], peers: list[str]) -> str:
    """Return a table for each scenario: rates, latencies, the spread of the rounds."""
    parts = []
    for key in dict.fromkeys(row.scenario for row in rows):
        scenario = SCENARIOS[key]
        parts.append(f"{key}: {scenario.title} (for one {scenario.unit}; p50 and p99 per request)")
        parts.append(details([row for row in rows if row.scenario == key and row.cpus == 1], peers))
    return "\n\n".join(parts)


def summary(rows: list[Row], peers: list[str], keys: list[str]) -> str:
    """One row per scenario: statements, CPU of each peer, of the first one on two CPUs, and the ratios."""
    base, *others = peers
    shown = [base, "on 2 CPUs", *others]
    lines = [("CPU us per success", "statements", *shown, *(f"{base} / {name}" for name in others))]
    for key in keys:
        alone = {name: [row for row in rows if (row.peer, row.scenario, row.cpus) == (name, key, 1)] for name in peers}
        on_two = [row for row in rows if (row.peer, row.scenario, row.cpus) == (base, key, 2)]
        cells = [middle(found, cpu, microseconds) for found in (alone[base], on_two, *(alone[name] for name in others))]
        ratios = [ratio(alone[base], alone[name], cpu) for name in others]
        lines.append((f"{key} {SCENARIOS[key].title}", statements(key), *cells, *ratios))
    return markdown(lines)


def statements(key: str) -> str:
    """How many statements, BEGIN and COMMIT included, one success takes at Grantwright."""
    [expected] = (
        ast.literal_eval(node.value)
        for node in ast.parse(ROUND_TRIPS.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXPECTED"
    )
    return str(sum(len(expected[name].split()) for name in SCENARIOS[key].statements))


def details(rows: list[Row], peers: list[str]) -> str:
    """One row for each peer of a scenario."""
    of_peer = {name: [row for row in rows if row.peer == name] for name in peers}
    lines: list[tuple[str, ...]] = [DETAILS]
    for name, own in of_peer.items():
        if own:
            spread = [microseconds(cpu(row)) for row in sorted(own, key=cpu)]
            lines.append(
                (
                    name,
                    middle(own, rate, "{:,.0f}".format),
                    middle(own, lambda row: row.p50_ms, "{:.2f}".format),
                    middle(own, lambda row: row.p99_ms, "{:.2f}".format),
                    middle(own, cpu, microseconds),
                    f"{spread[0]}..{spread[-1]}",
                    ratio(own, of_peer[peers[0]], rate),
                    notes(own),
                )
            )
    return markdown(lines)


def cpu(row: Row) -> float:
    return row.cpu_us


def rate(row: Row) -> float:
    return row.rate


def middle(rows: list[Row], value: Callable[[Row], float], shown: Callable[[float], str]) -> str:
    """The median of the rounds."""
    return shown(median(map(value, rows))) if rows else "-"


def ratio(rows: list[Row], base: list[Row], value: Callable[[Row], float]) -> str:
    """The median of the rounds' ratios, as both sides of each were measured seconds apart."""
    of_base = {row.round: value(row) for row in base}
    pairs = [value(row) / of_base[row.round] for row in rows if row.round in of_base]
    return f"{median(pairs):.2f}" if pairs else "-"


def notes(rows: list[Row]) -> str:
    said = []
    if disturbed := sum(row.others >= TOLERATED_OTHERS for row in rows):
        said.append(f"{disturbed} of {len(rows)} rounds disturbed")
    if wrong := sum(row.bad for row in rows):
        said.append(f"{wrong} bad answers {next(row.sample for row in rows if row.bad)[:60]}".strip())
    return "; ".join(said)


def microseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def markdown(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rest = (padded(cells, widths) for cells in lines)
    return "\n".join([head, padded(["-" * width for width in widths], widths), *rest])


def padded(cells: Iterable[str], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
