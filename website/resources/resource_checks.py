"""The checks of an API's fields, for pages, commands and code alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .. import scopes
from ..settings import Settings
from ..translatable import N_
from . import resource_identifiers
from .resource import InvalidResourceError, Resource, ResourceScope

MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 200
MAX_SCOPES = 100
MIN_TOKEN_SECONDS = 30
#: The usual algorithm of JWT access tokens: every verifier supports it (:rfc:`9068#section-2.1`).
USUAL_ALGORITHM = "RS256"
SEALED, JWT = "sealed", "jwt"
#: The header ``typ`` of JWT access tokens: the standard's, and that of tokens from before it.
TYPES = AT_JWT, FORMER_TYPE = ("at+jwt", "JWT")


@dataclass(frozen=True)
class ServerFacts:
    """What the APIs of a server depend on: its settings, and what its specifications registered."""

    settings: Settings
    has_external_users: bool
    find_scopes: Callable[[], Mapping[str, str]]
    find_formats: Callable[[], Collection[str]]
    #: Returns the issuer of the current request or of the setting; "" in a command of the demo.
    find_issuer: Callable[[], str]
    #: Tells whether a subject is an operator of this server.
    is_operator: Callable[[str], bool]

    @property
    def takes_unregistered(self) -> bool:
        """Whether an API on this computer needs no registration: in the demo, unless embedded in an application."""
        return self.settings.demo and not self.has_external_users

    @property
    def is_open(self) -> bool:
        """Whether new APIs and scopes are open to unverified clients, if nobody says otherwise."""
        return self.settings.demo

    @property
    def usual_format(self) -> str:
        """The format for the access tokens of an API that chose none."""
        return JWT if JWT in self.find_formats() else SEALED

    @property
    def usual_algorithm(self) -> str:
        """The algorithm for the JWT access tokens of an API that chose none: the first one if there is no RS256."""
        algorithms = self.settings.signing_algorithms
        return USUAL_ALGORITHM if USUAL_ALGORITHM in algorithms else algorithms[0]


def check_resource(resource: Resource, facts: ServerFacts) -> None:
    """Check an API before it's stored. Raises :class:`InvalidResourceError`."""
    issuer = facts.find_issuer()
    identifier_problem = resource_identifiers.find_problem(resource.identifier, allows_loopback=facts.settings.demo)
    if not identifier_problem and issuer and resource_identifiers.is_same_place(resource.identifier, issuer):
        identifier_problem = N_("This is the URL of this server itself: tokens for it need no API.")
    problems = {
        "identifier": identifier_problem,
        "name": _find_name_problem(resource.name),
        "scopes": _find_scopes_problem(resource.scopes, facts.find_scopes()),
        **_find_token_problems(resource, facts),
    }
    found = {name: problem for name, problem in problems.items() if problem}
    if found:
        raise InvalidResourceError(found)


def _find_name_problem(name: str) -> str:
    if not name.strip():
        return N_("Enter a name: people see it on the consent page.")
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        return N_("Use at most %(count)s characters, none of them invisible.", count=MAX_NAME_CHARACTERS)
    return ""


def _find_scopes_problem(own: Mapping[str, ResourceScope], of_server: Mapping[str, str]) -> str:
    if len(own) > MAX_SCOPES:
        return N_("An API has at most %(count)s scopes.", count=MAX_SCOPES)
    for name, scope in own.items():
        if not scopes.is_well_formed(name) or len(name) > scopes.MAX_NAMED_CHARACTERS:
            return N_(
                "A scope has no spaces, quotes or accents, and at most %(count)s characters.",
                count=scopes.MAX_NAMED_CHARACTERS,
            )
        if name in of_server or name in scopes.USER_SCOPES:
            return N_("%(scope)s is a scope of this server. Choose another name, such as photos.%(scope)s.", scope=name)
        if not scope.description.strip():
            return N_("Describe %(scope)s: people see the description on the consent page.", scope=name)
        if len(scope.description) > MAX_DESCRIPTION_CHARACTERS or not scope.description.isprintable():
            return N_(
                "Describe %(scope)s in at most %(count)s characters, none of them invisible.",
                scope=name,
                count=MAX_DESCRIPTION_CHARACTERS,
            )
    return ""


def _find_token_problems(resource: Resource, facts: ServerFacts) -> dict[str, str]:
    formats, algorithms = facts.find_formats(), facts.settings.signing_algorithms
    longest = facts.settings.longest_access_token_seconds
    problems = {}
    if resource.access_token_format not in formats:
        problems["access_token_format"] = N_("Choose one of: %(choices)s.", choices=", ".join(formats))
    if resource.access_token_alg not in algorithms:
        problems["access_token_alg"] = N_(
            "This server has no key for %(algorithm)s. Choose one of: %(choices)s. Or add it to"
            " OAUTH2_SIGNING_ALGORITHMS and run flask initdb.",
            algorithm=resource.access_token_alg, choices=", ".join(algorithms),
        )  # fmt: skip
    if resource.access_token_typ not in TYPES:
        problems["access_token_typ"] = N_("Choose one of: %(choices)s.", choices=", ".join(TYPES))
    seconds = resource.access_token_seconds
    if seconds is not None and not MIN_TOKEN_SECONDS <= seconds <= longest:
        problems["access_token_seconds"] = N_(
            "Enter %(least)s to %(most)s seconds; the most is this server's own lifetime,"
            " OAUTH2_ACCESS_TOKEN_SECONDS.",
            least=MIN_TOKEN_SECONDS, most=longest,
        )  # fmt: skip
    return problems
