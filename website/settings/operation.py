"""The settings of a running server: limits, logs, what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .option import option

#: Requests a minute from one address, by what they are for.
RATE_LIMITS = {"token": 6000, "authorize": 600, "login": 120, "register": 10}


@dataclass(frozen=True)
class OperationSettings:
    """The settings of a running server: limits, logs, what is kept."""

    rate_limits: dict[str, Any] = option(
        "OAUTH2_RATE_LIMITS",
        {},
        "Requests a minute that one address may send (for IPv6 its /64 network), where they differ from the defaults:"
        ' `{"token": 6000, "authorize": 600, "login": 120, "register": 10}`; 0 switches one off. Each process counts'
        " for itself. The demo has none. Environment: JSON.",
        unit="requests a minute",
    )
    event_seconds: int = option(
        "OAUTH2_EVENT_SECONDS",
        365 * 86400,
        "How long security events are kept before `flask prune` deletes them.",
        unit="seconds",
    )
    drain_file: str = option(
        "OAUTH2_DRAIN_FILE",
        "draining",
        "While this file exists, `/readyz` answers 503 and connections are not kept open: `flask drain` makes it before"
        " a node is stopped. Relative to the instance folder. Each node needs a file of its own.",
    )
    sends_notices: bool = option(
        "OAUTH2_SENDS_NOTICES",
        True,
        "Whether a process of the server tells clients of logouts itself, in a thread beside the requests. `flask"
        " worker` does so in any case; with it running, this may be off.",
    )
    access_log: bool = option(
        "OAUTH2_ACCESS_LOG",
        True,
        "One line of JSON per request: method, path without its query, status, time, client address, request id.",
    )
    log_level: str = option("OAUTH2_LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    max_body_bytes: int = option(
        "OAUTH2_MAX_BODY_BYTES", 64 * 1024, "Largest body of a request; above it 413.", unit="bytes"
    )
    max_form_fields: int = option("OAUTH2_MAX_FORM_FIELDS", 100, "Most fields of a form; above it 413.", unit="fields")
    outbound_ca: str = option(
        "OAUTH2_OUTBOUND_CA",
        "",
        "A file with the certificates (PEM) that are trusted where this server fetches what a client named, its keys or"
        " its documents: for organisations with an authority of their own. Empty: those of the package certifi.",
    )
    outbound_fetches: int = option(
        "OAUTH2_OUTBOUND_FETCHES",
        4,
        "How many threads of a process may wait at once for documents that clients named: their keys, their request"
        " objects. At most a quarter of the server's threads, which are sixteen in the guide. Half of it is kept for"
        " hosts that answered quickly before.",
        unit="requests",
        security="With more, strangers whose hosts answer slowly can hold up everybody else.",
    )
    outbound_loopback: bool = option(
        "OAUTH2_OUTBOUND_LOOPBACK",
        False,
        "Whether what a client names may be of this machine, in the demo by plain http too. For development: outside"
        " the demo it needs an `OAUTH2_ISSUER` that is of this machine itself.",
        security="Elsewhere whoever registers a client would reach what only this machine is meant to reach.",
    )
