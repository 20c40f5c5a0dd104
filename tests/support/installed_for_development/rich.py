"""Takes the place of rich, which schemathesis brings and production lacks: structlog would load it at each start."""

raise ImportError("rich is no requirement of Grantwright")
