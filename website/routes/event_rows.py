"""Security events as rows of a page: names instead of subjects and ids, and a description of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request

from ..audit import EVENTS
from ..models.event import Event
from .authorization_server import authorization_server

#: A longer number fits no database's ids.
MAX_ID_DIGITS = 18
#: What the detail of an event says by other columns already.
SHOWN_ELSEWHERE = frozenset(("client_id", "user"))


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as a page shows it."""

    event: Event
    description: str
    #: Who did it, whom it concerns, and which client: names, or the ids of what is gone.
    actor: str
    person: str
    client: str
    detail: str


def describe_events(events: Sequence[Event]) -> list[EventRow]:
    """Return the rows of events, with the names of accounts and of clients by one statement each."""
    server = authorization_server()
    subjects = {name for event in events for name in (event.actor, event.subject) if name}
    names = server.accounts.own_users.names_of(subjects) if subjects else {}
    client_names = server.clients.names_of({event.client for event in events if event.client})
    clients = {event.client: _name_client(event, client_names) for event in events if event.client}
    return [
        EventRow(
            event,
            EVENTS.get(event.event, event.event).partition(";")[0],
            clients.get(event.actor, names.get(event.actor, event.actor or "")) if event.actor else "",
            names.get(event.subject, event.subject) if event.subject else "",
            clients.get(event.client, "") if event.client else "",
            _write_detail(event),
        )
        for event in events
    ]


def _write_detail(event: Event) -> str:
    shown = {name: value for name, value in (event.detail or {}).items() if name not in SHOWN_ELSEWHERE}
    return "; ".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in shown.items()
    )


def _name_client(event: Event, client_names: Mapping[str, str]) -> str:
    """Return the name of an event's client, or what the event has kept of one that was deleted."""
    return client_names.get(event.client or "") or str((event.detail or {}).get("client_id") or event.client)


def requested_before() -> int | None:
    """Return the id of the last event on the page before, from the address of this one."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None
