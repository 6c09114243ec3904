"""What pages and orders need of this program, loaded before the first is answered.

An upgrade beneath a running process changes its files: what is read only then is of another version than what runs, and
a page of both is an error. So a process answers with the version it began with, until it is started again.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import jinja2

    from relight.config.settings import Settings

#: Packages that pages and orders reach into, loaded whole.
_WHOLE: Final = ("relight.web", "relight.web.desk", "relight.web.ingest", "relight.delivery", "relight.metrics")
#: Modules that are imported inside functions elsewhere.
_LATE: Final = (
    "relight.base.suggest",
    "relight.config.letters",
    "relight.config.measure_models",
    "relight.engine.open_pace",
    "relight.engine.second_look",
    "relight.simulate.rule_tests.suite",
    "relight.stores.id_filter",
    "relight.stores.id_segments",
    "relight.templates.filters",
)
_LATE_POSTGRES: Final = ("relight.stores.postgres", "relight.stores.postgres_inbox", "relight.stores.postgres_turns")
_LATE_CLUSTER: Final = ("relight.engine.cluster_store",)
#: Of other makers, imported inside functions.
_LATE_OF_OTHERS: Final = ("babel.dates", "babel.numbers", "numpy")


def load_program(settings: Settings) -> None:
    """Import what a project's pages may need later."""
    names = [*_LATE, *_LATE_OF_OTHERS]
    names += _LATE_POSTGRES if settings.store.postgres is not None else ()
    names += _LATE_CLUSTER if settings.kafka is not None else ()
    for package in _WHOLE:
        path = import_module(package).__path__
        names += (f"{package}.{found.name}" for found in iter_modules(path) if found.name != "__main__")
    for name in names:
        import_module(name)


def load_templates(environment: jinja2.Environment, *more: str) -> jinja2.Environment:
    """Return an environment with every page compiled, and those of other packages that pages import."""
    environment.auto_reload = False
    for name in (*environment.list_templates(filter_func=lambda name: name.endswith(".html")), *more):
        environment.get_template(name)
    return environment
