"""The settings of a running server: limits, logs, what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .option import option

#: The limit of whoever holds an initial access token, and the networks that no limit by address is for.
INITIAL_ACCESS_TOKEN, TRUSTED_NETWORKS = "initial_access_token", "trusted_networks"
#: Requests a minute, by what they are for.
RATE_LIMITS = {"token": 6000, "authorize": 600, "login": 120, "register": 10, INITIAL_ACCESS_TOKEN: 600}


@dataclass(frozen=True)
class OperationSettings:
    """The settings of a running server: limits, logs, what is kept."""

    rate_limits: dict[str, Any] = option(
        "OAUTH2_RATE_LIMITS",
        {},
        "Requests per minute, where they differ from the defaults:"
        ' `{"token": 6000, "authorize": 600, "login": 120, "register": 10, "initial_access_token": 600}`; 0 switches'
        " one off. They count by address (for IPv6 by /64 network). A successful token request counts for its client"
        " instead if the client proved who it is, and for its grant if a public client sent a code or refresh token."
        " Registering counts for a valid initial access token instead, and managing a registration for its registration"
        ' access token. `trusted_networks` lists networks that are not counted by address, such as `["10.0.0.0/8"]`.'
        " Each process counts for itself. The demo has no limits. Environment: JSON.",
        unit="requests per minute",
        security="List a network only if strangers cannot send from it. Wrong passwords are slowed down there too.",
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
