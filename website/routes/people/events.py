"""The page of security events, for operators and auditors: filtered by event, person, who did it, client and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, render_template, request

from ...audit import COMMAND, EVENTS
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..current.current_roles import SEES_EVENTS, role_required
from ..presentation.event_rows import describe_events, requested_before
from ..presentation.paging import cut_page

PAGE_ROWS = 30
FILTERS = ("event", "person", "by", "client", "since", "until")
LABELS = {"person": N_("Person"), "by": N_("By"), "client": N_("Client"), "since": N_("From"), "until": N_("To")}
#: What no subject and no row id is.
NOBODY = ""
bp = Blueprint("events", __name__)


@bp.get("/events")
@role_required(SEES_EVENTS)
def list_events() -> str:
    """List the events, the latest first, a page at a time."""
    server, chosen = authorization_server(), {name: request.args.get(name, "").strip() for name in FILTERS}
    problems: dict[str, str] = {}
    client = None
    if chosen["client"]:
        found_client = server.clients.find_any(chosen["client"])
        client = NOBODY if found_client is None else found_client.id
        if client == NOBODY:
            problems["client"] = N_("There is no client with this client_id.")
    found = server.audit.list(
        events=[chosen["event"]] if chosen["event"] in EVENTS else (),
        subject=_read_person("person", chosen, problems),
        actor=chosen["by"] if chosen["by"].startswith(COMMAND) else _read_person("by", chosen, problems),
        client=client,
        since=_read_day("since", chosen, problems) or 0,
        until=_read_day("until", chosen, problems, after_days=1),
        before=requested_before(),
        limit=PAGE_ROWS + 1,
    )
    events, next_before = cut_page(found, PAGE_ROWS, lambda event: event.id)
    return render_template(
        "events.html",
        rows=describe_events(events),
        chosen=chosen,
        problems=problems,
        labels=LABELS,
        names=_described_events(),
        is_first=not request.args.get("before"),
        next_page={**{name: value for name, value in chosen.items() if value}, "before": next_before}
        if next_before is not None
        else None,
    )


def _described_events() -> dict[str, str]:
    """Return what each event is called, in the order of the words that people read."""
    described = {name: text.partition(";")[0] for name, text in EVENTS.items()}
    return dict(sorted(described.items(), key=lambda item: item[1].lower()))


def _read_person(name: str, chosen: dict[str, str], problems: dict[str, str]) -> str | None:
    """Return the subject of a chosen username; ``None`` without one."""
    if not chosen[name]:
        return None
    subject = authorization_server().accounts.own_users.subject_of_name(chosen[name])
    if subject is None:
        problems[name] = N_("There is no account with this username.")
        return NOBODY
    return subject


def _read_day(name: str, chosen: dict[str, str], problems: dict[str, str], after_days: int = 0) -> int | None:
    """Return when a chosen day begins, in UTC, or that many days later; ``None`` without one."""
    if not chosen[name]:
        return None
    try:
        day = datetime.strptime(chosen[name], "%Y-%m-%d").replace(tzinfo=UTC)
        return int((day + timedelta(days=after_days)).timestamp())
    except (ValueError, OverflowError):
        problems[name] = N_("Enter a day such as 2026-03-07.")
        return None
