"""What every application makes alike: the builders of its URLs, its templates and its keys, made once for all tests.

The tests make thousands of applications. For each of them Werkzeug would write and compile two functions per route,
Jinja every template that is shown, and OpenSSL would check the numbers of every RSA key: more than all the rest that
such a test does.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from flask.templating import Environment
from joserfc._rfc7518.rsa_key import RSABinding
from werkzeug.routing import Rule

_compile_builder, _compile_template = Rule._compile_builder, Environment.compile
_import_private_key = RSABinding.import_private_key
_builders: dict[tuple[Any, ...], Any] = {}
_templates: dict[tuple[Any, ...], Any] = {}
_keys: dict[str, RSAPrivateKey] = {}


def keep_compiled() -> None:
    """Have Werkzeug, Jinja and joserfc take what they made of an equal route, template or key. Once per process."""
    Rule._compile_builder = _builder_of  # type: ignore[method-assign]
    Environment.compile = _template_of  # type: ignore[method-assign, assignment]
    RSABinding.import_private_key = _key_of  # type: ignore[method-assign, assignment]


def _key_of(numbers: Any) -> RSAPrivateKey:
    key = json.dumps(numbers, sort_keys=True)
    if key not in _keys:
        _keys[key] = _import_private_key(numbers)
    return _keys[key]


def _builder_of(rule: Rule, append_unknown: bool = True) -> Any:
    if rule.defaults:  # their values become a part of the function
        return _compile_builder(rule, append_unknown)
    key = (rule.rule, tuple(rule._trace), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


def _template_of(environment: Environment, source: Any, *arguments: Any, **named: Any) -> Any:
    dialect = (environment.trim_blocks, environment.lstrip_blocks, *environment.extensions)
    newstyle = getattr(environment, "newstyle_gettext", None)
    known = (frozenset(environment.filters), frozenset(environment.tests))  # others are errors
    key = (source, arguments, tuple(named.items()), dialect, newstyle, known)
    if key not in _templates:
        _templates[key] = _compile_template(environment, source, *arguments, **named)
    return _templates[key]
