"""The scopes granted at APIs, as stored with codes, grants and consents: pairs of an API and its scope.

An API is named by its row id, as its identifier may be registered again after it has been deleted; in the demo by its
URL if nobody registered it. A scope at one API never counts as the same value at another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from .. import scopes

ResourceScopes = Mapping[str, str]
NO_RESOURCES: ResourceScopes = MappingProxyType({})
#: Columns up to this length are kept parsed: a server's grants have few different ones.
MAX_KEPT_CHARACTERS = 500


def from_column(text: str | None) -> ResourceScopes:
    """Return the pairs in a column. Rows copied from another database may contain JSON null."""
    if not text:
        return NO_RESOURCES
    return _parse_kept(text) if len(text) <= MAX_KEPT_CHARACTERS else _parse(text)


def _parse(text: str) -> ResourceScopes:
    return MappingProxyType(json.loads(text) or {})


_parse_kept = lru_cache(maxsize=1024)(_parse)


def to_column(resource_scopes: ResourceScopes) -> str | None:
    """Return the column for a prepared statement."""
    return json.dumps(dict(resource_scopes)) if resource_scopes else None


def cover(wider: ResourceScopes, narrower: ResourceScopes) -> bool:
    """Tell whether ``wider`` has every API of ``narrower``, with every scope value there."""
    return all(resource in wider and scopes.covers(wider[resource], scope) for resource, scope in narrower.items())


def join(resource_scopes: ResourceScopes, others: ResourceScopes) -> dict[str, str]:
    """Return the pairs of both."""
    joined = dict(resource_scopes)
    for resource, scope in others.items():
        values = dict.fromkeys((*scopes.split(joined.get(resource)), *scopes.split(scope)))
        joined[resource] = scopes.join(values)
    return joined
