"""What the templates of a client's forms take: choices in words, and the decisions that somebody may make."""

from __future__ import annotations

from typing import Any

from ...clients import Client
from ...clients.operator_decisions import DECISIONS
from ...clients.policy import ClientPolicy
from ..current.authorization_server import authorization_server
from .client_choices import list_choices
from .extra_fields import names_of_more_fields
from .form_input import LABELS, ClientForm, is_offered, values_offered


def describe_form(form: ClientForm, policy: ClientPolicy, client: Client | None = None) -> dict[str, Any]:
    """Return the variables of a template for a form, of a new client or of ``client``."""
    return {
        "form": form,
        "client": client,
        "choices": list_choices(authorization_server(), policy.listed),
        "decisions": [
            (decision, values_offered(decision, policy, client))
            for decision in DECISIONS
            if is_offered(decision, policy, client) or decision.name in form.problems
        ],
        "narrows": policy.narrows is not None,
        "labels": LABELS,
        "more_names": names_of_more_fields(policy.offered),
        "owner": None,
    }
