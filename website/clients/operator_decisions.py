"""The decisions about a client that stand in columns: what each may be, in which words, and who may make it.

No registration makes them, and none drops them. The page, ``flask clients`` and the policy read this table: one more
column of :class:`~website.models.client.OAuth2Client` takes one more entry in ``DECISIONS``, and a field of ``Client``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .extra_origins import check_origins
from .metadata import MetadataProblems

#: How a form and a command name the two values of a switch.
NO, YES = "no", "yes"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a decision: as forms and commands name it, as the column holds it, and in plain words."""

    text: str
    stored: Any
    label: str
    meaning: str = ""
    warning: str = ""
    #: Whether operators alone choose it.
    is_operators: bool = False
    #: What the page of a client says, where that is not the label.
    shown: str = ""

    @property
    def value(self) -> str:
        """The name under which the pieces of a form know it."""
        return self.text


@dataclass(frozen=True, slots=True)
class OperatorDecision:
    """One column: its name in forms and commands, what it is for, and its values, the usual one first."""

    name: str
    column: str
    label: str
    help: str
    values: tuple[Value, ...]
    #: The value to which somebody who may only narrow a client can turn it; empty: none.
    narrowest: str = ""

    @property
    def is_switch(self) -> bool:
        return {value.text for value in self.values} == {NO, YES}

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    def find(self, text: str) -> Value | None:
        """Return the value of a name; the usual one for an empty name."""
        if not text:
            return self.values[0]
        return next((value for value in self.values if value.text == text), None)

    def value_of(self, stored: Any) -> Value:
        """Return the value that a column holds."""
        same = (value for value in self.values if value.stored is stored or value.stored == stored)
        return next(same, self.values[0])


DECISIONS = (
    OperatorDecision(
        "access_token_format",
        "access_token_format",
        "Access tokens",
        "The format of its access tokens.",
        (
            Value("sealed", "sealed", "Sealed", "Short, and readable by this server alone."),
            Value("jwt", "jwt", "JWT", "Readable by an API of your own that checks our signature (RFC 9068)."),
        ),
    ),
    OperatorDecision(
        "access_token_alg",
        "access_token_alg",
        "Signature of access tokens",
        "What JWT access tokens are signed with.",
        (
            Value("default", None, "Server default", "The first of OAUTH2_SIGNING_ALGORITHMS."),
            Value("RS256", "RS256", "RS256", "What every verifier knows (RFC 9068, section 2.1)."),
            Value("ES256", "ES256", "ES256", "Shorter."),
            Value("PS256", "PS256", "PS256"),
            Value("EdDSA", "EdDSA", "EdDSA", "With Ed25519."),
        ),
    ),
    OperatorDecision(
        "pkce",
        "pkce_required",
        "PKCE",
        "Binds a code to the browser that began the login (RFC 7636).",
        (
            Value("default", None, "Server default", "As OAUTH2_PKCE_REQUIRED_FOR says."),
            Value("required", True, "Required", "A code is worth nothing without its verifier."),
            Value(
                "off",
                False,
                "Not required",
                "For clients with a secret that do not know PKCE.",
                "A stolen code could be put into somebody else's login (RFC 9700, section 2.1.1).",
                is_operators=True,
            ),
        ),
        narrowest="required",
    ),
    OperatorDecision(
        "first_party",
        "is_first_party",
        "First-party",
        "For the applications of the organization that runs this server.",
        (
            Value(NO, False, "Asks for consent"),
            Value(
                YES,
                True,
                "This is our own application: nobody is asked for consent",
                "People who log in to it go straight on.",
                is_operators=True,
                shown="Yes: nobody is asked for consent",
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "may_introspect",
        "may_introspect",
        "Introspection",
        "For a program that takes tokens and asks this server about them.",
        (
            Value(NO, False, "Its own tokens"),
            Value(
                YES,
                True,
                "This is an API: it may look at tokens",
                "It may look at every access token meant for this server, not at its own only (RFC 7662). It needs a"
                " secret.",
                is_operators=True,
                shown="Every token meant for this server: it is an API",
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "claims_in_id_token",
        "claims_in_id_token",
        "ID tokens",
        "For an application that reads the ID token and nothing else (OpenID Connect Core 1.0, section 5.4).",
        (
            Value(NO, False, "Without the claims of the granted scopes"),
            Value(
                YES,
                True,
                "ID tokens include the claims of the granted scopes",
                "In ID tokens from the token endpoint; those that travel through the browser never have them.",
                shown="With the claims of the granted scopes",
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "ends_with_login",
        "ends_with_login",
        "After logout",
        "For what people allow with openid and without offline_access, which always outlives the login.",
        (
            Value(
                "default",
                None,
                "Default for its kind",
                "Access ends when the person logs out. Apps on the person's own device, with loopback or private-use"
                " redirect URIs alone and no logout URI, stay connected.",
            ),
            Value(YES, True, "Access ends with the login", "Access that is there already ends with its login too."),
            Value(
                NO,
                False,
                "Stays connected",
                "Until access is removed, the password changes or the refresh token expires. Applies to what people"
                " allow from now on.",
                is_operators=True,
            ),
        ),
        narrowest=YES,
    ),
    OperatorDecision(
        "logo",
        "shows_logo",
        "Logo",
        "The picture at its logo_uri: fetched once, and served by this server.",
        (
            Value("default", None, "Default for its kind", "Shown, unless the client registered itself."),
            Value(
                "shown",
                True,
                "Shown",
                "Also if the client registered itself.",
                "Look at the picture first: it may be another company's logo.",
                is_operators=True,
            ),
            Value("hidden", False, "Not shown"),
        ),
        narrowest="hidden",
    ),
)
BY_COLUMN: Mapping[str, OperatorDecision] = {decision.column: decision for decision in DECISIONS}
#: What a client is about which nobody decided anything.
USUAL: Mapping[str, Any] = {decision.column: decision.values[0].stored for decision in DECISIONS}


def decisions_of(client: object) -> dict[str, Any]:
    """Return what was decided about a client, by column."""
    return {column: getattr(client, column) for column in BY_COLUMN}


def changes_to_note(before: object | None, after: object) -> dict[str, Any]:
    """Return what an event says of the decisions: those that changed, or that a new client has beside the usual."""
    former = USUAL if before is None else decisions_of(before)
    changed = {column: stored for column, stored in decisions_of(after).items() if stored != former[column]}
    origins = list(getattr(after, "extra_origins", ()))
    return changed | ({"extra_origins": origins} if origins != list(getattr(before, "extra_origins", ())) else {})


def check_decisions(
    columns: Mapping[str, Any], metadata: Mapping[str, Any], token_formats: Iterable[str], algorithms: Iterable[str]
) -> MetadataProblems:
    """Judge the decisions about a client, each by its column, beside the metadata that they go with."""
    problems, formats, signed_by = MetadataProblems(), tuple(token_formats), tuple(algorithms)
    decided = {**USUAL, **columns}
    is_public = metadata.get("token_endpoint_auth_method") == "none"
    if decided["access_token_format"] not in formats:
        problems.add("access_token_format", f"Choose one of: {', '.join(formats)}.")
    if decided["access_token_format"] == "jwt" and metadata.get("subject_type") == "pairwise":
        problems.add("access_token_format", "A JWT would show the public subject: a pairwise client has sealed tokens.")
    algorithm = decided["access_token_alg"]
    if algorithm is not None and algorithm not in signed_by:
        problems.add("access_token_alg", f"Choose one that this server signs with: {', '.join(signed_by)}.")
    if algorithm is not None and decided["access_token_format"] != "jwt":
        problems.add("access_token_alg", "Sealed access tokens have no signature: choose JWT as their format.")
    check_origins(problems, decided.get("extra_origins") or ())
    if is_public and decided["pkce_required"] is False:
        problems.add("pkce_required", "A client without a secret always has PKCE: it has nothing else.")
    if is_public and decided["may_introspect"]:
        problems.add("may_introspect", "A client without a secret cannot prove who it is: choose another method.")
    return problems
