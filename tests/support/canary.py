"""Canaries: every secret that the tests send or receive, and the search for them where none may be (P1).

The tests' own tools (Flask's test client, requests, the volleys of tests/race) note what passes through them: codes,
tokens, verifiers, passwords, client secrets, cookies. At the end of a test nothing of it may stand in a log or in a
database. What no tool sees, a browser's traffic say, is still found by the prefix that our secrets carry.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import psycopg
import requests
import werkzeug.test
from sqlalchemy.engine import make_url


class Place(NamedTuple):
    """A text to search."""

    name: str
    content: bytes
    #: Whether it is bytes of a file, in which one value follows another without a sign between them: only what was
    #: noted is looked for there, nothing by what secrets look like.
    is_raw: bool = False


#: What any secret of ours looks like: prefix and at least 160 bits. What goes on before the prefix is base64url of
#: something else: once in a million keys of RSA the prefix stands in the modulus.
PATTERN = re.compile(rb"(?<![A-Za-z0-9_-])gw(?:at|rt|ac|cs)_[A-Za-z0-9_-]{27,}")
JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.([\w-]{20,})")
TRANSACTION = re.compile(r'name="transaction"[^>]*\bvalue="([\w-]{27,})"|[?&]transaction=([\w-]{27,})')
#: Form fields that are secret by their name; what is shorter than this (the demo password, say) is no canary.
SECRET_FIELDS = {"code_verifier": 43, "password": 8, "client_secret": 20, "transaction": 27}
#: A row of zeros, as Hypothesis likes it, stands everywhere.
MIN_DIFFERENT = 6
#: What is stored in clear on purpose; a test that sends it as a secret too proves nothing by it.
PUBLIC_FIELDS = ("code_challenge", "username", "state", "nonce", "redirect_uri", "client_id", "client_name")
#: A stretch of text that a secret as we draw them could stand in. A window of it is looked up at every so many bytes,
#: among the windows that each secret has from its first bytes on.
WINDOW, STEP = 16, 12
RUN = re.compile(rb"[A-Za-z0-9_.-]{%d,}" % (WINDOW + STEP - 1))
#: So many are looked up one after the other: that is quicker than one pass in Python.
FEW = 60
#: A server's own secrets: the demo keeps them in its instance folder, production is given them.
SECRET_FILES = ("secret_key", "key_encryption_key")
SECRET_SETTINGS = ("SECRET_KEY", "OAUTH2_KEY_ENCRYPTION_KEY", "OAUTH2_SMTP_PASSWORD", "OAUTH2_METRICS_TOKEN")

_noted: set[str] = set()
#: The same in order, each with its kind: a worker notes tens of thousands, of which a test looks at its own.
_in_order: list[tuple[str, str]] = []
_public: set[str] = set()
#: The test that runs: when it began, and the search of each thing that its fixtures made.
_began = 0
_watched: list[Callable[[int], None]] = []


def note(kind: str, value: str) -> None:
    """Keep a secret, to be searched for from now on; a made-up one of few letters is in many a long text by chance."""
    if len(set(value)) >= MIN_DIFFERENT and value not in _noted:
        _noted.add(value)
        _in_order.append((value, kind))


def mark() -> int:
    """Return a point in time: a search since then leaves out what was noted before."""
    return len(_in_order)


def kinds_noted_since(since: int) -> set[str]:
    """Return what kinds of secret were noted since then."""
    return {kind for _value, kind in _in_order[since:]}


def watch_query(query: str) -> None:
    """Note what a query carries that is no secret: it may be sent as one, to see it refused."""
    _public.update(value for name, value in parse_qsl(query) if name in PUBLIC_FIELDS)


def exempt(value: str) -> None:
    """Take a made-up value for no secret: a test that draws values may draw a word of our own code."""
    _public.add(value)


def watch_request(body: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
    """Note what a form, or a query, and the headers of a request carry."""
    for name, value in parse_qsl(body):
        if name in PUBLIC_FIELDS:
            _public.add(value)
        elif len(value) >= SECRET_FIELDS.get(name, len(value) + 1) and len(set(value)) >= MIN_DIFFERENT:
            note(name, value)
    for name, value in dict(headers).items():
        if name.lower() == "authorization" and value.lower().startswith("basic "):
            _watch_basic(value[6:].strip())
        elif name.lower() == "cookie":
            _watch_cookies(value)
    _watch_text(body)


def watch_answer(headers: Mapping[str, str] | Iterable[tuple[str, str]], text: str) -> None:
    """Note what an answer brings: in its page, its redirect, its cookies."""
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if name.lower() == "set-cookie":
            _watch_cookies(value.partition(";")[0])
        elif name.lower() == "location":
            _watch_text(value)
            for parameter, given in parse_qsl(urlsplit(value).query):
                if parameter == "code":
                    note("code", given)
    _watch_text(text)


def _watch_text(text: str) -> None:
    for found in PATTERN.findall(unquote_to_bytes(text)):
        note(found[:4].decode(), found.decode())
        # Without its prefix it is no less secret.
        note(found[:4].decode(), found[5:].decode())
    for signature in JWT.findall(text):
        note("JWT", signature)
    for hidden, linked in TRANSACTION.findall(text):
        note("transaction", hidden or linked)


def _watch_basic(pair: str) -> None:
    try:
        decoded = base64.b64decode(pair, validate=True).decode()
    except ValueError:
        return
    _watch_text(decoded)
    if PATTERN.search(decoded.encode()):
        note("Basic credentials", pair)


def _watch_cookies(header: str) -> None:
    for pair in header.split(";"):
        name, _equals, value = pair.strip().partition("=")
        if name.removeprefix("__Host-") != "grantwright" or value.count(".") < 2:
            continue
        note("cookie", value)
        for inner, content in _open_cookie(value).items():
            if isinstance(content, str) and len(content) >= 27:
                note(f"cookie's {inner}", content)


def _open_cookie(value: str) -> dict[str, Any]:
    """Return what Flask signed into its cookie: anybody who holds it can read it."""
    is_compressed = value.startswith(".")
    payload = value.removeprefix(".").partition(".")[0]
    content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return json.loads(zlib.decompress(content) if is_compressed else content)


def install() -> None:
    """Have the tests' own tools note what passes through them. Once per process."""
    werkzeug.test.Client.run_wsgi_app = _watching_client(werkzeug.test.Client.run_wsgi_app)
    werkzeug.test.Client.open = _watching_answers(werkzeug.test.Client.open)
    requests.Session.send = _watching_session(requests.Session.send)


def _watching_client(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_wsgi_app(self: Any, environ: dict[str, Any], buffered: bool = False) -> Any:
        watch_query(environ.get("QUERY_STRING", ""))
        stream = environ.get("wsgi.input")
        if stream is not None and stream.seekable():
            position = stream.tell()
            body = stream.read().decode(errors="replace")
            stream.seek(position)
            headers = {"Authorization": environ.get("HTTP_AUTHORIZATION", ""), "Cookie": environ.get("HTTP_COOKIE", "")}
            watch_request(body, headers)
        watch_request(environ.get("QUERY_STRING", ""))
        return run(self, environ, buffered)

    return run_wsgi_app


def _watching_answers(open_: Callable[..., Any]) -> Callable[..., Any]:
    def open_and_watch(self: Any, *args: Any, **kwargs: Any) -> Any:
        response = open_(self, *args, **kwargs)
        watch_answer(list(response.headers), response.get_data().decode(errors="replace"))
        return response

    return open_and_watch


def _watching_session(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_and_watch(self: Any, request: Any, **kwargs: Any) -> Any:
        watch_query(urlsplit(request.url).query)
        body = request.body or ""
        watch_request(body.decode(errors="replace") if isinstance(body, bytes) else str(body), request.headers)
        watch_request(urlsplit(request.url).query)
        response = send(self, request, **kwargs)
        watch_answer(response.headers, "" if kwargs.get("stream") else response.text)
        return response

    return send_and_watch


# The search


def find_leaks(places: Iterable[Place], since: int = 0) -> list[str]:
    """Return, for each secret that stands in a place, a line that says which and where; never the secret itself."""
    wanted = [(value.encode(), kind) for value, kind in _in_order[since:] if value not in _public]
    # Thousands of secrets in megabytes: the usual ones are found by their windows, in one pass over the text.
    usual = [each for each in wanted if RUN.fullmatch(each[0])] if len(wanted) > FEW else []
    windows: dict[bytes, list[tuple[int, bytes, str]]] = {}
    for value, kind in usual:
        for offset in range(STEP):
            windows.setdefault(value[offset : offset + WINDOW], []).append((offset, value, kind))
    others = wanted if not usual else [each for each in wanted if not RUN.fullmatch(each[0])]
    leaks: dict[str, None] = {}
    for name, content, is_raw in places:
        text = unquote_to_bytes(content) if b"%" in content else content
        found = [kind for value, kind in others if value in text]
        for run in RUN.findall(text) if windows else ():
            for start in range(0, len(run) - WINDOW + 1, STEP):
                for offset, value, kind in windows.get(run[start : start + WINDOW], ()):
                    if start >= offset and run.startswith(value, start - offset):
                        found.append(kind)
        if not is_raw:
            found.extend(secret[:4].decode() for secret in PATTERN.findall(text))
        leaks.update(dict.fromkeys(f"{kind} in {name}" for kind in found))
    return list(leaks)


def check(
    since: int,
    database_uri: str = "",
    instance: Path | None = None,
    *,
    log: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Fail if a secret noted since then, or one of the server's own, stands in this database or log."""
    for name in SECRET_SETTINGS:
        given = (settings or {}).get(name)
        if given:
            note(name, str(given))
    for name in SECRET_FILES:
        if instance is not None and (instance / name).exists():
            note(name, (instance / name).read_text().strip())
    places = [*read_database(database_uri, instance or Path()), *(read_log(log.name, log.read_bytes()) if log else ())]
    leaks = find_leaks(places, since)
    assert not leaks, "secrets in clear:\n" + "\n".join(leaks)


def begin_test() -> None:
    """Forget what the test before had made."""
    global _began
    _began = mark()
    _watched.clear()


def watch(database_uri: str, instance: Path, **more: Any) -> None:
    """Have a database, and a log if there is one, searched at the end of this test."""
    _watched.append(partial(check, database_uri=database_uri, instance=instance, **more))


def check_test() -> None:
    """Search what this test's fixtures made."""
    for check_one in _watched:
        check_one(_began)


def find_leaks_in_captured(sections: Iterable[tuple[str, str]]) -> list[str]:
    """Search what pytest captured of this test's logs: standard error and the logging module."""
    logs = [(name, text) for name, text in sections if "stderr" in name or "log" in name]
    return find_leaks([place for name, text in logs for place in read_log(name, text.encode(errors="replace"))], _began)


def read_log(name: str, content: bytes) -> Iterator[Place]:
    """Yield each line of a log with its number."""
    for number, line in enumerate(content.splitlines(), 1):
        yield Place(f"{name}, line {number}", line)


def read_database(database_uri: str, instance: Path) -> Iterator[Place]:
    """Yield every column of every table, and for SQLite the bytes of its files, freed pages included.

    A relative path of SQLite is one in the instance folder.
    """
    if not database_uri or ":memory:" in database_uri:
        return
    url = make_url(database_uri)
    if url.drivername.startswith("postgresql"):
        yield from _read_postgresql(url.set(drivername="postgresql").render_as_string(hide_password=False))
    elif url.database and (instance / url.database).exists():
        yield from _read_sqlite(instance / url.database)


def _read_sqlite(file: Path) -> Iterator[Place]:
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            yield from _columns(table, connection.execute(f'SELECT * FROM "{table}"'))
        # Before the connection ends: the last one to close takes the log away.
        for path in (file, Path(f"{file}-wal")):
            if path.exists():
                yield Place(path.name, path.read_bytes(), is_raw=True)


def _read_postgresql(url: str) -> Iterator[Place]:
    try:
        connection = psycopg.connect(url, autocommit=True)
    except psycopg.OperationalError:
        return  # a test of a database that is out of reach
    with connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            yield from _columns(table, connection.execute(f'SELECT * FROM "{table}"'))


def _columns(table: str, cursor: Any) -> Iterator[Place]:
    """Yield each column that has texts, a line for each row: one long text is searched quicker than thousands."""
    names = [column[0] for column in cursor.description]
    for name, values in zip(names, zip(*cursor, strict=True), strict=False):
        texts = [
            json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value for value in values
        ]
        lines = [text.encode() if isinstance(text, str) else text for text in texts if isinstance(text, (str, bytes))]
        if lines:
            yield Place(f"{table}.{name}", b"\n".join(lines))
