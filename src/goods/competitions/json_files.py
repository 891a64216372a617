"""Files of JSON lines, or of one JSON array, → an object for each row.

reads: a file, packed or not
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from goods.competitions.dialect import CUT, PACKED
from goods.competitions.table_values import writable
from goods.core.errors import GoodsError


def json_rows(path: Path) -> list[dict[str, Any]]:
    """Objects of a file of JSON lines, or of one array of them; nested values as JSON texts."""
    packed = path.name.lower().endswith(PACKED)
    try:
        with gzip.open(str(path), "rb") if packed else path.open("rb") as file:
            text = file.read().decode("utf-8-sig")
    except (*CUT, UnicodeDecodeError) as error:
        raise GoodsError(f"{path}: not readable JSON in UTF-8 ({error}); write it again") from None
    pieces = [text] if text.lstrip()[:1] == "[" else text.split("\n")
    rows: list[dict[str, Any]] = []
    for line, piece in enumerate(pieces, 1):
        if not piece.strip():
            continue
        try:
            found = json.loads(piece)
        except (ValueError, RecursionError) as error:
            raise GoodsError(f"{path}: line {line} is not JSON ({error}); mend that line") from None
        if columns_of_rows(found):
            raise GoodsError(
                f"{path}: an object for each column in place of one for each card; write it again, by pandas with "
                "orient='records', lines=True"
            )
        for row in found if isinstance(found, list) else [found]:
            if not isinstance(row, dict):
                raise GoodsError(f"{path}: line {line} holds no object; give an object for each card")
            rows.append({writable(name): cell_of(value) for name, value in row.items()})
    return rows


def cell_of(value: Any) -> Any:
    """A value of JSON that a file can hold, what is nested in it as a JSON text."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return writable(text) if isinstance(text, str) else text


def columns_of_rows(value: Any) -> bool:
    """Whether an object has for each of its names the cells of a column: objects of the same names, as pandas writes
    tables, or lists of the same length."""
    columns: list[Any] = list(value.values()) if isinstance(value, dict) and len(value) > 1 else [None]
    if all(isinstance(one, dict) for one in columns):
        return all(one and one.keys() == columns[0].keys() for one in columns)
    return all(isinstance(one, list) and len(one) == len(columns[0]) > 1 for one in columns)
