"""Every model by its name, and ``db``, the Flask-SQLAlchemy object of the standalone application.

The files of this folder are found automatically. Below the routes, only this file imports a Flask extension; the
protocol endpoints are given an engine and never use ``db``.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy

from .base import Base

for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
globals().update({_mapper.class_.__name__: _mapper.class_ for _mapper in Base.registry.mappers})
db = SQLAlchemy(metadata=Base.metadata)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
