"""The decisions about a client that are stored in columns: their values, descriptions, and who may make them.

Registrations neither set nor reset them. The page, ``flask clients`` and the policy use this table: a new column of
:class:`~website.models.client.OAuth2Client` needs an entry in ``DECISIONS`` and a field of ``Client``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..translatable import N_
from .extra_origins import check_origins
from .metadata import MetadataProblems

#: The two values of a switch in forms and commands.
NO, YES = "no", "yes"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a decision: its name in forms and commands, the stored value, and its description."""

    text: str
    stored: Any
    label: str
    meaning: str = ""
    warning: str = ""
    #: Whether only operators may choose it.
    is_operators: bool = False
    #: The text on the client's page, if different from the label.
    shown: str = ""

    @property
    def value(self) -> str:
        """Its name in form macros."""
        return self.text


@dataclass(frozen=True, slots=True)
class OperatorDecision:
    """One column: its name in forms and commands, its description, and its values, starting with the default."""

    name: str
    column: str
    label: str
    help: str
    values: tuple[Value, ...]
    #: The value that somebody who may only narrow a client can choose; empty if none.
    narrowest: str = ""

    @property
    def is_switch(self) -> bool:
        return {value.text for value in self.values} == {NO, YES}

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    def find(self, text: str) -> Value | None:
        """Return the value with a name; the default for an empty name."""
        if not text:
            return self.values[0]
        return next((value for value in self.values if value.text == text), None)

    def value_of(self, stored: Any) -> Value:
        """Return the value for a column's content."""
        same = (value for value in self.values if value.stored is stored or value.stored == stored)
        return next(same, self.values[0])


DECISIONS = (
    OperatorDecision(
        "access_token_format",
        "access_token_format",
        N_("Access tokens"),
        N_("The format of its access tokens."),
        (
            Value("sealed", "sealed", N_("Sealed"), N_("Short, and only readable by this server.")),
            Value("jwt", "jwt", "JWT", N_("Readable by your own API, which verifies the signature (RFC 9068).")),
        ),
    ),
    OperatorDecision(
        "access_token_alg",
        "access_token_alg",
        N_("Signature of access tokens"),
        N_("The algorithm that JWT access tokens are signed with."),
        (
            Value("default", None, N_("Server default"), N_("The first of OAUTH2_SIGNING_ALGORITHMS.")),
            Value("RS256", "RS256", "RS256", N_("Supported by every verifier (RFC 9068, section 2.1).")),
            Value("ES256", "ES256", "ES256", N_("Shorter.")),
            Value("PS256", "PS256", "PS256"),
            Value("EdDSA", "EdDSA", "EdDSA", N_("With Ed25519.")),
        ),
    ),
    OperatorDecision(
        "pkce",
        "pkce_required",
        "PKCE",
        N_("Binds a code to the browser that started the login (RFC 7636)."),
        (
            Value("default", None, N_("Server default"), N_("The setting OAUTH2_PKCE_REQUIRED_FOR.")),
            Value("required", True, N_("Required"), N_("A code is useless without its verifier.")),
            Value(
                "off",
                False,
                N_("Not required"),
                N_("For clients with a secret that don't support PKCE."),
                N_("A stolen code could be injected into somebody else's login (RFC 9700, section 2.1.1)."),
                is_operators=True,
            ),
        ),
        narrowest="required",
    ),
    OperatorDecision(
        "first_party",
        "is_first_party",
        N_("First-party"),
        N_("For the clients of the organization that runs this server."),
        (
            Value(NO, False, N_("Asks for consent"), shown=N_("No: people are asked for consent")),
            Value(
                YES,
                True,
                N_("This is our own client: don't ask for consent"),
                N_("People who log in to it are not asked for consent."),
                is_operators=True,
                shown=N_("Yes: people aren't asked for consent"),
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "may_introspect",
        "may_introspect",
        N_("Introspection"),
        N_("For an API that receives tokens and introspects them here."),
        (
            Value(NO, False, N_("Its own tokens"), shown=N_("Only its own tokens")),
            Value(
                YES,
                True,
                N_("This is an API: it may introspect tokens"),
                N_(
                    "It may introspect every access token for this server, not only its own (RFC 7662). It needs a"
                    " secret."
                ),
                is_operators=True,
                shown=N_("Every token for this server: it's an API"),
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "claims_in_id_token",
        "claims_in_id_token",
        N_("ID tokens"),
        N_("For a client that only reads the ID token (OpenID Connect Core 1.0, section 5.4)."),
        (
            Value(
                NO,
                False,
                N_("Without the claims of the granted scopes"),
                shown=N_("Who logged in; name, email and other claims are only at UserInfo"),
            ),
            Value(
                YES,
                True,
                N_("ID tokens include the claims of the granted scopes"),
                N_("Only in ID tokens from the token endpoint, never in those sent through the browser."),
                shown=N_("Who logged in, with name, email and the other claims of the granted scopes"),
            ),
        ),
        narrowest=NO,
    ),
    OperatorDecision(
        "ends_with_login",
        "ends_with_login",
        N_("After logout"),
        N_("For access granted with openid. With offline_access it always outlives the login."),
        (
            Value(
                "default",
                None,
                N_("Default for this type"),
                N_(
                    "Access ends when the person logs out. Apps on the person's own device, with only loopback or"
                    " private-use redirect URIs and no logout URI, stay connected."
                ),
            ),
            Value(YES, True, N_("Access ends with the login"), N_("This also applies to access granted so far.")),
            Value(
                NO,
                False,
                N_("Stays connected"),
                N_(
                    "Until access is removed, the password changes or the refresh token expires. Only applies to access"
                    " granted from now on."
                ),
                is_operators=True,
            ),
        ),
        narrowest=YES,
    ),
    OperatorDecision(
        "logo",
        "shows_logo",
        N_("Logo"),
        N_("The picture at its logo_uri, fetched once and served by this server."),
        (
            Value("default", None, N_("Default for this type"), N_("Shown, unless the client registered itself.")),
            Value(
                "shown",
                True,
                N_("Shown"),
                N_("Also if the client registered itself."),
                N_("Check the picture first: it may be another company's logo."),
                is_operators=True,
            ),
            Value("hidden", False, N_("Not shown")),
        ),
        narrowest="hidden",
    ),
    OperatorDecision(
        "listed",
        "is_listed",
        N_("Home page"),
        N_("Where everyone can open the app: at its initiate_login_uri, or else at its website."),
        (
            Value("default", None, N_("Default for this type"), N_("Listed, unless it has an owner.")),
            Value(
                YES,
                True,
                N_("Listed for everyone"),
                N_("Also if it has an owner. Clients that registered themselves are never listed."),
                is_operators=True,
            ),
            Value(NO, False, N_("Not listed")),
        ),
        narrowest=NO,
    ),
)
BY_COLUMN: Mapping[str, OperatorDecision] = {decision.column: decision for decision in DECISIONS}
#: The default values.
USUAL: Mapping[str, Any] = {decision.column: decision.values[0].stored for decision in DECISIONS}


def decisions_of(client: object) -> dict[str, Any]:
    """Return the decisions about a client by column."""
    return {column: getattr(client, column) for column in BY_COLUMN}


def changes_to_note(before: object | None, after: object) -> dict[str, Any]:
    """Return the decisions for an event: changed ones, or those of a new client that aren't the default."""
    former = USUAL if before is None else decisions_of(before)
    changed = {column: stored for column, stored in decisions_of(after).items() if stored != former[column]}
    origins = list(getattr(after, "extra_origins", ()))
    return changed | ({"extra_origins": origins} if origins != list(getattr(before, "extra_origins", ())) else {})


def check_decisions(
    columns: Mapping[str, Any], metadata: Mapping[str, Any], token_formats: Iterable[str], algorithms: Iterable[str]
) -> MetadataProblems:
    """Check the decisions about a client by column, together with its metadata."""
    problems, formats, signed_by = MetadataProblems(), tuple(token_formats), tuple(algorithms)
    decided = {**USUAL, **columns}
    is_public = metadata.get("token_endpoint_auth_method") == "none"
    if decided["access_token_format"] not in formats:
        problems.add("access_token_format", f"Choose one of: {', '.join(formats)}.")
    if decided["access_token_format"] == "jwt" and metadata.get("subject_type") == "pairwise":
        problems.add(
            "access_token_format", "A pairwise client needs sealed tokens, as a JWT would reveal the public subject."
        )
    algorithm = decided["access_token_alg"]
    if algorithm is not None and algorithm not in signed_by:
        problems.add("access_token_alg", f"Choose one of this server's algorithms: {', '.join(signed_by)}.")
    if algorithm is not None and decided["access_token_format"] != "jwt":
        problems.add("access_token_alg", "Sealed access tokens have no signature: choose the format JWT.")
    check_origins(problems, decided.get("extra_origins") or ())
    if is_public and decided["pkce_required"] is False:
        problems.add("pkce_required", "A client without a secret must always use PKCE.")
    if is_public and decided["may_introspect"]:
        problems.add("may_introspect", "A client without a secret can't authenticate: choose another method.")
    return problems
