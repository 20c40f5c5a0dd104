"""Logging with structlog: one line of JSON per entry, without secrets.

Values are encoded as JSON, so line breaks or escape sequences in a request can't forge an entry. Authlib's debug
messages, which contain tokens, and Werkzeug's request lines, which contain queries, are turned off at the source.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import structlog

from .access_log import access_log

_encoder = json.JSONEncoder(default=repr)
_QUIET = ("alembic", "authlib", "joserfc")


def get_logger(name: str) -> Any:
    return structlog.get_logger(source=name)


def _write_json(_logger: Any, _method: str, entry: Any) -> str:
    return _encoder.encode(entry)


_SHARED: list[Any] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class _StandardError:
    """Writes lines to the current standard error: cached loggers may outlive the stream they started with."""

    def _write(self, line: str) -> None:
        access_log.write_waiting()
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg = _write


class _InOrder(logging.StreamHandler[Any]):
    """Writes records at once, after the requests that were logged before them."""

    def emit(self, record: logging.LogRecord) -> None:
        access_log.write_waiting()
        super().emit(record)


def set_up_own_logging(level: str) -> None:
    """Send our own entries to standard error, unless an embedding application has already configured structlog."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[*_SHARED, _write_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_arguments: _StandardError(),
        cache_logger_on_first_use=True,
    )


def set_up_logging(level: str) -> None:
    """Send all entries, including those of the standard library's loggers, through one chain to standard error."""
    structlog.reset_defaults()
    set_up_own_logging(level)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED[:2], structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _write_json,
        ],
    )
    handler = _InOrder(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other.formatter, type(formatter))] + [handler]
    root.setLevel(level)
    _set_up_development_server()


def _set_up_development_server() -> None:
    """Let ``flask run`` print its address as plain text, and drop its request lines, which contain queries."""
    werkzeug = logging.getLogger("werkzeug")
    werkzeug.setLevel(logging.INFO)
    werkzeug.handlers = [logging.StreamHandler(sys.stderr)]
    werkzeug.propagate = False
    werkzeug.filters = [lambda record: " - - [" not in str(record.msg)]
