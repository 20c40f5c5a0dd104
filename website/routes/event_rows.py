"""Security events as rows of a page: names instead of subjects and ids, and a description of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..audit import EVENTS
from ..models.event import Event
from .authorization_server import authorization_server

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
    """Return the rows of events, with the names of accounts by one statement."""
    server = authorization_server()
    subjects = {name for event in events for name in (event.actor, event.subject) if name}
    names = server.accounts.own_users.names_of(subjects) if subjects else {}
    clients = {event.client: _name_client(event) for event in events if event.client}
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


def _name_client(event: Event) -> str:
    client = authorization_server().clients.find_row(event.client)
    if client is not None:
        return client.client_name
    return str((event.detail or {}).get("client_id") or event.client)
