"""Where a group is used: the clients whose rules let its members in, and those that get a claim by it."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.group import Group
from ..current.authorization_server import authorization_server


@dataclass(frozen=True, slots=True)
class UseOfGroup:
    """A client that a group opens, or of which it fills a claim."""

    client_id: str
    client_name: str
    #: The name of the claim; "" for the rule.
    claim: str = ""


def find_uses(group: Group) -> list[UseOfGroup]:
    """Return the uses of a group by the clients' names: rules first, then claims."""
    server = authorization_server()
    clients = server.access.rules.clients_of_group(group.id)
    claims = server.access.claim_maps.claims_of_group(group.id)
    names = server.clients.names_of({*clients, *(client for client, _claim in claims)})
    uses = [UseOfGroup(client, names.get(client, client)) for client in clients]
    uses += [UseOfGroup(client, names.get(client, client), claim) for client, claim in claims]
    return sorted(uses, key=lambda use: (use.claim != "", use.client_name.casefold(), use.claim))
