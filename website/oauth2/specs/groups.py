"""The scope and claim ``groups``: the names of a user's groups on this server.

No standard defines the claim, but this name and a list of strings are what applications read it by: Grafana, Argo CD,
GitLab, Kubernetes and others. It is in UserInfo, and in ID tokens of clients that get their claims there.

First-party clients see all groups of a user, up to 200; others see those that their access rules or claim maps name.
Without the scope nobody sees any, unless the client asks for the claim by its name with the parameter ``claims``. An
embedding application's groups come from its users' ``claims()`` instead.
"""

from __future__ import annotations

from ...clients import Client
from ...settings import Settings
from ...translatable import N_
from ...users.claims_by_scope import ClaimOfClient
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_scopes",)

GROUPS = "groups"
WORDS = {GROUPS: N_("See your groups")}


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.accounts.are_external:
        return

    def find_groups(client: Client, user_id: str) -> list[str]:
        return server.access.groups.names_of(user_id, server.access.visible_groups(client))

    server.registry.add_scopes(WORDS)
    server.registry.add_user_claim(GROUPS, ClaimOfClient(find_groups), scope=GROUPS)
