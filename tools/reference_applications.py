"""Writes docs/applications/: what to register for each known application, and what to paste into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reference_markdown import table, wrapped

from website.clients.client import EITHER_WAY
from website.clients.operator_decisions import DECISIONS
from website.known_applications.catalogue import KNOWN_APPLICATIONS, KnownApplication

#: Words of the catalogue that a page shows as code.
_CODE = re.compile(r"\[?\b[A-Za-z]*_\w+\b\]?(?:\['\w+'\])?(?: ?= ?\w+)?|\b[A-Z]{6,} = \w+|--[a-z][a-z-]+(?:=\d)?")
AUTH_METHODS = {
    EITHER_WAY: "the client secret, in the header or in the body",
    "client_secret_basic": "the client secret, in the header (`client_secret_basic`)",
    "none": "none: it's a public client",
}
LANGUAGES = {".py": "python", ".ini": "ini", ".rb": "ruby", "ConfigMap": "yaml", "Secret": "yaml", "Terminal": "bash"}


def write_application(name: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page of one application, for a provider with this metadata."""
    application = KNOWN_APPLICATIONS[name]
    yield _status(application)
    yield "\n## Register it\n"
    base = f" --base-url {application.example}" if application.has_base else ""
    yield f'```bash\nflask clients create "{application.title}" --type {name}{base}\n```\n'
    yield wrapped(
        "Or choose it on the page for a new client. Either way, these are registered, and you can change them later:"
    )
    yield ""
    yield from table(("Field", "Value"), *_registered(application))
    yield f"\n## Configure {application.title}\n"
    yield wrapped(
        "`YOUR_CLIENT_ID` and `YOUR_CLIENT_SECRET` are what the command prints, and the provider is at"
        f" {metadata['issuer']} here. After you create a client, its page has the same text with your values in it."
    )
    for block in application.blocks_for(_values(application, metadata)):
        yield f"\n{block.where}:\n\n```{_language(block.where)}\n{block.text}\n```"
    if application.notes:
        yield "\n## Good to know\n"
    for note in application.notes:
        yield wrapped("- " + _CODE.sub(r"``\g<0>``", note), "  ")


def write_application_list() -> Iterator[str]:
    """Yield the table of all known applications."""
    rows = (
        (f"[{application.title}]({name}.md)", application.words, application.tried or "not yet")
        for name, application in sorted(KNOWN_APPLICATIONS.items(), key=lambda item: item[1].title.lower())
    )
    yield from table(("Application", "What it is", "Tried with"), *rows)


def _status(application: KnownApplication) -> str:
    source = f"documentation of [{application.documented}]({application.documentation})"
    if application.tried:
        return wrapped(
            f"**Tried with {application.tried}**: a person logged in through a browser with this configuration."
            f" The rest is based on the {source}."
        )
    return wrapped(f"Based on the {source}. We haven't tried it here: if something is wrong, please tell us.")


def _registered(application: KnownApplication) -> Iterator[tuple[str, str]]:
    yield "Redirect URIs", _listed(application.redirect_uris_at(application.example))
    if application.post_logout_redirect_uris:
        yield "After logout", _listed(application.post_logout_redirect_uris_at(application.example))
    yield "Scopes", f"`{application.scope}`"
    yield "Grant types", _listed(list(application.grant_types))
    yield "Authentication", AUTH_METHODS[application.auth_method]
    for decision in DECISIONS:
        if value := decision.find(application.decisions.get(decision.name, "")):
            if decision.name in application.decisions:
                yield decision.label, str(value.label)


def _listed(values: list[str]) -> str:
    return "<br>".join(f"`{value}`" for value in values)


def _values(application: KnownApplication, metadata: Mapping[str, Any]) -> dict[str, str]:
    return {
        **{name: value for name, value in metadata.items() if isinstance(value, str)},
        "base": application.example,
        "discovery": f"{metadata['issuer']}/.well-known/openid-configuration",
        "client_id": "YOUR_CLIENT_ID",
        "client_secret": "YOUR_CLIENT_SECRET",
    }


def _language(where: str) -> str:
    return next((language for mark, language in LANGUAGES.items() if mark in where), "text")
