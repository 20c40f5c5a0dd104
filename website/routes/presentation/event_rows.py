"""Security events as rows of a page: names instead of subjects and ids, and a description of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _

from ...audit import COMMAND, EVENTS
from ...models.event import Event
from ...sessions.assurance import COPIED_KEY, DEVICE_KEY, KNOWS_PASSWORD, ONE_TIME_CODE, PRESENCE, SEVERAL
from ...translatable import N_
from ...users.ending_links import BY_MAIL
from ..current.authorization_server import authorization_server
from ..language.translations import translate

#: A longer number fits no database's ids.
MAX_ID_DIGITS = 18
#: What the detail of an event says by other columns already.
SHOWN_ELSEWHERE = frozenset(("client_id", "user"))
#: The facts whose names people don't read as words.
FACT_NAMES = {"amr": N_("Logged in with"), "acr": N_("Class"), "logo_uri": N_("Logo")}
#: How a person logged in, in words; empty for what goes without saying. An embedding application may have others.
METHODS = {
    KNOWS_PASSWORD: N_("password"),
    ONE_TIME_CODE: N_("one-time code"),
    DEVICE_KEY: N_("passkey that stays on its device"),
    COPIED_KEY: N_("synced passkey"),
    SEVERAL: N_("two factors"),
    PRESENCE: "",
}


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as a page shows it."""

    event: Event
    description: str
    #: Who did it, whom it concerns, and which client: names, or the ids of what is gone.
    actor: str
    person: str
    client: str
    #: What else is known: names, each with its value.
    facts: tuple[tuple[str, str], ...]


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
            clients.get(event.actor) or names.get(event.actor) or _name_actor(event.actor) if event.actor else "",
            names.get(event.subject, event.subject) if event.subject else "",
            clients.get(event.client, "") if event.client else "",
            tuple(_list_facts(event)),
        )
        for event in events
    ]


def _name_actor(actor: str) -> str:
    """Return who did it, where that isn't an account: a command's system user, a link sent by email."""
    if actor.startswith(COMMAND):
        return _("%(user)s (command)", user=actor.removeprefix(COMMAND))
    return _("a link by email") if actor == BY_MAIL else actor


def _list_facts(event: Event) -> Iterator[tuple[str, str]]:
    """Yield what an event's detail says, without what is empty or shown elsewhere."""
    for name, value in (event.detail or {}).items():
        text = _write_methods(value) if name == "amr" and isinstance(value, list) else _write_value(value)
        if text and name not in SHOWN_ELSEWHERE:
            yield translate(FACT_NAMES.get(name, name.replace("_", " ").capitalize())), text


def _write_methods(methods: Sequence[object]) -> str:
    words = (METHODS.get(str(method), str(method)) for method in methods)
    return ", ".join(translate(word) for word in words if word)


def _write_value(value: Any) -> str:
    """Write a value as people read it; empty for one that says nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        written = ((name, _write_value(each)) for name, each in value.items())
        return ", ".join(f"{name} {text}" for name, text in written if text)
    return ", ".join(filter(None, map(_write_value, value))) if isinstance(value, list) else str(value)


def _name_client(event: Event, client_names: Mapping[str, str]) -> str:
    """Return the name of an event's client, or what the event has kept of one that was deleted."""
    return client_names.get(event.client or "") or str((event.detail or {}).get("client_id") or event.client)


def requested_before() -> int | None:
    """Return the id of the last event on the page before, from the address of this one."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None
