"""Resource servers (APIs): their identifiers and scopes, and what clients may do there.

May use clients and the database.
"""

from .resource import InvalidResourceError, Resource, ResourceScope
from .resource_checks import ServerFacts
from .storage import Resources

__all__ = ["InvalidResourceError", "Resource", "ResourceScope", "Resources", "ServerFacts"]
