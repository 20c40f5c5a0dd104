"""The result tables: CPU of all peers side by side with ratios, then each scenario in detail."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from flows import SCENARIOS
from measure import TOLERATED_OTHERS, Row

DETAILS = ("peer", "per second", "p50 ms", "p99 ms", "CPU us", "least..most", "rate ratio", "notes")


def report(rows: list[Row], peers: list[str]) -> str:
    """Return Markdown. All ratios are relative to the first of `peers`; scenarios that it lacks have none."""
    keys = list(dict.fromkeys(row.scenario for row in rows))
    parts = [f"CPU microseconds per request (S7: per flow), and as a multiple of {peers[0]}"]
    parts.append(summary(rows, peers, keys))
    for key in keys:
        scenario = SCENARIOS[key]
        parts.append(f"{key}: {scenario.title} (for one {scenario.unit}; p50 and p99 per request)")
        parts.append(details([row for row in rows if row.scenario == key], peers))
    most = {name: max((row.memory_mib for row in rows if row.peer == name), default=None) for name in peers}
    memory = ", ".join(f"{name} {mib:.0f}" for name, mib in most.items() if mib is not None)
    return "\n\n".join([*parts, f"Most memory seen, MiB: {memory}"])


def summary(rows: list[Row], peers: list[str], keys: list[str]) -> str:
    """One row per scenario, one column per peer, and one ratio per peer except the first."""
    base, *others = peers
    lines = [("scenario", *peers, *(f"{name} / {base}" for name in others))]
    for key in keys:
        of_peer = {name: [row for row in rows if (row.peer, row.scenario) == (name, key)] for name in peers}
        cells = [middle(of_peer[name], cpu, microseconds) for name in peers]
        ratios = [ratio(of_peer[name], of_peer[base], cpu) for name in others]
        lines.append((f"{key} {SCENARIOS[key].title}", *cells, *ratios))
    return markdown(lines)


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
