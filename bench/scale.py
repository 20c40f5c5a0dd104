"""What a request costs in a large database beside an empty one, in turns: CPU time of this process and of PostgreSQL's.

    python bench/scale.py [sqlite|postgresql] [--grants 1000000] [--clients 100000] [--rounds 9] [--folder /tmp]

The requests are put to the application itself, without a server, so that nothing hides what grows with the data. The
grants that they use, 400 on each side, are real ones, and those of the large database were made while it was filled,
so that they lie all over its tables. Prints a table in Markdown; PostgreSQL runs in a cluster of its own.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "bench")]

from filling import SECRET, Filling  # noqa: E402

from tests.support.openid_client import OpenIDClient  # noqa: E402
from tests.support.person import REDIRECT_URI, Person, Pkce  # noqa: E402
from tests.support.postgres import Cluster, own_cluster  # noqa: E402
from tests.support.token_requests import FORM, MachineClient, Provider, basic, open_provider  # noqa: E402

GRANTS_USED, PARTS, BURST_SECONDS = 400, 20, 0.4
SETTINGS = {"OAUTH2_SQLITE_SYNCHRONOUS": "NORMAL", "OAUTH2_LOG_LEVEL": "ERROR"}
Request = Callable[[], None]


@dataclass
class Side:
    """One database, and what the requests to it use."""

    node: Provider
    client: MachineClient
    tokens: list[dict[str, Any]] = field(default_factory=list)
    plain: list[dict[str, Any]] = field(default_factory=list)  # without an ID token, whose signature costs the most
    cookie: str = ""

    def add_grants(self, number: int) -> None:
        """Let as many people in by the code flow, twice each; keep their tokens and the last one's cookie."""
        for _ in range(number):
            flow = OpenIDClient.of(self.node, self.client)
            flow.person.log_in(f"user{len(self.tokens)}")
            self.tokens.append(flow.get_tokens(scope="openid profile"))
            self.plain.append(flow.get_tokens(scope="profile"))
            self.cookie = cookie_of(flow.person)

    def refresh_grants(self) -> None:
        """Get new tokens for every grant: filling may take longer than access tokens last."""
        for kept in (*self.tokens, *self.plain):
            kept |= self.post("/oauth/token", grant_type="refresh_token", refresh_token=kept["refresh_token"])

    def call(self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str) -> tuple[str, str]:
        """Put one request to the application; return where it leads and what it answers."""
        body, found = urlencode(fields or {}).encode(), {}
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
            "SCRIPT_NAME": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "5000", "HTTP_HOST": "127.0.0.1:5000",
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": FORM if fields else "",
            "CONTENT_LENGTH": str(len(body)), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": False, "wsgi.multiprocess": False,
            "wsgi.run_once": False, **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        }  # fmt: skip

        def start(status: str, sent: list[tuple[str, str]], *_: object) -> None:
            found.update(dict(sent), status=status)

        answer = b"".join(self.node.application.wsgi_app(environ, start)).decode()
        if found["status"][:3] not in ("200", "302", "303"):
            raise RuntimeError(f"{method} {path}: {found['status']} {answer[:300]}")
        return found.get("Location", ""), answer

    def post(self, path: str, authorization: str = "", **fields: str) -> dict[str, Any]:
        answer = self.call("POST", path, fields, authorization=authorization or self.client.basic)[1]
        read: dict[str, Any] = json.loads(answer or "{}")
        return read


def cookie_of(person: Person) -> str:
    kept = person.door._cookies.values()  # type: ignore[union-attr]
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in kept)


# ---- the requests


def client_credentials(side: Side) -> Request:
    return lambda: side.post("/oauth/token", grant_type="client_credentials") and None


def of_all_clients(clients: int) -> Callable[[Side], Request]:
    """The same by any of the clients that fill, which are too many to be in memory; by one where there is one."""

    def prepare(side: Side) -> Request:
        chance = random.Random(0)

        def ask() -> None:
            one = basic(f"client{chance.randrange(clients)}", SECRET)
            side.post("/oauth/token", one, grant_type="client_credentials")

        for _ in range(min(clients - 1, 50_000)):  # until the memory is as full as it gets
            ask()
        return ask

    return prepare


def introspection(side: Side) -> Request:
    tokens = itertools.cycle([one["access_token"] for one in side.tokens])

    def ask() -> None:
        assert side.post("/oauth/introspect", token=next(tokens))["active"]

    return ask


def bearer(path: str) -> Callable[[Side], Request]:
    def prepare(side: Side) -> Request:
        tokens = itertools.cycle([one["access_token"] for one in side.tokens])
        return lambda: side.call("GET", path, authorization=f"Bearer {next(tokens)}") and None

    return prepare


def refresh(side: Side) -> Request:
    turns = itertools.cycle(side.plain)

    def ask() -> None:
        kept = next(turns)
        kept |= side.post("/oauth/token", grant_type="refresh_token", refresh_token=kept["refresh_token"])

    return ask


def code_flow(side: Side) -> Request:
    pkce = Pkce()
    query = {"response_type": "code", "client_id": side.client.client_id, "redirect_uri": REDIRECT_URI}
    path = f"/oauth/authorize?{urlencode({**query, 'scope': 'profile', **pkce.parameters})}"

    def ask() -> None:
        code = side.call("GET", path, cookie=side.cookie)[0].partition("code=")[2].partition("&")[0]
        rest = {"redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
        side.post("/oauth/token", grant_type="authorization_code", code=code, **rest)

    return ask


def revocation(side: Side) -> Request:
    def ask() -> None:
        # Issued in the same breath, which asks nothing of the database.
        token = side.post("/oauth/token", grant_type="client_credentials")["access_token"]
        side.post("/oauth/revoke", token=token)

    return ask


def page(path: str) -> Callable[[Side], Request]:
    return lambda side: lambda: side.call("GET", path, cookie=side.cookie) and None


SCENARIOS: dict[str, Callable[[Side], Request]] = {
    "client_credentials": client_credentials,
    "introspection": introspection,
    "UserInfo": bearer("/oauth/userinfo"),
    "/api/me": bearer("/api/me"),
    "refresh": refresh,
    "authorize and exchange the code": code_flow,
    "client_credentials and revocation": revocation,
    "home, logged in": page("/"),
}

# ---- measuring


class Meter:
    """CPU time of the calling thread, and of the processes of a PostgreSQL cluster, in seconds."""

    def __init__(self, cluster: Cluster | None) -> None:
        pid_file = Path(cluster.folder) / "data" / "postmaster.pid" if cluster else None
        self._postmaster = int(pid_file.read_text().split()[0]) if pid_file else None

    def read(self) -> tuple[float, float]:
        return time.thread_time(), self._of_database()

    def _of_database(self) -> float:
        if self._postmaster is None:
            return 0.0
        nanoseconds = 0
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        for pid in children:
            with suppress(OSError):
                nanoseconds += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        return nanoseconds / 1e9


def burst(request: Request, meter: Meter) -> tuple[float, float]:
    """Repeat a request for a while; return the microseconds of each, here and in PostgreSQL."""
    number, began = 0, time.monotonic()
    own, database = meter.read()
    while time.monotonic() - began < BURST_SECONDS:
        for _ in range(20):
            request()
        number += 20
    after_own, after_database = meter.read()
    return (after_own - own) / number * 1e6, (after_database - database) / number * 1e6


def compare(label: str, one: Request, other: Request, meter: Meter, rounds: int) -> None:
    """Measure two requests in turns; print the medians, and the median of the turns' ratios."""
    for request in (one, other):
        burst(request, meter)
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            second, first = burst(other, meter), burst(one, meter)
        else:
            first, second = burst(one, meter), burst(other, meter)
        pairs.append((first, second))
    cells = [f"{statistics.median(pair[side][part] for pair in pairs):,.0f}" for part in (0, 1) for side in (0, 1)]
    ratio = statistics.median(sum(second) / sum(first) for first, second in pairs)
    print(f"| {label} | {cells[0]} | {cells[1]} | {cells[2]} | {cells[3]} | {ratio:.2f} |", flush=True)


@contextmanager
def changing_clients(uri: str, folder: Path, client: MachineClient) -> Iterator[None]:
    """Change a client once a second, from another node on the same database."""
    stopped = threading.Event()
    with open_provider(folder, uri, **SETTINGS) as node:

        def change() -> None:
            for number in itertools.count():
                if stopped.wait(1):
                    return
                node.server.clients.set_may_introspect(client.row, bool(number % 2))

        thread = threading.Thread(target=change)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


# ---- the two sides


def open_side(held: ExitStack, cluster: Cluster | None, folder: Path) -> tuple[Side, str]:
    folder.mkdir()
    uri = cluster.url(cluster.create_database()) if cluster else f"sqlite:///{folder / 'db.sqlite'}"
    node = held.enter_context(open_provider(folder, uri, **SETTINGS))
    client = node.create_client(
        "authorization_code", "refresh_token", "client_credentials", redirect_uris=[REDIRECT_URI],
        response_types=["code"], scope="openid profile",
    )  # fmt: skip
    return Side(node, client), uri


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=("sqlite", "postgresql"), nargs="?", default="sqlite")
    for name, usual in (("--grants", 1_000_000), ("--clients", 100_000), ("--rounds", 9)):
        parser.add_argument(name, type=int, default=usual)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where it is kept meanwhile")
    args = parser.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=args.folder)))
        cluster = held.enter_context(own_cluster(folder, args.folder)) if args.database == "postgresql" else None
        if cluster:
            for setting in ("shared_buffers = '4GB'", "maintenance_work_mem = '1GB'", "max_wal_size = '8GB'"):
                cluster.execute(f"ALTER SYSTEM SET {setting}")
            cluster.restart()
        small, _uri = open_side(held, cluster, folder / "small")
        large, uri = open_side(held, cluster, folder / "large")
        fill(small, large, args)
        measure(small, large, uri, folder, Meter(cluster), args)


def fill(small: Side, large: Side, args: argparse.Namespace) -> None:
    began = time.monotonic()
    filling = Filling(large.node.server.database.engine, args.grants, args.clients)
    for part in range(PARTS):
        filling.write(part, PARTS)
        for side in (small, large):
            side.add_grants(GRANTS_USED // PARTS)
        print(f"filled {part + 1} of {PARTS} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    alone = Filling(small.node.server.database.engine, 0, 1)  # of the small side's own clients one is enough
    alone.write(0, 1)
    for one in (filling, alone):
        one.finish()
    for side in (small, large):
        side.refresh_grants()


def measure(small: Side, large: Side, uri: str, folder: Path, meter: Meter, args: argparse.Namespace) -> None:
    print(f"{args.database}: {args.grants:,} grants, {args.clients:,} clients\n")
    print("| CPU us | empty | filled | PostgreSQL's, empty | filled | ratio of all |")
    print("| --- | --- | --- | --- | --- | --- |")
    for label, prepare in SCENARIOS.items():
        compare(label, prepare(small), prepare(large), meter, args.rounds)
    everyone = f"client_credentials, {args.clients:,} clients"
    compare(everyone, of_all_clients(1)(small), of_all_clients(args.clients)(large), meter, args.rounds)
    with changing_clients(uri, folder / "large", large.client):
        compare("introspection, a client changes", introspection(small), introspection(large), meter, args.rounds)


if __name__ == "__main__":
    main()
