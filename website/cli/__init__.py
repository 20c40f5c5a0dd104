"""The ``flask`` commands, and their registration on an application."""

from __future__ import annotations

from flask import Flask

from . import (
    access,
    backup,
    claims,
    client_activity,
    client_logos,
    client_subjects,
    clients,
    configuration,
    database,
    drain,
    events,
    groups,
    initial_access_tokens,
    invitations,
    keys,
    mail,
    migrations,
    prune,
    resource_clients,
    resources,
    roles,
    shown_users,
    user_factors,
    user_group,
    user_import,
    user_passkeys,
    users,
    worker,
)

#: Modules that add their commands to a group on import.
PARTS_OF_GROUPS = (
    users, shown_users, user_import, user_factors, user_passkeys, client_activity, client_logos, client_subjects,
    resource_clients,
)  # fmt: skip
COMMANDS = (
    database.initdb,
    user_group.users,
    groups.groups,
    roles.roles,
    invitations.invitations,
    clients.clients,
    access.access,
    claims.claims,
    resources.resources,
    initial_access_tokens.initial_access_tokens,
    keys.keys,
    events.events,
    prune.prune,
    worker.worker,
    worker.logout_notices,
    mail.mail,
    backup.backup,
    drain.drain,
    configuration.check_config,
    configuration.show_config,
)


def register_commands(app: Flask) -> None:
    """Register all commands on an application."""
    for command in COMMANDS:
        app.cli.add_command(command)
    app.cli.add_command(migrations.migrations)
