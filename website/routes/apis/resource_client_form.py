"""The form of what a client may do at an API: filled in, and read as it was typed."""

from __future__ import annotations

from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from ... import scopes
from ...clients import Client
from ...oauth2.server import AuthorizationServer
from ...resources import Resource
from ...resources.resource_changes import NO_SUCH_CLIENT
from ...translatable import N_
from ..clients.client_apis import BY_OPERATOR
from ..clients.client_choices import Choice

REQUEST_TOKENS, INTROSPECT = "client_credentials", "introspect"
CLIENT_LABELS = {"client": N_("Client ID"), "may": N_("Permissions"), "scope": N_("Scopes")}
RIGHTS = (
    Choice(
        REQUEST_TOKENS,
        N_(
            "Get tokens with these scopes without consent (client_credentials or password grant). Unverified clients"
            " may also ask people for them."
        ),
        label=N_("Request tokens"),
    ),
    Choice(
        INTROSPECT,
        N_("For the API itself, or a gateway in front of it (RFC 7662). The client needs a secret or a key."),
        label=N_("Introspect the tokens for this API"),
    ),
)


@dataclass
class ResourceClientForm:
    """What was typed and ticked, and what is wrong with it."""

    client_id: str
    rights: list[str]
    scopes: list[str]
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def allowed(self) -> str | None:
        """The scopes that the client may request; ``None`` means no tokens."""
        return scopes.join(self.scopes) if REQUEST_TOKENS in self.rights else None

    @property
    def may_introspect(self) -> bool:
        """Whether the client may introspect the API's tokens."""
        return INTROSPECT in self.rights


def form_of_client(server: AuthorizationServer, client_id: str, resource: Resource) -> ResourceClientForm:
    """Return the form filled in with what a client may do at an API; empty for an unknown client."""
    client = server.clients.find_any(client_id)
    if client is None:
        return ResourceClientForm(client_id, [], [])
    allowed = server.resources.allowed_scope(client, resource)
    rights = [] if allowed is None else [REQUEST_TOKENS]
    if resource.identifier in server.resources.introspected_by(client):
        rights.append(INTROSPECT)
    return ResourceClientForm(client_id, rights, list(allowed or ()))


def read_client_form(
    server: AuthorizationServer, fields: MultiDict[str, str], resource: Resource
) -> tuple[ResourceClientForm, Client | None]:
    """Read and judge a posted form, and return its client as well. What the API has is for the store to say."""
    client_id = fields.get("client", "").strip()
    form = ResourceClientForm(client_id, fields.getlist("may"), fields.getlist("scope"))
    client = server.clients.find_any(client_id)
    if client is None:
        form.problems["client"] = NO_SUCH_CLIENT
    if form.scopes and form.allowed is None:
        form.problems["may"] = N_("Tick “Request tokens” too, or no scope.")
    elif not form.rights and not form_of_client(server, client_id, resource).rights:
        form.problems["may"] = N_("Choose at least one permission.")
    return form, client


def find_changed(server: AuthorizationServer, form: ResourceClientForm, resource: Resource) -> Client | None:
    """Return the client whose rights at an API are changed; ``None`` if a form gives a client its first."""
    has_rights = form_of_client(server, form.client_id, resource).rights
    return server.clients.find_any(form.client_id) if has_rights else None


def is_of_no_use(server: AuthorizationServer, client: Client, form: ResourceClientForm) -> bool:
    """Tell whether a client can't use the scopes: it has no grant type for them, nor needs them to ask people."""
    has_grant_type = not BY_OPERATOR.isdisjoint(client.grant_types)
    return form.allowed is not None and not has_grant_type and server.resources.is_by_operator(client)
