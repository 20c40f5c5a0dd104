#: The version of the distribution, as in pyproject.toml.
__version__ = "0.1.0"
