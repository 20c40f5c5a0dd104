"""``flask events``: listing the security events."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from .. import clock
from ..audit import COMMAND, EVENTS
from ..models.event import Event
from ..routes.current.authorization_server import authorization_server
from ..users import LocalUsers
from .console import moment, print_table
from .shown_errors import Command

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def read_since(_context: click.Context, _option: click.Parameter, text: str | None) -> int:
    """Parse how far back to look: 30m, 2h, 3d, or an ISO 8601 time, in UTC unless it has an offset."""
    if text is None:
        return 0
    if span := re.fullmatch(r"(\d{1,6})([smhdw])", text):
        return clock.now() - int(span[1]) * UNITS[span[2]]
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("Write 30m, 2h, 3d, or a time such as 2026-03-07T09:00.") from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


@click.command("events", cls=Command)
@click.option("--event", "names", multiple=True, type=click.Choice([*EVENTS]), help="Only these events. Repeatable.")
@click.option("--user", "username", help="Only events about this account.")
@click.option("--actor", help="Only what this account did; for commands, command: and the system user's name.")
@click.option("--since", callback=read_since, help="Only events since then: 30m, 2h, 3d, or an ISO 8601 time.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many of the newest to show."
)
@click.option("--json", "is_json", is_flag=True, help="Print one line of JSON per event.")
@with_appcontext
def events(
    names: tuple[str, ...], username: str | None, actor: str | None, since: int, limit: int, is_json: bool
) -> None:
    """Show the security events, latest last."""
    subject = None if username is None else _subject_of(username)
    actor = actor if actor is None or actor.startswith(COMMAND) else _subject_of(actor)
    rows = authorization_server().audit.list(events=names, subject=subject, actor=actor, since=since, limit=limit)[::-1]
    labels: dict[str, str] = {}
    if is_json:
        for row in rows:
            click.echo(json.dumps(_facts(row, labels), ensure_ascii=False))
        return
    print_table(
        ("TIME", "EVENT", "OUTCOME", "ACTOR", "SUBJECT", "CLIENT", "ADDRESS", "REQUEST", "DETAIL"),
        [
            (
                moment(row.occurred_at), row.event, row.outcome, _actor(row, labels), _name(row.subject, labels),
                _client_id(row, labels), row.address, row.request_id, _words(row.detail),
            )
            for row in rows
        ],
    )  # fmt: skip


def _subject_of(username: str) -> str:
    users = authorization_server().users
    subject = users.subject_of_name(username) if isinstance(users, LocalUsers) else None
    if subject is None:
        raise click.ClickException(f"There are no events of a user named {username!r}.")
    return subject


def _name(subject: str | None, names: dict[str, str]) -> str:
    """Return the username of a subject, or the subject itself if its account was deleted."""
    if not subject or subject.startswith(COMMAND):
        return subject or ""
    if subject not in names:
        names[subject] = _username_of(subject) or subject
    return names[subject]


def _username_of(subject: str) -> str | None:
    server = authorization_server()
    if isinstance(server.users, LocalUsers):  # of a disabled account too: who left is often the question
        return server.users.names_of([subject]).get(subject)
    user_id = server.accounts.subjects.user_id_of(subject)
    account = server.users.find(user_id) if user_id else None
    return account.username if account else None


def _actor(row: Event, names: dict[str, str]) -> str:
    """Return the name of the actor; for a client that registered itself, its client_id."""
    return _client_id(row, names) if row.actor and row.actor == row.client else _name(row.actor, names)


def _client_id(row: Event, names: dict[str, str]) -> str:
    """Return the client_id of an event's client; for a deleted client, the one in the event."""
    if not row.client:
        return ""
    client_id = (row.detail or {}).get("client_id")
    if isinstance(client_id, str):
        return client_id
    return _name_of_row(row.client, names) or row.client


def _name_of_row(row_id: str, names: dict[str, str]) -> str:
    if row_id not in names:
        client = authorization_server().clients.find_row(row_id)
        names[row_id] = client.client_id if client is not None else ""
    return names[row_id]


def _words(detail: dict[str, object] | None) -> str:
    return " ".join(f"{name}={value}" for name, value in (detail or {}).items())


def _facts(row: Event, names: dict[str, str]) -> dict[str, Any]:
    return {
        "occurred_at": moment(row.occurred_at),
        "event": row.event,
        "outcome": row.outcome,
        "actor": _client_id(row, names) if row.actor and row.actor == row.client else row.actor,
        "subject": row.subject,
        "client": _client_id(row, names) or None,
        "address": row.address,
        "request_id": row.request_id,
        "detail": row.detail,
    }
