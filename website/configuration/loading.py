"""Loading the settings from their sources, with an error that lists all problems rather than the first.

Order, later ones win: the defaults, the file named by ``WEBSITE_CONF``, the arguments of ``create_app()``, the
environment variable of the setting's own name, or the file that ``NAME_FILE`` names. ``validation.py`` and
``production.py`` decide which values prevent start-up.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..settings import ANY_HOST, OPEN, Settings, SettingsError, by_name, default_of
from .production import find_demo_problems, find_production_problems
from .validation import find_setting_problems
from .value_files import SUFFIX, list_file_variables, read_value_files

DEFAULT, GIVEN, ENVIRONMENT, BY_MODE = "default", "create_app()", "environment", "mode"
#: The source of values from an embedding application's own configuration.
HOST = "the embedding application"
#: The demo is only reachable from this computer, where programs that nobody registered should work at once.
OPEN_IN_DEMO: Mapping[str, Any] = {"OAUTH2_REGISTRATION": OPEN, "OAUTH2_METADATA_DOCUMENT_HOSTS": [ANY_HOST]}
#: The key of an application's configuration in Flask's extensions.
EXTENSION = "grantwright_configuration"
#: The values of each source by name; later sources win.
Layers = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings and their sources."""

    settings: Settings
    #: All configured values, including Flask's own but not the environment.
    values: Mapping[str, Any]
    #: The source of each setting's value, by the setting's public name.
    sources: Mapping[str, str]
    #: The configuration files that were read.
    files: Sequence[str] = ()


def read_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Build the settings from values by public name, and an environment that overrides them.

    Raises :class:`SettingsError` naming every setting that is malformed or unsafe.
    """
    return read_configuration([(GIVEN, config)], environ).settings


def read_configuration(
    layers: Layers, environ: Mapping[str, str], specifications: Iterable[str] | None = None
) -> Configuration:
    """Build the configuration from layers of values and an environment that overrides them.

    ``specifications`` are the names allowed in OAUTH2_SPECS; without them the names aren't checked. Raises
    :class:`SettingsError` naming every setting that is malformed or unsafe.
    """
    config = {name: value for _source, layer_values in layers for name, value in layer_values.items()}
    texts, problems = read_value_files(environ, by_name())
    problems += _find_unknown(config, by_name()) + _find_unknown(environ, (*by_name(), *list_file_variables(by_name())))
    values: dict[str, Any] = {"demo": not environ.get("WEBSITE_CONF")}
    sources = {"OAUTH2_DEMO": BY_MODE if environ.get("WEBSITE_CONF") else DEFAULT}
    for name, item in by_name().items():
        try:
            if name in environ:
                values[item.name], sources[name] = _parse(environ[name], default_of(item)), ENVIRONMENT
            elif name in texts:
                values[item.name], sources[name] = _parse(texts[name], default_of(item)), name + SUFFIX
            elif config.get(name) is not None:
                values[item.name] = _check_kind(config[name], default_of(item))
                sources[name] = next(source for source, layer_values in reversed(layers) if name in layer_values)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    is_embedded = any(source == HOST for source, _given in layers)
    for name, value in () if is_embedded or not values["demo"] else OPEN_IN_DEMO.items():
        if name not in sources:
            values[by_name()[name].name], sources[name] = value, BY_MODE
    settings = Settings(**values)
    setting_problems = find_setting_problems(settings, specifications)
    setting_problems += find_demo_problems(settings, config, environ) if settings.demo else []
    setting_problems += find_production_problems(settings, config, environ) if not settings.demo else []
    unread = {problem.partition(":")[0] for problem in problems}  # don't validate the default of an unreadable value
    unread |= {variable.removesuffix(SUFFIX) for variable in unread}
    problems += [problem for problem in setting_problems if problem.partition(":")[0] not in unread]
    if problems:
        raise SettingsError(*dict.fromkeys(problems))
    files = [source for source, _given in layers if source not in (GIVEN, HOST)]
    return Configuration(settings, config, {name: sources.get(name, DEFAULT) for name in by_name()}, files)


def _find_unknown(names: Iterable[str], known: Collection[str]) -> list[str]:
    problems = []
    for name in names:
        # OAUTH2_PROXY_* belong to OAuth2 Proxy.
        if name.startswith("OAUTH2_") and not name.startswith("OAUTH2_PROXY_") and name not in known:
            if setting := list_file_variables(known).get(name):
                problems.append(f"{name}: only works in the environment; in a configuration file, use {setting}.")
                continue
            meant = get_close_matches(name, known, 1, 0.85)
            problems.append(f"{name}: unknown setting" + (f"; did you mean {meant[0]}?" if meant else "."))
    return problems


def _parse(text: str, default: Any) -> Any:
    """Parse a value from the environment by its default's type. Raises ``ValueError`` with the expected form."""
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("", "0", "false", "no", "off"):
            return False
        raise ValueError("write 1 or 0, true or false.")
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ValueError("write a whole number.") from None
    if isinstance(default, (dict, list)):
        try:
            value = json.loads(text)
        except ValueError:
            raise ValueError("write JSON.") from None
        return _check_kind(value, default)
    return text


def _check_kind(value: Any, default: Any) -> Any:
    if isinstance(default, bool) and value in (0, 1):
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, type(default)):
        if isinstance(default, str) and isinstance(value, os.PathLike):
            return os.fspath(value)
        raise ValueError(f"expected {type(default).__name__}, got {type(value).__name__}.")
    return value


def gather(config: Mapping[str, Any] | str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Layers:
    """Return the values from the ``WEBSITE_CONF`` file and from the application's own call, each with its source.

    Raises :class:`SettingsError` if a file can't be read.
    """
    files = [path for path in (environ.get("WEBSITE_CONF"), config) if isinstance(path, (str, os.PathLike)) and path]
    layers = [(str(Path(path).absolute()), read_config_file(path)) for path in files]
    return [*layers, (GIVEN, config)] if isinstance(config, Mapping) else layers


def read_config_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the upper-case names that a Python configuration file defines.

    ``path`` is relative to the working folder. Raises :class:`SettingsError` if it can't be read; the message never
    contains text of the file, which may include a secret.
    """
    file = Path(path).absolute()
    try:
        source = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The configuration file {file} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The configuration file {file} is not UTF-8.") from None
    namespace: dict[str, Any] = {"__file__": str(file)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a compiler warning shows the line
            code = compile(source, str(file), "exec")
    except SyntaxError as error:
        raise SettingsError(f"The configuration file {file} is not Python: line {error.lineno}.") from None
    except ValueError:
        raise SettingsError(f"The configuration file {file} is not Python: it contains a null character.") from None
    try:
        exec(code, namespace)  # noqa: S102 - the operator's own file, as Flask reads it
    except Exception as error:
        raise SettingsError(f"The configuration file {file} fails: {_where(error, file)}.") from None
    return {name: value for name, value in namespace.items() if name.isupper()}


def _where(error: Exception, file: Path) -> str:
    """Return the error's type and the line of the file."""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(file):
            line = step.tb_lineno
        step = step.tb_next
    return f"{type(error).__name__}, line {line}"
