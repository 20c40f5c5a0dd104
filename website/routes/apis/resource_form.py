"""The form of an API: filled in, and read as it was typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from ... import scopes
from ...resources import InvalidResourceError, Resource, ResourceScope, ServerFacts
from ...resources.resource_checks import AT_JWT, FORMER_TYPE, JWT, SEALED, check_resource
from ...translatable import N_
from ..clients.client_choices import Choice

TEXT_FIELDS = (
    "identifier", "name", "scopes", "opens", "open_scope", "access_token_format", "access_token_alg",
    "access_token_typ", "access_token_seconds",
)  # fmt: skip
CHOICES = ("opens", "access_token_format", "access_token_alg", "access_token_typ")
#: The fields behind "Advanced".
ADVANCED = ("access_token_format", "access_token_alg", "access_token_typ", "access_token_seconds")
MAX_CHARACTERS, MAX_SCOPES_CHARACTERS = 2048, 48 * 1024
ALL, CLOSED, SOME = "all", "none", "some"
LABELS = {
    "identifier": N_("Identifier"),
    "name": N_("Name"),
    "scopes": N_("Scopes"),
    "opens": N_("Unverified clients"),
    "open_scope": N_("Scopes for unverified clients"),
    "access_token_format": N_("Access tokens"),
    "access_token_alg": N_("Signature"),
    "access_token_typ": N_("Type"),
    "access_token_seconds": N_("Lifetime"),
}
OPENS = (
    Choice(
        CLOSED,
        N_("They get no tokens for this API, unless you allow a client on the API's page."),
        label=N_("Nothing"),
    ),
    Choice(ALL, N_("People decide, on the consent page."), label=N_("All scopes")),
    Choice(SOME, N_("Those that you list. People decide, on the consent page."), label=N_("Only some scopes")),
)
FORMATS = (
    Choice(
        JWT,
        N_("The API verifies the signature itself, and doesn't notice if a token is revoked before it expires."),
        label="JWT",
    ),
    Choice(
        SEALED,
        N_("The API introspects each token at this server, and notices at once if it's revoked."),
        label=N_("Sealed"),
    ),
)
TYPES = (
    Choice(AT_JWT, N_("The standard type (RFC 9068). Verifiers can tell access tokens from other JWTs.")),
    Choice(FORMER_TYPE, N_("For verifiers that don't know the standard type.")),
)
ALGORITHMS = {
    "RS256": N_("Supported by every verifier (RFC 9068, section 2.1)."),
    "ES256": N_("Shorter, and quicker to sign."),
    "EdDSA": N_("With Ed25519."),
}


@dataclass
class ResourceForm:
    """What was typed, as it was typed, and what is wrong with it."""

    texts: dict[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return the fields that the form stands for, as the store takes them, without the identifier."""
        seconds, opens = self.texts["access_token_seconds"].strip(), self.texts["opens"]
        opened = scopes.split(self.texts["open_scope"])
        return {
            "name": self.texts["name"].strip(),
            "scopes": [
                ResourceScope(name, description, opens == ALL or (opens == SOME and name in opened))
                for name, description in self.scope_lines()
            ],
            **{name: self.texts[name] for name in ("access_token_format", "access_token_alg", "access_token_typ")},
            "access_token_seconds": int(seconds) if seconds and "access_token_seconds" not in self.problems else None,
            "is_open": opens != CLOSED,
        }

    def scope_lines(self) -> list[tuple[str, str]]:
        """Return each line's scope and description."""
        lines = (line.strip().partition(" ") for line in self.texts["scopes"].split("\n") if line.strip())
        return [(name, description.strip()) for name, _space, description in lines]

    def add_problems(self, problems: dict[str, str]) -> None:
        """Add what the store says is wrong, in the order of the form."""
        found = {**problems, **self.problems}
        self.problems = {name: found[name] for name in LABELS if name in found}


def new_form(facts: ServerFacts) -> ResourceForm:
    """Return the form of a new API: the usual case, filled in."""
    return ResourceForm(
        {
            **dict.fromkeys(TEXT_FIELDS, ""),
            "opens": ALL if facts.is_open else CLOSED,
            "access_token_format": facts.usual_format,
            "access_token_alg": facts.usual_algorithm,
            "access_token_typ": AT_JWT,
        }
    )


def form_of_resource(resource: Resource) -> ResourceForm:
    """Return the form filled in with what an API is."""
    is_part = resource.is_open and len(resource.open_scopes) < len(resource.scopes)
    return ResourceForm(
        {
            "identifier": resource.identifier,
            "name": resource.name,
            "scopes": "\n".join(f"{scope.name} {scope.description}" for scope in resource.scopes.values()),
            "opens": SOME if is_part else ALL if resource.is_open else CLOSED,
            "open_scope": scopes.join(resource.open_scopes) if is_part else "",
            "access_token_format": resource.access_token_format,
            "access_token_alg": resource.access_token_alg,
            "access_token_typ": resource.access_token_typ,
            "access_token_seconds": str(resource.access_token_seconds or ""),
        }
    )


def read_form(fields: MultiDict[str, str], facts: ServerFacts, resource: Resource | None = None) -> ResourceForm:
    """Read and judge a posted form; a missing choice stays as it was, another missing field counts as empty.

    ``resource`` is the API that is changed. Whether another one has the identifier is for the store to say.
    """
    former = new_form(facts) if resource is None else form_of_resource(resource)
    form = ResourceForm({name: fields.get(name, "").replace("\r\n", "\n") for name in TEXT_FIELDS})
    form.texts |= {name: former.texts[name] for name in CHOICES if not form.texts[name]}
    if resource is not None:
        form.texts["identifier"] = resource.identifier
    _check_form(form)
    _check_open_scopes(form, former)
    try:
        check_resource(_draft(form), facts)
    except InvalidResourceError as error:
        form.add_problems(error.problems)
    return form


def _check_form(form: ResourceForm) -> None:
    """Add what is wrong with the form rather than with the API."""
    for name, text in form.texts.items():
        limit = MAX_SCOPES_CHARACTERS if name == "scopes" else MAX_CHARACTERS
        if len(text) > limit:
            form.problems[name] = N_("Use at most %(count)s characters.", count=limit)
            form.texts[name] = text[:limit]
    if form.texts["opens"] not in (ALL, CLOSED, SOME):
        form.problems["opens"] = N_("Choose one of the options.")
    seconds = form.texts["access_token_seconds"].strip()
    if seconds and not (seconds.isdecimal() and seconds.isascii() and len(seconds) < 10):
        form.problems["access_token_seconds"] = N_("Enter a number of seconds, or leave it empty.")
    names = [name for name, _description in form.scope_lines()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        form.problems.setdefault("scopes", N_("%(scope)s is listed twice.", scope=twice))


def _check_open_scopes(form: ResourceForm, former: ResourceForm) -> None:
    """Add a problem if the choice of open scopes and their list contradict each other: neither is dropped silently."""
    opened, is_some = scopes.split(form.texts["open_scope"]), form.texts["opens"] == SOME
    names = [name for name, _description in form.scope_lines()]
    missing = [name for name in opened if name not in names]
    # A command can open an API without any of its scopes: then saving the form as it is keeps that.
    is_kept = all(form.texts[name] == former.texts[name] for name in ("opens", "open_scope"))
    # Where nothing is opened in part any longer, what the field had in it went out of sight with the choice.
    is_typed = form.texts["open_scope"] != former.texts["open_scope"]
    problem = ""
    if opened and not is_some and is_typed:
        problem = N_("Choose “Only some scopes”, or leave this empty.")
    elif is_some and missing:
        problem = N_("The API has no scope %(scope)s.", scope=" ".join(missing))
    elif is_some and not opened and not is_kept:
        problem = N_("List the scopes, or choose “Nothing”.")
    if problem:
        form.problems.setdefault("open_scope", problem)


def _draft(form: ResourceForm) -> Resource:
    fields = form.fields()
    fields["scopes"] = {scope.name: scope for scope in fields["scopes"]}
    return Resource(id=None, identifier=form.texts["identifier"].strip(), created_at=0, **fields)


def list_algorithms(facts: ServerFacts) -> tuple[Choice, ...]:
    """Return the server's algorithms, in words."""
    return tuple(Choice(name, ALGORITHMS.get(name, "")) for name in facts.settings.signing_algorithms)


def list_formats(facts: ServerFacts) -> tuple[Choice, ...]:
    """Return the server's token formats, in words."""
    return tuple(choice for choice in FORMATS if choice.value in facts.find_formats())
