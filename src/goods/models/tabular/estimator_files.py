"""Fitted estimators as files of skops: types that it trusts by itself and nothing else, equal bytes of equal ones."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from goods.core.artifacts import atomic
from goods.core.errors import GoodsError
from goods.core.wording import in_a_line

THEN = (1980, 1, 1, 0, 0, 0)  # when all files of an archive are from
SCHEMA = "schema.json"


def check_skops() -> None:
    """GoodsError where skops is not installed."""
    try:
        import skops.io  # noqa: F401
    except ImportError:
        raise GoodsError(
            "family sklearn: its models are kept by skops, which is missing; pip install 'goods[sklearn]'"
        ) from None


def unreadable(estimator: Any) -> str:
    """Why a fitted estimator cannot be read again without trusting what the file names; "" where it can."""
    import skops.io

    try:
        foreign = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    except Exception as error:  # whatever its parts raise when asked for their state
        return f"skops cannot write it: {in_a_line(error)}"
    return f"not among the types that skops trusts: {', '.join(foreign[:3])}" if foreign else ""


def write_estimator(path: Path, estimator: Any) -> None:
    import skops.io

    with atomic(path) as temporary:
        temporary.write_bytes(renumbered(skops.io.dumps(estimator)))


def read_estimator(path: Path) -> Any:
    """GoodsError where the file is missing, damaged, or names a type that skops does not trust by itself."""
    check_skops()
    import skops.io

    if not path.is_file():
        raise GoodsError(f"{path}: missing; train this fold again")
    try:
        return skops.io.load(path, trusted=[])
    except Exception as error:  # whatever broken bytes lead to
        told = in_a_line(error)
        raise GoodsError(f"{path}: not readable ({told}); train this fold again") from None


def renumbered(archive: bytes) -> bytes:
    """The archive with places in memory, which name its objects and arrays, counted from 0, and no times in it."""
    names: dict[str, str] = {}

    def number(place: object) -> str:
        return names.setdefault(str(place), str(len(names)))

    def counted(node: Any) -> Any:
        if isinstance(node, list):
            return [counted(item) for item in node]
        if not isinstance(node, dict):
            return node
        found = {key: counted(value) for key, value in node.items()}
        if "__id__" in node and "__loader__" in node:
            found["__id__"] = int(number(node["__id__"]))
            if isinstance(file := node.get("file"), str):
                stem, dot, suffix = file.partition(".")
                found["file"] = number(stem) + dot + suffix
        return found

    out = BytesIO()
    with zipfile.ZipFile(BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        schema = counted(json.loads(source.read(SCHEMA)))
        files = {number(Path(n).stem) + Path(n).suffix: n for n in source.namelist() if n != SCHEMA}
        for name in sorted(files, key=lambda name: (len(name), name)):
            target.writestr(zipfile.ZipInfo(name, THEN), source.read(files[name]))
        target.writestr(zipfile.ZipInfo(SCHEMA, THEN), json.dumps(schema))
    return out.getvalue()
