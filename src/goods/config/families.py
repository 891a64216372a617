"""Family name → its config class, found by the line `family: Literal["name"]` and imported when first asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from goods.config.base import FamilyConfig
from goods.core.discovery import find, imported
from goods.core.errors import GoodsError
from goods.core.meant import among

PACKAGES = ("goods.models", "goods.stack")  # where families are looked for


def _families(statement: ast.stmt) -> Iterator[str]:
    for line in statement.body if isinstance(statement, ast.ClassDef) else ():
        match line:
            case ast.AnnAssign(
                target=ast.Name(id="family"),
                annotation=ast.Subscript(
                    value=ast.Name(id="Literal"), slice=ast.Constant(value=str() as name)
                ),
            ):
                yield name


def family_names() -> list[str]:
    return sorted(find(PACKAGES, "family: Literal[", _families))


def family_class(name: str) -> type[FamilyConfig]:
    """The config class of a family; GoodsError where no file has it."""
    module = find(PACKAGES, "family: Literal[", _families).get(name)
    if module is None:
        raise GoodsError(f"unknown family {name!r}: known are {among(name, family_names())}")
    for value in vars(imported(module)).values():
        if (
            isinstance(value, type)
            and issubclass(value, FamilyConfig)
            and value.__module__ == module
            and value.model_fields["family"].annotation.__args__ == (name,)  # type: ignore[union-attr]
        ):
            return value
    raise GoodsError(f"{module}: family {name!r} is of no FamilyConfig; derive its config class from it")
