"""The settings of a running server: limits, logs, retention and outgoing requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .option import option

#: The limit for holders of an initial access token, and the networks that are exempt from limits by address.
INITIAL_ACCESS_TOKEN, TRUSTED_NETWORKS = "initial_access_token", "trusted_networks"
#: Requests per minute, by purpose.
RATE_LIMITS = {"token": 6000, "authorize": 600, "login": 120, "register": 10, "device": 60, INITIAL_ACCESS_TOKEN: 600}


@dataclass(frozen=True)
class OperationSettings:
    """The settings of a running server: limits, logs, retention and outgoing requests."""

    rate_limits: dict[str, Any] = option(
        "OAUTH2_RATE_LIMITS",
        {},
        "Requests per minute, if different from the defaults:"
        ' `{"token": 6000, "authorize": 600, "login": 120, "register": 10, "device": 60, "initial_access_token": 600}`;'
        " 0 means no limit. `device` counts devices that ask for a code. Requests are counted per address (for IPv6 per"
        " /64 network), with these exceptions: a successful token request, or a device's, counts against its client if"
        " the client authenticated, and against its grant if a public client sent a code or refresh token; a device"
        " that waits counts against its code; a registration counts against its valid initial access token, and"
        " managing one against its registration access token. A new client with a metadata document counts as a"
        " registration, as does fetching the document of a known one again; beyond the limit, the stored copy serves."
        " `login` also counts setting a password by a link, changing it, and deleting the account."
        " `trusted_networks` lists networks that aren't counted per address,"
        ' such as `["10.0.0.0/8"]`. Each process counts separately. The demo has no limits. Environment: JSON.',
        unit="requests per minute",
        security="Only list a network that strangers can't send from. Wrong passwords are throttled there too.",
    )
    event_seconds: int = option(
        "OAUTH2_EVENT_SECONDS",
        365 * 86400,
        "How long security events are kept before `flask prune` deletes them.",
        unit="seconds",
    )
    activity_seconds: int = option(
        "OAUTH2_ACTIVITY_SECONDS",
        90 * 86400,
        "How long hourly counts of each client's activity are kept: tokens issued to it, introspections, and failed"
        " authentications. 0 counts nothing. Each process writes its counts once a minute and when"
        " it ends, so requests don't wait for it; `flask prune` deletes old ones.",
        unit="seconds",
    )
    drain_file: str = option(
        "OAUTH2_DRAIN_FILE",
        "draining",
        "While this file exists, `/readyz` returns 503 and connections aren't kept open. Run `flask drain`, which"
        " creates it, before you stop a node. Relative to the instance folder. Each node needs its own file.",
    )
    drain_seconds: int = option(
        "OAUTH2_DRAIN_SECONDS",
        2,
        "How long a process under Granian or `flask run` drains after SIGTERM before it stops, unless it is draining"
        " already: every response closes its connection, and `/readyz` returns 503. If a proxy polls `/readyz`, choose"
        " more than its interval. 0 stops at once; then a client may lose a request that it sends on a connection that"
        " is kept open.",
        unit="seconds",
    )
    sends_notices: bool = option(
        "OAUTH2_SENDS_NOTICES",
        True,
        "Whether the server's processes send logout notices to clients, and emails, themselves, in a background thread."
        " You can turn it off if `flask worker` runs, which always sends them.",
    )
    access_log: bool = option(
        "OAUTH2_ACCESS_LOG",
        True,
        "Log one line of JSON per request: method, path without query, status, duration, client address, request ID."
        " Lines are written within 100 ms, and when the process ends.",
    )
    metrics_token: str = option(
        "OAUTH2_METRICS_TOKEN",
        "",
        "The bearer token for `/metrics`, which gives Prometheus what a process has counted. Empty: there is no"
        " `/metrics`.",
        security="At least 32 random characters in production. Prefer a file, named by `OAUTH2_METRICS_TOKEN_FILE`.",
    )
    log_level: str = option("OAUTH2_LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    max_body_bytes: int = option(
        "OAUTH2_MAX_BODY_BYTES", 64 * 1024, "Maximum size of a request body; larger ones get 413.", unit="bytes"
    )
    concurrent_requests: int = option(
        "OAUTH2_CONCURRENT_REQUESTS",
        16,
        "How many requests a process works on at once; others wait for a place. Health checks and requests whose body"
        " hasn't arrived don't need one, so give the server more threads than this.",
        unit="requests",
    )
    body_seconds: int = option(
        "OAUTH2_BODY_SECONDS",
        5,
        "How long a client may take to send a request body; a slower one gets 408. Granian keeps the thread until such"
        " a client closes the connection.",
        unit="seconds",
    )
    max_form_fields: int = option(
        "OAUTH2_MAX_FORM_FIELDS", 100, "Maximum number of form fields; more get 413.", unit="fields"
    )
    outbound_ca: str = option(
        "OAUTH2_OUTBOUND_CA",
        "",
        "A PEM file with the CA certificates to trust when this server fetches a client's keys or documents, for"
        " organizations with their own CA. Empty: those of the package certifi.",
    )
    outbound_fetches: int = option(
        "OAUTH2_OUTBOUND_FETCHES",
        4,
        "How many threads of a process may wait at once for clients' documents, such as keys and request objects. At"
        " most a quarter of OAUTH2_CONCURRENT_REQUESTS. Half of it is reserved for hosts"
        " that responded quickly before. For all other hosts, each domain gets one at a time, and so does each"
        " visitor's address unless it belongs to the `trusted_networks` of OAUTH2_RATE_LIMITS.",
        unit="requests",
        security="With a higher number, strangers can block everybody else with slow hosts.",
    )
    outbound_loopback: bool = option(
        "OAUTH2_OUTBOUND_LOOPBACK",
        False,
        "Whether clients' URLs may point to this computer; in the demo also with plain HTTP. For development: outside"
        " the demo it needs an `OAUTH2_ISSUER` on this computer.",
        security="In production, clients that register could then reach services meant only for this computer.",
    )
